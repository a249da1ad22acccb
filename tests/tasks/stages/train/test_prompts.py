"""What a training run is refused for before an engine is started: no pivots, or other prompts than were sampled."""

from __future__ import annotations

import pytest

from schemas.chat import Action, State, message
from schemas.config import SelectConfig
from schemas.training import TrainConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.errors import StageFailed
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK, Policy
from tasks.stages.select.stage import STAGE as PIVOTS
from tasks.stages.select.stage import write_pivots
from tasks.stages.train.loop import TrainingRun
from tasks.stages.train.prompts import demonstrations, held_out_states, training_states
from tasks.stages.train.stage import TrainSpec
from tasks.stages.train.states import DropReason
from tasks.stages.train.worker import train_with_engine
from tasks.states.example import Example
from tasks.store.lineage import lineage
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.verifiers.section import ScoreConfig
from tests import pivots as made
from tests.builders import TOOLS, commit_states, commit_trajectories, episode, trajectory

REWARDS = {(number, turn): made.HALF for number in range(2) for turn in (0, 1)}


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    return ChatFormat(DESK)


def pivots(store: Store) -> Artefact:
    return made.commit_pivots(store, [[trajectory(i, episode(3)) for i in range(2)]], REWARDS)


def spec_of(store: Store, pivots: Ref | None, states: Ref, trajectories: Ref, **settings: object) -> TrainSpec:
    return TrainSpec(
        store=store.root,
        target=Ref(stage="policies", version="00000000000000aa"),
        states=states,
        trajectories=trajectories,
        pivots=pivots,
        policy=Policy(location="desk", version="v"),
        config=TrainConfig(**settings),
        score=ScoreConfig(),
        seed=0,
    )


def spec_from(store: Store, pivots: Ref) -> TrainSpec:
    of = lineage(store, pivots)
    return spec_of(store, pivots, of["states"].ref, of["trajectories"].ref)


def sampled_with(chat: ChatFormat, monkeypatch: pytest.MonkeyPatch, shift: int = 0) -> None:
    """Rollouts record the length of the prompt that this chat format makes, and the tokens of the sample's text in it,
    or in a vocabulary whose numbers are shifted."""
    messages = episode(3)
    scripted = made._sample

    def sample(trajectory_id: str, turn: int, index: int, reward: float):
        rollout, score = scripted(trajectory_id, turn, index, reward)
        prompt = chat.encode(chat.text(messages[: 2 + 2 * turn], TOOLS))
        token_ids = [*(token + shift for token in chat.encode(rollout["text"])), chat.stop_token_ids[0]]
        return {**rollout, "prompt_tokens": len(prompt), "token_ids": token_ids}, score

    monkeypatch.setattr(made, "_sample", sample)


def test_pivots_come_with_the_prompts_that_were_sampled(store, chat, monkeypatch) -> None:
    sampled_with(chat, monkeypatch)
    examples, dropped, refusal = training_states(spec_from(store, pivots(store).ref), store, chat)
    assert len(examples) == len(REWARDS) and not dropped and not refusal
    assert all(e.prompt == chat.encode(chat.text(e.state.messages, e.state.tools)) for e in examples)


def test_other_prompts_than_were_sampled_are_refused(store, chat) -> None:
    with pytest.raises(StageFailed, match=r"at 4 of 4 pivots .*a prompt of \d+ tokens, sampled from were 3\); profile"):
        training_states(spec_from(store, pivots(store).ref), store, chat)


def test_another_vocabulary_that_keeps_the_lengths_of_prompts_is_refused(store, chat, monkeypatch) -> None:
    sampled_with(chat, monkeypatch, shift=1)
    recorded = r"at 4 of 4 pivots .*its first sample reads '.*', recorded is 'It has <b>shipped</b>\.'\); profile again"
    with pytest.raises(StageFailed, match=recorded):
        training_states(spec_from(store, pivots(store).ref), store, chat)


def test_no_pivots_say_what_select_rejected(store, chat) -> None:
    before = lineage(store, pivots(store).ref)["profiles"].ref
    settings = SelectConfig(max_mean=0.01, allow_empty=True)
    empty = obtain(
        PIVOTS,
        settings,
        {"profiles": str(before), "seed": "0"},
        store,
        lambda writer: write_pivots(writer, store, before, settings, 0),
        allow_empty=True,
    )
    with pytest.raises(StageFailed, match=r"holds no pivot; select rejected 4 too_easy"):
        training_states(spec_from(store, empty.ref), store, chat)


def test_fine_tuning_takes_all_training_states_and_counts_those_without_a_prompt(store, policy_folder) -> None:
    chat = ChatFormat(policy_folder)
    chat.tokenizer.chat_template = "{%- if messages|length > 3 %}{{ raise_exception('too many') }}{% endif %}" + str(
        chat.tokenizer.chat_template
    )
    trajectories = commit_trajectories(store, [[trajectory(i, episode(3)) for i in range(2)]])
    spec = spec_of(store, None, commit_states(store, trajectories).ref, trajectories.ref, method="sft")
    examples, dropped, refusal = training_states(spec, store, chat)
    assert {e.state.turn_index for e in examples} == {0}
    assert {key.turn_index for key in dropped} == {1, 2}
    assert list(dropped.values()) == [DropReason.NOT_RENDERED] * 4
    assert "too many" in refusal
    assert held_out_states(spec, store, chat) == []


def test_no_state_short_enough_is_told_before_an_engine_is_started(tmp_path, states: list[Example]) -> None:
    ref = Ref(stage="states", version="00000000000000aa")
    spec = spec_of(Store(str(tmp_path)), None, ref, ref, max_state_tokens=16)
    nowhere = tmp_path / "no-model"  # an engine would refuse it
    run = TrainingRun(nowhere, tmp_path / "out", tmp_path / "checkpoints", spec.config)
    with pytest.raises(StageFailed, match=r"9 were dropped \(too_long: 9\)"):
        train_with_engine(run, states, [], lambda measured: None)


def test_a_demonstration_that_the_template_does_not_render_is_dropped(policy_folder, states: list[Example]) -> None:
    refused = Example(State("bad", 0, (message("user", "x", name="n"),), ()), Action("a"), prompt=[1, 2])
    chat = ChatFormat(policy_folder)
    chat.tokenizer.chat_template = "{%- if messages[0].name %}{{ raise_exception('no names') }}{% endif %}" + str(
        chat.tokenizer.chat_template
    )
    completions, dropped = demonstrations(chat, [*states, refused], TrainConfig(method="sft"))
    assert set(completions) == {s.key for s in states}
    assert completions[states[0].key] == [*chat.encode(states[0].demonstration.content), chat.stop_token_ids[0]]
    assert dropped == {refused.key: DropReason.NOT_RENDERED}
