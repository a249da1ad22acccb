import base64
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.chat import Role, message
from schemas.config import SelectConfig
from schemas.decisions import DECISIONS
from schemas.evaluations import EVALUATIONS
from schemas.policies import POLICIES
from tasks.artefact.stage import Stage, obtain
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.report.card import card
from tasks.store.lineage import lineage
from tasks.store.manifest import Manifest
from tasks.store.store import Store
from tests.builders import NoSettings, trajectory
from tests.pivots import HALF, commit_pivots, conversation

REWARDS = {(0, 1): HALF, (0, 3): (0.0,) * 4, (1, 2): (1.0, 1.0, 1.0, 0.0), (1, 4): (1.0,) * 4}
IMAGES = {
    "trajectories": 1,
    "states": 1,
    "rollouts": 1,
    "scores": 1,
    "profiles": 2,
    "pivots": 2,
    "policies": 1,
    "evaluations": 1,
}
STEP = dict.fromkeys(POLICIES.columns, 0.5) | {
    "states": 1,
    "samples": 4,
    "step": 0,
    "distinct_tokens": 9,
    "repeated_tokens": 18,
}
MEASURED = {
    "policy": "desk:3f9a",
    "suite": "states",
    "metric": "pass_rate",
    "temperature": 0.0,
    "value": 0.79,
    "n": 412,
    "standard_error": 0.02,
}


def other(store: Store, stage: str, table: Any, rows: list[dict[str, Any]]) -> Manifest:
    definition = Stage(stage, version=1, tables={stage: table})
    made = obtain(
        definition, NoSettings(), {"seed": "0"}, store, lambda writer: writer.write(0, {stage: frame(table, rows)})
    )
    return store.manifest(made.ref)


@pytest.fixture
def stages(store: Store) -> dict[str, Manifest]:
    parts = [[trajectory(0, conversation(0))], [trajectory(1, conversation(1), domain="a|b $x^$")]]
    manifests = lineage(store, commit_pivots(store, parts, REWARDS).ref)
    manifests["policies"] = other(store, "policies", POLICIES, [STEP, STEP | {"step": 1}])
    measured = [MEASURED | {"domain": "desk", "scope": "in_domain"}, MEASURED | {"domain": "addition", "scope": "ood"}]
    manifests["evaluations"] = other(store, "evaluations", EVALUATIONS, measured)
    return manifests


@pytest.mark.parametrize("stage", IMAGES)
def test_every_stage_has_counts_plots_rows_lineage_and_how_to_load_it(
    store: Store, stages: dict[str, Manifest], stage: str
) -> None:
    manifest = stages[stage]
    text = card(store, manifest)
    assert text.startswith(f"# {manifest.ref}\n") and f"| {stage} | {manifest.rows} |" in text
    images = re.findall(r"!\[[^\]]+\]\(data:image/png;base64,([^)]+)\)", text)
    assert len(images) == IMAGES[stage]
    assert all(base64.b64decode(image).startswith(b"\x89PNG") for image in images)
    assert len(text) < 200_000, "a card is for reading"
    header = next(line for line in text.splitlines() if line.startswith("| column | row "))
    assert header.count("row ") == min(5, manifest.rows)
    assert all(f"| {name} | `{of}" in text for name, of in manifest.inputs.items() if "@" in of[:12])
    code = text.split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) == 2
    names: dict[str, Any] = {}
    exec(code, names)
    assert isinstance(names[stage], pl.DataFrame) and names[stage].height == manifest.rows


def test_a_selection_says_why_the_others_are_not_in_it(store: Store, stages: dict[str, Manifest]) -> None:
    text = card(store, stages["pivots"])
    assert "| always_right | 1 |" in text and "| never_right | 1 |" in text
    assert "the selected region shaded" in text and '"max_mean": 0.9' in text


def test_a_decision_is_a_sentence_and_a_table_whose_first_rows_decide(store: Store) -> None:
    row = {"domain": "", "scope": "in_domain", "temperature": None, "candidate": 0.9, "base": 0.8}
    row |= {"difference": 0.1, "standard_error": 0.0283, "n": None, "base_n": None}
    measured = {**row, "suite": "states", "domain": "de|sk", "temperature": 0.0, "bound": None, "holds": None}
    rows = [
        {**row, "suite": "all", "bound": 0.0283, "holds": True},
        {**row, "suite": "all", "scope": "ood", "difference": -0.1, "bound": -0.02, "holds": False},
        {**measured, "n": 100, "base_n": 100},
        {**measured, "temperature": 1.0, "n": 90, "base_n": 100},
    ]
    sentence = "policies@new fails the gate against the model desk"

    def produce(writer: Writer) -> None:
        writer.write(0, {"decisions": frame(DECISIONS, rows)}, summary={"sentence": sentence})

    made = obtain(Stage("decisions", version=1, tables={"decisions": DECISIONS}), NoSettings(), {}, store, produce)
    section = card(store, store.manifest(made.ref)).split("## Decision\n\n")[1].split("## ")[0]
    text, _, table = section.partition("\n\n")
    assert text == f"{sentence}."
    header, _, *lines = table.splitlines()[:6]
    assert header == "| suite | domain | scope | T | n | candidate | base | difference | bound | holds |"
    assert lines == [
        "| all |  | in_domain |  |  | 0.900 | 0.800 | +0.100 ± 0.028 | +0.028 | yes |",
        "| all |  | ood |  |  | 0.900 | 0.800 | -0.100 ± 0.028 | -0.020 | no |",
        "| states | `de\\|sk` | in_domain | 0 | 100 | 0.900 | 0.800 | +0.100 ± 0.028 |  |  |",
        "| states | `de\\|sk` | in_domain | 1 | 90, base 100 | 0.900 | 0.800 | +0.100 ± 0.028 |  |  |",
    ]


def test_a_templates_refusal_is_told(store: Store) -> None:
    def produce(writer: Writer) -> None:
        reasons, refusal = {"not_rendered": 5}, "the chat template refuses these 3 messages: *no* | tools"
        rows = frame(EVALUATIONS, [MEASURED | {"domain": "desk", "scope": "in_domain"}])
        writer.write(0, {"evaluations": rows}, reasons=reasons, summary={"refusal": refusal})

    stage = Stage("evaluations", version=1, tables={"evaluations": EVALUATIONS})
    made = obtain(stage, NoSettings(), {}, store, produce)
    text = card(store, store.manifest(made.ref))
    assert "| not_rendered | 5 |" in text
    assert "The first refusal: `the chat template refuses these 3 messages: *no* \\| tools`" in text


def test_nothing_in_the_data_is_markup(store: Store) -> None:
    evil = "![x](http://host/?a) | <img src=x onerror=alert(1)> `tick` ``two`` [link](http://host)\n# Title\n| a |"
    messages = [message(Role.USER, evil), message(Role.ASSISTANT, "Hi.")]
    parts = [[trajectory(0, messages, domain=evil, task_id="| ` |")]]
    manifests = lineage(store, commit_pivots(store, parts, {(0, 0): HALF}).ref)
    for stage in ("trajectories", "states", "pivots"):
        text = card(store, manifests[stage])
        outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text.split("## Rows to read")[1].split("## Made")[0])
        assert not re.search(r"(?<!\\)[<\[!]", outside), "an unescaped beginning of a tag, a link or an image"
        rows = [line for line in text.split("## Rows to read")[1].split("## Made")[0].splitlines() if line]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows if row.startswith("| ")} == {3}
        assert all(row.startswith(("| ", "|---", "- row 0: ", "**")) for row in rows), "a text has begun a line"


def test_the_rows_are_the_same_every_time_and_spread(store: Store) -> None:
    parts = [[trajectory(i, conversation(i)) for i in range(first, first + 10)] for first in (0, 10)]
    manifests = lineage(store, commit_pivots(store, parts, {(i, 1): HALF for i in range(20)}).ref)
    text = card(store, manifests["trajectories"])
    store.objects.remove("_cards")
    assert card(store, manifests["trajectories"]) == text
    assert "| column | row 2 | row 6 | row 10 | row 14 | row 18 |" in text
    assert f"| trajectory_id | `{2:016x}` | `{6:016x}` | `{10:016x}` | `{14:016x}` | `{18:016x}` |" in text


def test_a_cached_stages_card_reads_no_table_again(store: Store, stages: dict[str, Manifest]) -> None:
    cards = {stage: card(store, manifest) for stage, manifest in stages.items()}
    for manifest in stages.values():
        for part in manifest.parts:
            store.objects.remove(f"{manifest.stage}/{manifest.version}/{part.key}")
    assert {stage: card(store, manifest) for stage, manifest in stages.items()} == cards


def test_a_store_that_cannot_keep_a_card_does_not_cost_it(store: Store, stages: dict[str, Manifest]) -> None:
    text = card(store, stages["states"])
    store.objects.remove("_cards")
    (Path(store.root) / "_cards").write_text("not a folder")
    assert card(store, stages["states"]) == text


def test_a_version_made_again_with_other_rows_is_drawn_again(store: Store) -> None:
    first = other(store, "policies", POLICIES, [STEP])
    text = card(store, first)
    store.objects.remove(f"policies/{first.version}/manifest.json")
    again = other(store, "policies", POLICIES, [STEP, STEP | {"step": 1, "loss": 0.25}])
    assert again.version == first.version
    assert "| loss | 0.5 | 0.25 |" in card(store, again) and "0.25" not in text


def test_an_empty_selection_has_a_card_without_rows(store: Store) -> None:
    parts = [[trajectory(0, conversation(0))]]
    empty = commit_pivots(store, parts, {(0, 1): (0.0,) * 4}, SelectConfig(allow_empty=True), allow_empty=True)
    text = card(store, store.manifest(empty.ref))
    assert "| pivots | 0 |" in text and "| never_right | 1 |" in text and "## Rows to read" not in text


@pytest.mark.slow
def test_credentials_of_the_environment_are_nowhere_in_the_store(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "AWS_ACCESS_KEY_ID": "AKIA5ECRETNAME",
        "AWS_SECRET_ACCESS_KEY": "5ecretWord",
        "OPENAI_API_KEY": "sk-5ecret",
    }
    for name, secret in secrets.items():
        monkeypatch.setenv(name, secret)
    store = Store(f"s3://{bucket}/store")
    manifests = lineage(store, commit_pivots(store, [[trajectory(0, conversation(0))]], {(0, 1): HALF}).ref)
    cards = [card(store, manifest).encode() for manifest in manifests.values()]
    keys = store.objects.fs.find(store.objects.path)
    assert len([key for key in keys if "/_cards/" in key or key.endswith("README.md")]) == 2 * len(manifests)
    contents = [*cards, *(store.objects.fs.cat_file(key) for key in keys)]
    assert not [secret for secret in secrets.values() if any(secret.encode() in content for content in contents)]
    assert f"Open `s3://{bucket}/store/_reports/browser-" in cards[0].decode()
