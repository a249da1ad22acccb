# The worker on a CPU: docker build -f infra/images/worker.cpu.Dockerfile -t pivotrl-worker:cpu .
FROM python:3.11.14-slim-bookworm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# vLLM's CPU kernels link to libnuma.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnuma1 \
    && rm -rf /var/lib/apt/lists/*

# Folders that a volume is mounted on must be the user's already.
RUN useradd --create-home --uid 1000 pivotrl \
    && install --directory --owner=pivotrl /app /app/.pivotrl /home/pivotrl/.cache /home/pivotrl/.cache/huggingface
WORKDIR /app

# What is pinned, before what changes daily: a change of code rebuilds the last layers only.
COPY infra/setup.sh infra/cpu.txt infra/
RUN PIP_NO_CACHE_DIR=1 infra/setup.sh /opt/venv --dependencies
ENV PATH=/opt/venv/bin:$PATH
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

USER 1000
ENV DO_NOT_TRACK=1
CMD ["prefect", "worker", "start", "--pool", "pivotrl"]
