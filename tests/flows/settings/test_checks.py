import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.settings.checks import check_run
from flows.settings.pipeline import PipelineConfig
from tasks.errors import ConfigurationError, NotInStore
from tasks.policy.files import DESK
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, trajectory


def config(store: Store, source: str = "world://desk", **changes: Any) -> PipelineConfig:
    ingest = {"source": source, **changes.pop("ingest", {})}
    return PipelineConfig.model_validate({"model": "desk", "store": store.root, "ingest": ingest, **changes})


def test_a_run_that_can_be_is_let_through(store: Store, tmp_path: Path) -> None:
    check_run(config(store))
    shutil.copytree(DESK, tmp_path / "model")
    (tmp_path / "a.jsonl").write_text("")
    check_run(config(store, str(tmp_path / "*.jsonl"), model=str(tmp_path / "model")))
    assert not list(store.artefacts())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"source": "nowhere/*.jsonl"}, "ingest.source 'nowhere/\\*.jsonl': no such file"),
        ({"source": "world://dekc"}, "world 'dekc': not built in"),
        ({"ingest": {"reader": "nowhere:read"}}, "ingest.reader 'nowhere:read'"),
        ({"model": "./nowhere"}, "model './nowhere': no such folder"),
        ({"model": "dekc"}, "model 'dekc': no such folder"),
        ({"evaluate": {"skills": ["flying"]}}, "flying"),
        ({"rollout": {"engine": {"max_model_len": 4096}}}, "reads 2,048 tokens at most"),
        ({"score": {"parser": "qwen3_coder"}}, "model 'desk': score.parser 'qwen3_coder' does not read"),
        ({"score": {"parser": "nowhere:read"}}, "score.parser 'nowhere:read' cannot be imported"),
    ],
)
def test_a_mistake_is_one_of_the_configuration(store: Store, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        check_run(config(store, **changes))


@pytest.mark.parametrize("section", ["rollout", "train", "evaluate"])
def test_a_context_matters_from_the_stage_that_samples_on(store: Store, section: str) -> None:
    long = config(store, **{section: {"engine": {"max_model_len": 4096}}})
    last = {"rollout": "states", "train": "pivots", "evaluate": "policies"}[section]
    first = {"rollout": "rollouts", "train": "policies", "evaluate": "evaluations"}[section]
    check_run(long, until=last)
    with pytest.raises(ConfigurationError, match=f"fewer than {section}.engine.max_model_len: set"):
        check_run(long, until=first)


@pytest.mark.parametrize("section", ["rollout", "train", "evaluate"])
def test_an_engine_on_more_accelerators_than_divide_the_model_is_refused(store: Store, section: str) -> None:
    shared = {"engine": {"tensor_parallel": 3}, **({"processes": 3} if section == "train" else {})}
    with pytest.raises(ConfigurationError, match=rf"{section}\.engine\.tensor_parallel is 3.* 4 attention heads"):
        check_run(config(store, **{section: shared}))
    check_run(config(store, **{section: {**shared, "engine": {"tensor_parallel": 1}}}))


def test_a_model_whose_new_weights_reach_no_engine_is_not_trained_with_samples(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DESK, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "model_type": "gpt_oss"}))
    check_run(config(store, model=str(folder)), until="pivots")
    check_run(config(store, model=str(folder), train={"method": "sft"}))
    with pytest.raises(ConfigurationError, match="cannot be trained with samples"):
        check_run(config(store, model=str(folder)), until="policies")


def test_sft_starts_no_engine_but_the_evaluations(store: Store) -> None:
    sft = {"method": "sft", "engine": {"max_model_len": 4096}}
    check_run(config(store, rollout={"engine": {"max_model_len": 4096}}, train=sft))
    with pytest.raises(ConfigurationError, match=r"fewer than evaluate\.engine.max_model_len: set"):
        check_run(config(store, train=sft, evaluate={"engine": {"max_model_len": 4096}}))


def test_every_engine_that_a_run_starts_is_checked(store: Store) -> None:
    long = {"engine": {"max_model_len": 4096}}
    with pytest.raises(ConfigurationError) as refused:
        check_run(config(store, rollout=long, train=long, evaluate=long))
    assert all(f"{section}.engine.max_model_len" in str(refused.value) for section in ("rollout", "train", "evaluate"))


def test_a_model_that_lacks_something_too(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DESK, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ConfigurationError, match="has no chat template"):
        check_run(config(store, model=str(folder)))


def test_a_start_needs_no_source(store: Store) -> None:
    commit_states(store, commit_trajectories(store, [[trajectory(0)]]))
    check_run(config(store, "gone.jsonl"), start="states")
    with pytest.raises(NotInStore, match="no version or tag 'latest' of pivots"):
        check_run(config(store, "gone.jsonl"), start="pivots")
    with pytest.raises(NotInStore, match="no version or tag 'lost' of policies"):
        check_run(config(store, model="policies@lost"))


def test_what_lies_behind_a_url_is_left_to_the_stage(store: Store) -> None:
    check_run(config(store, "s3://no-such-bucket-anywhere/rows.jsonl"))


def test_a_template_of_unknown_format_is_refused_and_what_it_hides_is_named(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(DESK, tmp_path / "model")
    template = tmp_path / "model" / "chat_template.jinja"
    template.write_text(template.read_text().replace("tool_call>", "call>"))
    with pytest.raises(ConfigurationError, match=r"shows no known format of tool calls: .*module:function"):
        check_run(config(store, model=str(tmp_path / "model")))
    template.write_text(template.read_text().replace("message.role == 'tool'", "message.role == 'nobody'"))
    check_run(config(store, model=str(tmp_path / "model"), score={"parser": "none"}))
    assert "its chat template does not show results of tools" in caplog.text and "reasoning" not in caplog.text


def test_options_of_the_template_are_those_of_the_check(store: Store, tmp_path: Path) -> None:
    shutil.copytree(DESK, tmp_path / "model")
    template = tmp_path / "model" / "chat_template.jinja"
    template.write_text("{% if not ready %}{{ raise_exception('not ready') }}{% endif %}" + template.read_text())
    with pytest.raises(ConfigurationError, match="not ready"):
        check_run(config(store, model=str(tmp_path / "model")))
    check_run(config(store, model=str(tmp_path / "model"), model_options={"ready": True}))
    with pytest.raises(ConfigurationError, match="has no variable raedy"):
        check_run(config(store, model=str(tmp_path / "model"), model_options={"ready": True, "raedy": True}))


def test_sft_that_validates_starts_an_engine_too(store: Store) -> None:
    train = {"method": "sft", "engine": {"max_model_len": 4096}}
    check_run(config(store, train=train), until="policies")
    with pytest.raises(ConfigurationError, match=r"fewer than train\.engine\.max_model_len"):
        check_run(config(store, train={**train, "validate_every": 2}), until="policies")
