"""The Kubernetes manifests by the API's own schemas, the work pool's job template by Prefect's worker and server."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
from pathlib import Path
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect_kubernetes.settings import KubernetesSettings
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from tests.infra.conftest import api, deploy, prefect
from tests.servers import ROOT, prefect_server

FOLDER = ROOT / "infra" / "kubernetes"
TEMPLATE = json.loads((FOLDER / "job-template.json").read_text())
VERSIONS = ("1.30", "1.37")


def documents(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((FOLDER / name).read_text()) if document]


def job(**variables: Any) -> dict[str, Any]:
    """The Job that Prefect's worker would send to the API for a run with these variables."""
    # A client that asks nobody: blocks and Prefect variables would be looked up, and the template has none.
    client = PrefectClient("http://127.0.0.1:9/api")
    configuration = asyncio.run(
        KubernetesWorkerJobConfiguration.from_template_and_values(TEMPLATE, variables, client=client)
    )
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="bold-hare"))
    return configuration.job_manifest


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["namespace.yaml", "secrets.example.yaml", "deploy.yaml"])
def test_manifests_are_what_the_api_takes(name: str, version: str) -> None:
    for document in documents(name):
        kubernetes_validate.validate(document, version, strict=True)
        assert "pivotrl" in (document["metadata"]["name"], document["metadata"].get("namespace"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variables", [{}, {"gpus": 0, "image": "pivotrl-worker:cpu", "env": {"HF_HUB_OFFLINE": "1"}}])
def test_a_run_becomes_a_job_that_the_api_takes(variables: dict[str, Any], version: str) -> None:
    manifest = job(**variables)
    # Prefect's worker demands these two in the pod's specification, where the API's own default is to drop them.
    for key in ("parallelism", "completions"):
        assert manifest["spec"]["template"]["spec"].pop(key) == 1
    kubernetes_validate.validate(manifest, version, strict=True)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert int(container["resources"]["limits"]["nvidia.com/gpu"]) == variables.get("gpus", 1)
    assert container["image"] == variables.get("image", "pivotrl-worker:gpu")
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert {"name": "HF_HUB_OFFLINE", "value": "1"} in container["env"] or not variables
    assert not re.findall(r"\{\{.*?\}\}", json.dumps(manifest)), "a placeholder was left"


def test_a_long_job_is_not_moved_and_not_run_twice() -> None:
    manifest = job()
    pod = manifest["spec"]["template"]
    assert manifest["spec"]["backoffLimit"] == 0, "a run is retried by Prefect alone, which knows what is finished"
    environment = {row["name"]: row.get("value") for row in pod["spec"]["containers"][0]["env"]}
    assert environment["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"
    assert pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert pod["spec"]["terminationGracePeriodSeconds"] >= 60
    assert manifest["spec"]["activeDeadlineSeconds"] >= 7 * 86400, "a run may take a GPU-week"


def test_credentials_come_from_secrets_that_the_example_has() -> None:
    secrets = {document["metadata"]["name"]: document["stringData"] for document in documents("secrets.example.yaml")}
    container = job()["spec"]["template"]["spec"]["containers"][0]
    assert [source["secretRef"]["name"] for source in container["envFrom"]] == ["pivotrl-store"]
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"} <= secrets["pivotrl-store"].keys()
    server, worker = (documents(f"prefect-{part}.yaml")[0] for part in ("server", "worker"))
    assert "connection-string" in secrets[server["secret"]["name"]]
    assert server["secret"]["create"] is False
    assert "auth-string" in secrets[server["server"]["basicAuth"]["existingSecret"]]
    assert "auth-string" in secrets[worker["worker"]["selfHostedServerApiConfig"]["basicAuth"]["existingSecret"]]
    reference = documents("deploy.yaml")[0]["spec"]["template"]["spec"]["containers"][0]["env"][1]["valueFrom"]
    assert reference["secretKeyRef"]["key"] in secrets[reference["secretKeyRef"]["name"]]


def test_the_worker_reads_the_settings_that_its_values_give(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {row["name"]: row["value"] for row in documents("prefect-worker.yaml")[0]["worker"]["extraEnvVars"]}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = KubernetesSettings()
    assert settings.worker.api_auth_string_secret_name == "prefect-auth"
    assert settings.worker.api_auth_string_secret_key == "auth-string"
    assert settings.observer.namespaces == {"pivotrl"}


def test_every_variable_is_used_and_every_placeholder_is_a_variable() -> None:
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(TEMPLATE["job_configuration"])))
    assert used == TEMPLATE["variables"]["properties"].keys()
    for name, variable in TEMPLATE["variables"]["properties"].items():
        assert variable["title"], name
        assert variable["description"], name


def test_the_images_are_of_the_pinned_prefect() -> None:
    pinned = re.search(r"^prefect==(\S+)", (ROOT / "infra" / "cpu.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    server, worker = (documents(f"prefect-{part}.yaml")[0] for part in ("server", "worker"))
    tags = (server["global"]["prefect"]["image"]["prefectTag"], worker["worker"]["image"]["prefectTag"])
    assert {tag.split("-")[0] for tag in tags} == {pinned[1]}


@pytest.mark.server
def test_a_server_takes_the_pool_and_deploys_into_it(tmp_path: Path) -> None:
    template = str(FOLDER / "job-template.json")
    with prefect_server(tmp_path) as server:
        prefect(server, "work-pool", "create", "pivotrl", "--type", "kubernetes", "--base-job-template", template)
        deploy(server)
        pool = api(server, "/work_pools/pivotrl")
        assert pool["type"] == "kubernetes"
        assert pool["base_job_template"] == TEMPLATE
        deployments = api(server, "/deployments/filter", {})
        assert {deployment["work_pool_name"] for deployment in deployments} == {"pivotrl"}
        runs = f"/deployments/{deployments[0]['id']}/create_flow_run"
        assert api(server, runs, {"job_variables": {"gpus": 8}})["job_variables"] == {"gpus": 8}
        for bad in ({"gpus": -1}, {"memory": "plenty"}):
            with pytest.raises(urllib.error.HTTPError, match=r"4\d\d"):
                api(server, runs, {"job_variables": bad})
