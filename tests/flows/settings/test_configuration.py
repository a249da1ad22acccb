from pathlib import Path

import pytest

from flows.settings.configuration import load_config, preset_names, validate_section
from flows.settings.pipeline import PipelineConfig
from schemas.config import GateConfig, IngestConfig
from tasks.errors import ConfigurationError

SMALL = "model: desk\ningest: {source: a.jsonl}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL)
    return file


def refusal(file: Path | str, *settings: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_config(str(file), settings)
    return str(caught.value)


def test_every_preset_is_valid_with_a_source() -> None:
    assert "desk" in preset_names()
    for name in preset_names():
        assert load_config(name, ["model=desk", "ingest.source=data.jsonl"]).ingest.source == "data.jsonl"


def test_the_model_has_no_silent_default() -> None:
    text = refusal("tool-use", "ingest.source=data.jsonl")
    assert text.splitlines()[1:] == [f"  model: must be given. {PipelineConfig.model_fields['model'].description}"]


def test_none_starts_from_the_defaults() -> None:
    config = load_config("none", ["model=desk", "ingest.source=a.jsonl"])
    assert config == PipelineConfig(model="desk", ingest=IngestConfig(source="a.jsonl"))


def test_the_demonstration_needs_nothing() -> None:
    assert load_config("desk").model == "desk"


def test_a_file_is_read_and_settings_are_applied_in_order(path: Path) -> None:
    config = load_config(
        str(path),
        ["select.max_mean=0.5", "select.max_mean=0.6", "train.learning_rate=1e-6", "evaluate.worlds=[desk]", "seed=3"],
        "s3://bucket/store",
    )
    assert (config.select.max_mean, config.train.learning_rate, config.seed) == (0.6, 1e-6, 3)
    assert config.evaluate.worlds == ("desk",)
    assert config.store == "s3://bucket/store"


def test_the_environments_store_is_a_path_from_here(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    for text, meant in (
        ("", ".pivotrl/store"),
        ("runs", str(tmp_path / "runs")),
        ("~/runs", "/home/me/runs"),
        ("s3://bucket/store", "s3://bucket/store"),
    ):
        monkeypatch.setenv("PIVOTRL_STORE", text)
        assert load_config(str(path)).store == meant
    monkeypatch.setenv("PIVOTRL_STORE", "s3://key:secret@bucket")
    assert "PIVOTRL_STORE: the URL holds a credential" in refusal(path)


def test_an_empty_file_says_what_must_be_given(path: Path) -> None:
    path.write_text("")
    text = refusal(path)
    assert "ingest: must be given, with ingest.source" in text
    assert "model: must be given. The reference policy: a local folder, a hub id" in text


def test_an_unknown_preset_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert "no preset or file 'dekc'; did you mean 'desk'? The presets are desk, tool-use, none" in refusal("dekc")
    text = refusal("nothing-like-it.yaml")
    assert "no preset or file 'nothing-like-it.yaml'. The presets are " in text
    assert f"{tmp_path} is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("select.max_meen=0.5", "select.max_meen: no such key; did you mean 'max_mean'?"),
        ("selcet.max_mean=0.5", "selcet: no such key; did you mean 'select'?"),
        ("rollout.engine.max_model_length=1", "no such key; did you mean 'max_model_len'?"),
        ("zzz=1", "zzz: no such key"),
        ("select.max_mean=1.5", "select.max_mean: Input should be less than or equal to 1 (given: 1.5)"),
        ("rollout.samples=1", "rollout.samples: Input should be greater than or equal to 2 (given: 1)"),
        ("rollout.samples=many", "rollout.samples: Input should be a valid integer"),
        ("split.by=row", "split.by: Input should be 'task' or 'trajectory' (given: 'row')"),
        ("score.verifier.kind=oracle", "score.verifier.kind: no such kind 'oracle'; there are exact, tool_name"),
        ("train.max_tokens=4096", "train.max_tokens (4096) leaves no room for a prompt"),
        ("select", "--set 'select': write it as key=value"),
        ("=1", "--set '=1': write it as key=value"),
        ("model.name=1", "--set model.name: 'model' is a value, not a section"),
        ("select.max_mean=[", "--set select.max_mean: '[' is not a YAML value"),
        ("rounds=.nan", "rounds: Input should be"),
    ],
)
def test_each_mistake_is_named(path: Path, setting: str, problem: str) -> None:
    path.write_text(SMALL)
    assert problem in refusal(path, setting)


def test_a_key_is_looked_for_in_its_own_settings() -> None:
    with pytest.raises(ConfigurationError, match="min_gian: no such key; did you mean 'min_gain'"):
        validate_section(GateConfig, {"min_gian": 1}, "gate")
    with pytest.raises(ConfigurationError, match=r"sede: no such key$"):
        validate_section(GateConfig, {"sede": 1}, "gate")


def test_several_mistakes_are_told_at_once(path: Path) -> None:
    text = refusal(path, "seed=-1", "rounds=0")
    assert str(path) in text
    assert [line.split(":")[0].strip() for line in text.splitlines()[1:]] == ["seed", "rounds"]


@pytest.mark.parametrize("content", [b"a: [1", b"\x00\x01", b"\xff\xfe\xfa", b"a: b: c", b"\t- x"])
def test_what_is_not_yaml_is_said_so(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert f"{path} is not YAML" in refusal(path)


@pytest.mark.parametrize("content", ["- a\n- b", "text", "3"])
def test_yaml_that_is_no_mapping_is_said_so(path: Path, content: str) -> None:
    path.write_text(content)
    assert "a configuration is a mapping of keys" in refusal(path)


def test_keys_are_text(path: Path) -> None:
    path.write_text(SMALL + "1: 2\n")
    assert "1: " in refusal(path)


def test_a_written_configuration_is_read_back_the_same(path: Path) -> None:
    config = load_config("desk")
    path.write_text(config.model_dump_json())
    assert load_config(str(path)) == config == PipelineConfig.model_validate_json(config.model_dump_json())
