"""The pinned sets against what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.servers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Installed by infra/setup.sh before and after the CPU set.
APART = {"cpu": {"torch"}, "gpu": set[str]()}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(device: str) -> dict[str, str]:
    lines = (ROOT / "infra" / f"{device}.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "a name and its version, nothing else"
    found = {canonical(name): version for name, version in pairs}
    assert len(found) == len(pairs), "pinned twice"
    return found


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_every_requirement_is_pinned_to_a_version_that_it_allows(device: str) -> None:
    extra = PROJECT["optional-dependencies"]["gpu"] if device == "gpu" else []
    pinned = pins(device)
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extra]):
        name = canonical(requirement.name)
        if name not in APART[device]:
            assert requirement.specifier.contains(pinned[name]), f"{requirement} and {name}=={pinned[name]}"


def test_the_gpu_set_is_of_one_cuda_and_the_cpu_set_of_none() -> None:
    gpu, cpu = pins("gpu"), pins("cpu")
    toolkit = gpu["cuda-toolkit"].rsplit(".", 2)[0]
    assert gpu["nvidia-cuda-runtime"].startswith(f"{toolkit}.")
    assert gpu["nvidia-cuda-nvrtc"].startswith(f"{toolkit}.")
    assert [name for name in cpu if name.startswith(("nvidia-", "cuda-"))] == []
    assert "+cpu" not in "".join(gpu.values())


def test_both_sets_hold_the_same_versions_of_what_they_share() -> None:
    gpu, cpu = pins("gpu"), pins("cpu")
    # What each device's torch, vLLM and tools ask for exactly.
    apart = {"triton", "apache-tvm-ffi", "setuptools"}
    assert {name: (cpu[name], gpu[name]) for name in cpu.keys() & gpu.keys() - apart if cpu[name] != gpu[name]} == {}
