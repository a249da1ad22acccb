import pytest
import yaml

from flows.settings.configuration import load_config
from flows.settings.problems import nearest
from tasks.errors import ConfigurationError

KINDS = "exact, tool_name, tool_call,"


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("train=3", "train: holds settings of its own: write train.KEY=VALUE (given: 3)"),
        ("ingest=x", "ingest: holds settings of its own: write ingest.KEY=VALUE (given: 'x')"),
        ("rollout.engine=3", "rollout.engine: holds settings of its own: write rollout.engine.KEY=VALUE (given: 3)"),
        ("score.verifier=tool_call", "score.verifier: write score.verifier.kind=tool_call"),
        ("score.verifier=tool_cal", "(given: 'tool_cal'); did you mean 'tool_call'?"),
        ("score.verifier=3", "score.verifier: holds settings, the first of them score.verifier.kind (given: 3)"),
        ("score.verifier.kind=tool_cal", "score.verifier.kind: no such kind 'tool_cal'; did you mean 'tool_call'?"),
        ("score.verifier.kind=oracle", f"score.verifier.kind: no such kind 'oracle'; there are {KINDS}"),
        ("score.verifier={text: any}", f"score.verifier.kind: must be given: one of {KINDS}"),
        ("score.verifier={kind: tool_call, foo: 1}", "  score.verifier.foo: no such key"),
        ("score.verifier={kind: tool_call, value: {}}", "score.verifier.value: no such key; did you mean 'values'?"),
        ("score.verifier.kind=judge", "score.verifier.url: must be given. Root of an OpenAI-compatible API"),
        (
            "score.verifier={kind: all_of, verifiers: [{kind: exact}, {kind: python}]}",
            "score.verifier.verifiers.1.function: must be given. module:function",
        ),
        (
            "score.verifier={kind: by_domain, domains: {retail: {kind: message, min_similarity: 2}}}",
            "score.verifier.domains.retail.min_similarity: Input should be less than or equal to 1 (given: 2)",
        ),
        (
            "train.max_tokens=4096",
            "  train.max_tokens (4096) leaves no room for a prompt in train.engine.max_model_len",
        ),
    ],
)
def test_a_problem_names_the_key_as_it_is_written(setting: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config("desk", [setting])
    assert sentence in str(caught.value)


def test_what_it_proposes_is_right() -> None:
    assert load_config("desk", ["score.verifier.kind=tool_call"]).score.verifier.kind == "tool_call"
    whole = yaml.safe_load("{kind: all_of, verifiers: [{kind: exact}]}")
    assert load_config("desk", [f"score.verifier={whole}"]).score.verifier.kind == "all_of"


def test_nothing_near_is_no_hint() -> None:
    assert nearest("zzz", ["desk"]) == ""
    assert nearest("dekc", ["desk"]) == "; did you mean 'desk'?"
