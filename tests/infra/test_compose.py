"""The team's compose file: valid, closed to the network, free of secrets, and running commands that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cli import parse
from flows.settings.configuration import change_preset
from tests.servers import ROOT

FILE = ROOT / "infra" / "compose.yaml"
TEXT = FILE.read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
REQUIRED = set(re.findall(r"\$\{(\w+):\?", TEXT))
EXAMPLE = (ROOT / "infra" / ".env.example").read_text()
LONG_RUNNING = {name: service for name, service in SERVICES.items() if service.get("restart") != "no"}
SECRET = re.compile("PASSWORD|SECRET|AUTH|ACCESS_KEY")


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0


def test_it_is_what_the_compose_specification_allows() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    line = [str(checker), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not has_compose(), reason="needs docker compose")
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_docker_compose_resolves_it(profile: str) -> None:
    values = dict.fromkeys(REQUIRED, "value") | {"COMPOSE_PROFILES": profile}
    line = ["docker", "compose", "-f", str(FILE), "config", "--quiet"]
    done = subprocess.run(line, env={**os.environ, **values}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def podman_compose(folder: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`config` by the other implementation of the specification, with `given` as infra/.env."""
    podman = folder / "podman"
    podman.write_text("#!/bin/sh\necho podman version 5.0.0\n")  # all that `config` asks of podman itself
    podman.chmod(0o755)
    (folder / "given.env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    program = str(Path(sys.executable).with_name("podman-compose"))
    line = [program, "-f", str(FILE), "--env-file", str(folder / "given.env"), "config"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PIVOTRL_"))}
    environment["PATH"] = f"{folder}:{os.environ['PATH']}"
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_the_filled_example_resolves(tmp_path: Path, profile: str) -> None:
    done = podman_compose(tmp_path, {**dict.fromkeys(REQUIRED, "filled"), "COMPOSE_PROFILES": profile})
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)["services"]
    assert found["deploy"]["image"] == f"pivotrl-worker:{profile}"
    assert found["server"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"].endswith(
        ":filled@database:5432/prefect"
    )


@pytest.mark.slow
@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_value_that_is_missing_is_asked_for(tmp_path: Path, missing: str) -> None:
    done = podman_compose(tmp_path, {name: "filled" for name in REQUIRED if name != missing} | {missing: ""})
    assert done.returncode != 0
    assert f"{missing} is missing a value: see infra/.env.example" in done.stderr


def test_no_port_is_open_to_other_machines() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_credentials_come_from_the_environment_alone() -> None:
    set_here = {
        (name, value)
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if SECRET.search(name)
    }
    assert set_here
    assert [pair for pair in set_here if not re.fullmatch(r"\$\{\w+(:\?[^}]*)?\}", pair[1])] == []


def test_every_variable_is_in_the_example_or_has_a_value() -> None:
    assert set(re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE)) == REQUIRED
    bare = set(re.findall(r"\$\{(\w+)\}", TEXT))
    assert bare <= REQUIRED, "one that is missing is named where it is first used"
    filled = re.findall(r"^(\w+)=(.+)$", EXAMPLE, re.MULTILINE)
    assert {name for name, _ in filled if SECRET.search(name)} <= {"AWS_ACCESS_KEY_ID"}


def test_what_others_wait_for_says_when_it_is_healthy() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}, which never says"
            else:
                assert SERVICES[other]["restart"] == "no", f"{name} waits for the end of {other}"


def test_images_are_pinned_and_the_workers_are_built_here() -> None:
    for name, service in SERVICES.items():
        _, _, tag = service["image"].rpartition(":")
        assert tag not in ("", "latest"), name
        if "build" in service:
            for profile in ("cpu", "gpu"):
                dockerfile = service["build"]["dockerfile"].replace("${COMPOSE_PROFILES}", profile)
                assert (FILE.parent / service["build"]["context"] / dockerfile).is_file()
    pinned = re.search(r"^prefect==(\S+)", (ROOT / "infra" / "cpu.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert SERVICES["server"]["image"].startswith(f"prefecthq/prefect:{pinned[1]}-")


def test_workers_and_server_come_back_after_a_restart() -> None:
    assert {service["restart"] for service in LONG_RUNNING.values()} == {"unless-stopped"}
    assert SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]


def test_the_command_that_deploys_exists() -> None:
    program, *arguments = SERVICES["deploy"]["command"]
    assert program == "pivotrl"
    command, _ = parse(arguments)
    assert command.__name__ == arguments[0]


def test_runs_of_the_workers_go_to_the_object_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = SERVICES["worker-gpu"]["environment"]
    default = re.fullmatch(r"\$\{PIVOTRL_STORE:-(.+)\}", worker["PIVOTRL_STORE"])
    assert default is not None
    monkeypatch.setenv("PIVOTRL_STORE", default[1])
    assert change_preset("desk", {}).store == default[1]
    assert change_preset("desk", {"store": "elsewhere"}).store == "elsewhere"
    bucket = default[1].removeprefix("s3://").split("/")[0]
    assert SERVICES["storage"]["environment"]["S3_BUCKET"] == bucket
