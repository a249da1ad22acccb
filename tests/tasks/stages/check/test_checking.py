"""Demonstrations through template, parser and verifier: what comes back, and what fails the stage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.artefact.stage import obtain
from tasks.artefact.writer import PartRecord, Writer
from tasks.errors import ConfigurationError, StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.report.card import card
from tasks.stages.check import checking
from tasks.stages.check.checking import write_checks
from tasks.stages.check.stage import STAGE
from tasks.store.store import Store
from tasks.verifiers.kinds import PythonSettings, ToolCallSettings, VerifierSettings
from tasks.verifiers.section import ScoreConfig
from tests.tasks.policy.thinking import PREFILLED
from tests.tasks.stages.score.scored import RIGHT, Run, chat


def config(verifier: VerifierSettings | None = None, **settings: Any) -> ScoreConfig:
    return ScoreConfig(verifier=verifier or ToolCallSettings(), **settings)


def test_the_rows_are_the_demonstrations_as_the_policy_would_write_them(store: Store) -> None:
    rows = store.read(Run(store, RIGHT).check(config()).ref)
    assert rows.filter(pl.col("turn_index") == 0)["text"].to_list() == [RIGHT] * 4
    assert set(rows["reason"]) == {"returned"} and set(rows["reward"]) == {1.0} and set(rows["prefill"]) == {""}


def test_both_rates_of_all_parts_are_in_the_manifest(store: Store) -> None:
    run = Run(store, RIGHT)
    check = run.summary(run.check(config()))
    assert (check["gold"], check["gold_failed"], check["gold_rate"], check["junk_passed"]) == (10, 0, 1.0, 0)
    assert check["junk"] > 30 and check["junk_rate"] == 0.0


def test_the_card_shows_both_rates_and_the_examples(store: Store) -> None:
    run = Run(store, RIGHT)
    good = card(store, store.manifest(run.check(config()).ref))
    assert (
        "| demonstrations that come back | 10 of 10 |" in good and "| junk controls that get a reward | 0 of " in good
    )
    half = PythonSettings(function="tests.tasks.verifiers.users_functions:half")
    bad = card(store, store.manifest(run.check(config(half, min_gold_rate=0, max_junk_rate=1)).ref))
    assert "| demonstrations that come back | 0 of 10 |" in bad
    assert "- `its demonstration at 0000000000000000/0: rejected: 0.5" in bad


def test_a_verifier_that_refuses_demonstrations_fails_the_stage(store: Store) -> None:
    run = Run(store, RIGHT)
    half = PythonSettings(function="tests.tasks.verifiers.users_functions:half")
    with pytest.raises(
        StageFailed,
        match=r"10 of 10 demonstrations.*10 rejected.*score\.min_gold_rate 0\.99.*/0: rejected: 0\.5 partial",
    ):
        run.check(config(half))
    assert run.summary(run.check(config(half, min_gold_rate=0, max_junk_rate=1)))["gold_failed"] == 10


def test_a_verifier_that_takes_junk_fails_the_stage(store: Store) -> None:
    run = Run(store, RIGHT)
    with pytest.raises(StageFailed, match=r"junk controls get a reward .*score\.max_junk_rate 0\.01.*argument"):
        run.check(config(PythonSettings(function="tests.tasks.verifiers.users_functions:everything")))


def test_a_failed_check_fails_again_without_verifying_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(store, RIGHT)
    bad = config(PythonSettings(function="tests.tasks.verifiers.users_functions:everything"))
    with pytest.raises(StageFailed):
        run.check(bad)
    monkeypatch.setattr(checking, "self_check", lambda *_: pytest.fail("verified again"))
    with pytest.raises(StageFailed, match="junk controls"):
        run.check(bad)


def test_a_format_that_does_not_fit_is_refused_before_any_demonstration_is_read(store: Store) -> None:
    with pytest.raises(ConfigurationError, match=r"'mistral' does not read what the policy's chat template writes"):
        Run(store, RIGHT).check(config(parser="mistral"))


def test_demonstrations_that_are_undecided_fail_the_stage_too(store: Store) -> None:
    run = Run(store, RIGHT[:-5])
    raises = PythonSettings(function="tests.tasks.verifiers.users_functions:raises")
    with pytest.raises(StageFailed, match=r"of \d+ demonstrations and controls are undecided.*no such service"):
        run.check(ScoreConfig(verifier=raises))


def test_demonstrations_that_teach_not_to_think_are_counted_and_warned_of(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(DESK, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "model" / "chat_template.jinja").write_text(PREFILLED)
    thinking, run = ChatFormat(tmp_path / "model"), Run(store, RIGHT)
    artefact = obtain(
        STAGE, config(), {"c": "d"}, store, lambda writer: write_checks(writer, store, *run.data, config(), thinking)
    )
    assert run.summary(artefact)["empty_thoughts"] == 10 and run.summary(run.check(config()))["empty_thoughts"] == 0
    assert "check: 10 demonstrations have no reasoning" in caplog.text and "split.reasoning: require" in caplog.text
    assert "| demonstrations written with an empty thought | 10 |" in card(store, store.manifest(artefact.ref))
    assert "empty thought" not in card(store, store.manifest(run.check(config()).ref))


def test_each_record_holds_its_own_parts_check_and_the_manifest_their_sum(store: Store) -> None:
    run = Run(store, RIGHT, parts=3)
    records: list[PartRecord] = []

    def produce(writer: Writer) -> None:
        write_checks(writer, store, *run.data, config(), chat("auto"))
        records.extend(writer.records())

    total = run.summary(obtain(STAGE, config(), {"a": "b"}, store, produce))
    assert [record.summary["gold"] for record in records] == [5, 5, 5]
    assert (total["gold"], total["junk"]) == (15, sum(record.summary["junk"] for record in records))
