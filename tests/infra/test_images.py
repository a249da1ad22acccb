"""The workers' Dockerfiles, by hadolint, and what goes into their build."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT

FILES = sorted((ROOT / "infra" / "images").glob("*.Dockerfile"))


def instructions(file: Path, name: str) -> list[str]:
    """The arguments of an instruction, in order, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", file.read_text())
    return re.findall(rf"^{name} (.+)$", text, re.MULTILINE)


def test_there_is_one_for_each_device() -> None:
    assert [file.name for file in FILES] == ["worker.cpu.Dockerfile", "worker.gpu.Dockerfile"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_hadolint_finds_nothing(file: Path) -> None:
    line = [str(Path(sys.executable).with_name("hadolint")), str(file)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_runs_as_a_user_who_is_not_root_in_the_folder_that_runs_work_in(file: Path) -> None:
    # A number: Kubernetes' runAsNonRoot cannot look up a name.
    assert instructions(file, "USER") == ["1000"]
    assert instructions(file, "WORKDIR") == ["/app"]
    (base,) = instructions(file, "FROM")
    assert re.search(r":3\.11\.\d+-", base), "the Python that the pinned sets are resolved for"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_it_copies_is_sent_to_the_build(file: Path) -> None:
    sent = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in sent)
    assert {"flows", "tasks", "schemas", "infra", "prefect.yaml", "pyproject.toml"} <= set(sent)
    for sources in instructions(file, "COPY"):
        for source in sources.split()[:-1]:
            assert (ROOT / source).exists()
            assert source == "." or source.split("/")[0] in sent


def test_each_installs_its_pinned_set() -> None:
    cpu, gpu = ("\n".join(instructions(file, "RUN")) for file in FILES)
    assert "infra/setup.sh /opt/venv --dependencies" in cpu
    assert "--requirement infra/gpu.txt" in gpu
