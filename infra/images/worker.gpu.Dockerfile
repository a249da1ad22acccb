# The worker on a GPU: docker build -f infra/images/worker.gpu.Dockerfile -t pivotrl-worker:gpu .
# The CUDA libraries come with the wheels; the driver comes from the host, by the NVIDIA container toolkit.
FROM python:3.11.14-slim-bookworm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# Triton and FlashInfer compile kernels when they first run.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libnuma1 \
    && rm -rf /var/lib/apt/lists/*

# Folders that a volume is mounted on must be the user's already.
RUN useradd --create-home --uid 1000 pivotrl \
    && install --directory --owner=pivotrl /app /app/.pivotrl /home/pivotrl/.cache /home/pivotrl/.cache/huggingface
WORKDIR /app

# What is pinned, before what changes daily: a change of code rebuilds the last layers only.
COPY infra/gpu.txt infra/
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --requirement infra/gpu.txt
ENV PATH=/opt/venv/bin:$PATH
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

USER 1000
ENV DO_NOT_TRACK=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
CMD ["prefect", "worker", "start", "--pool", "pivotrl"]
