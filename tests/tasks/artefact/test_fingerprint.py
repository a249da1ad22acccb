import json
import typing
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from flows.settings.pipeline import PipelineConfig
from schemas import config as configuration
from schemas import section, training
from schemas.section import RUNTIME, Section
from schemas.training import TrainConfig
from tasks.artefact.fingerprint import canonical, version
from tasks.errors import ConfigurationError
from tasks.verifiers import section as verifiers

SECTIONS = list(
    dict.fromkeys(
        model
        for module in (configuration, section, training, verifiers)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, Section) and model is not Section
    )
)
FIELDS = [(model, name) for model in SECTIONS for name in model.model_fields]


def test_every_section_of_a_run_is_looked_at() -> None:
    sections = {field.annotation for field in PipelineConfig.model_fields.values()}
    assert {model for model in sections if isinstance(model, type) and issubclass(model, Section)} <= set(SECTIONS)


class Colour(Enum):
    RED = "red"
    NOT_A_NUMBER = float("nan")


def example(model: type[Section]) -> Section:
    return model(source="world://desk") if "source" in model.model_fields else model()


def changed(value: object, annotation: object) -> object:
    """Another value; whether the model would take it does not matter here."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, BaseModel):
        name = next(n for n, f in type(value).model_fields.items() if RUNTIME not in f.metadata and n != "kind")
        return value.model_copy(update={name: changed(getattr(value, name), None)})
    return ("x",) if isinstance(value, tuple) else 7


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_every_field_changes_the_version_but_those_of_the_runtime(model: type[Section], name: str) -> None:
    first = example(model)
    other = first.model_copy(update={name: changed(getattr(first, name), None)})
    runtime = name in {"gpu_memory_utilization", "kv_cache_gib", "tensor_parallel", "timeout_s", "tokens_per_batch"} | {
        "tree_attention",
        "gradient_checkpointing",
        "processes",
        "launcher",
        "explosion_factor",
        "trackers",
        "kind",  # of an engine; a verifier's kind is in no Section, and counts
    }
    assert (canonical(first) == canonical(other)) == runtime


def test_a_runtime_field_deep_inside_is_left_out_too() -> None:
    slow = TrainConfig.model_validate({"engine": {"timeout_s": 1}})
    longer = TrainConfig.model_validate({"engine": {"max_model_len": 4096}})
    assert canonical(slow) == canonical(TrainConfig())
    assert canonical(longer) != canonical(TrainConfig())


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_plain_values_are_their_own_canonical_form(value: object) -> None:
    assert canonical(value) == value
    assert version("states", 1, canonical(value), {}) == version("states", 1, json.loads(json.dumps(value)), {})


@given(st.dictionaries(st.text(), plain, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(values: dict[str, object], random: typing.Any) -> None:
    keys = list(values)
    random.shuffle(keys)
    shuffled = {key: values[key] for key in keys}
    assert version("states", 1, canonical(shuffled), {}) == version("states", 1, canonical(values), {})
    inputs = dict.fromkeys(values, "v")
    assert version("s", 1, {}, inputs) == version("s", 1, {}, dict.fromkeys(keys, "v"))


def test_version_depends_on_each_of_its_parts() -> None:
    same = ("states", 1, {"by": "task"}, {"trajectories": "trajectories@a"})
    others = [
        ("pivots", *same[1:]),
        (same[0], 2, *same[2:]),
        (*same[:2], {"by": "trajectory"}, same[3]),
        (*same[:3], {"trajectories": "trajectories@b"}),
        (*same[:3], {"states": "trajectories@a"}),
    ]
    assert len({version(*parts) for parts in (same, *others)}) == 6


def test_true_is_not_one_and_a_list_is_not_its_text() -> None:
    assert len({version("s", 1, canonical(v), {}) for v in (True, 1, "1", "true", [1], "[1]", None, "null")}) == 8


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), r"select\.x\[1\] is nan.*give a finite number"),
        (float("inf"), r"select\.x\[1\] is inf"),
        ({1, 2}, r"select\.x\[1\] is a set, which has no canonical form"),
        (len, r"select\.x\[1\] is a builtin_function_or_method"),
        (object(), r"select\.x\[1\] is a object"),
        (Colour.NOT_A_NUMBER, r"select\.x\[1\] is nan"),
        ({1: "a"}, r"select\.x\[1\] has the key 1; keys are text"),
        ({1: "a", "1": "b"}, r"select\.x\[1\] has the key 1"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(value: object, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        canonical({"x": [0, value]}, "select")


def test_an_enum_is_its_value_and_a_tuple_a_list() -> None:
    assert canonical({"c": Colour.RED, "t": (1, 2)}) == {"c": "red", "t": [1, 2]}
