import json

import pytest
from pydantic import ValidationError

from flows.settings.configuration import change_preset
from flows.settings.pipeline import PipelineConfig
from schemas.config import IngestConfig
from schemas.locations import holds_credentials
from tasks.errors import ConfigurationError
from tasks.stages.ingest.source import files
from tasks.store.store import Store

TOKEN = "wJalrXUtnFEMI"
SECRET = f"{TOKEN}/K7MDENG"
WITH = [
    f"s3://AKIAEXAMPLE:{SECRET}@bucket/data",
    f"simplecache::s3://AKIAEXAMPLE:{SECRET}@bucket/data",
    f"sftp://me:{SECRET}@host:22/data",
    f"https://host/rows.jsonl?X-Amz-Credential=a&X-Amz-Signature={SECRET}",
    f"https://host/rows.jsonl?sig={SECRET}",
    f"abfs://container/rows?token={SECRET}",
    f"s3://bucket/data?endpoint=x&secret_access_key={SECRET}",
    f"https://{TOKEN}@host/rows.jsonl",
    f"simplecache::http://{TOKEN}:@host:8000/rows.jsonl",
]
WITHOUT = [
    "/data/runs",
    "C:\\data\\runs@home",
    "s3://bucket/runs/*.jsonl.gz",
    "http://localhost:9000/a@b:c",
    "https://host/rows.jsonl?by=me@host",
    "sftp://me@host:22/data",
    "github://owner:repository@main/data.jsonl",
    "hf://datasets/owner/name@refs/convert/data.parquet",
    "world://desk?episodes=200&seed=0",
    "policies@latest",
]


@pytest.mark.parametrize("url", WITH)
def test_a_url_with_a_credential_is_refused_everywhere_and_never_repeated(url: str) -> None:
    assert holds_credentials(url)
    refusals = []
    for attempt in (
        lambda: Store(url),
        lambda: files(url),
        lambda: change_preset("desk", {"store": url}),
        lambda: change_preset("desk", {"ingest": {"source": url}}),
        lambda: change_preset("desk", {"model": url}),
        lambda: change_preset("desk", {"score": {"verifier": {"kind": "judge", "model": "m", "url": url}}}),
    ):
        with pytest.raises(ConfigurationError, match="environment variables") as refused:
            attempt()
        refusals.append(str(refused.value))
    with pytest.raises(ValidationError) as invalid:
        IngestConfig(source=url)
    assert all(TOKEN not in text for text in [*refusals, str(invalid.value)])


@pytest.mark.parametrize("url", WITHOUT)
def test_any_other_location_is_taken(url: str) -> None:
    assert not holds_credentials(url)
    assert IngestConfig(source=url).source == url


def test_the_form_refuses_it_too() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = PipelineConfig.model_json_schema()
    json.dumps(schema)
    values = {"model": "desk", "ingest": {"source": "rows.jsonl"}}
    jsonschema.validate(values | {"store": WITHOUT[2]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values | {"store": WITH[0]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values | {"ingest": {"source": WITH[3]}}, schema)
