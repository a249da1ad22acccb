from __future__ import annotations

import pytest

from schemas.config import EvaluateConfig, SplitConfig
from schemas.section import Engine
from tasks.policy.chat import ChatFormat
from tasks.policy.files import resolve
from tasks.stages.evaluate import worker
from tasks.stages.evaluate.stage import EvaluateSpec
from tasks.stages.evaluate.worker import held_out
from tasks.states.reader import StateReader
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tasks.verifiers.kinds import ExactSettings
from tasks.verifiers.section import ScoreConfig
from tests.builders import TOOLS, ScriptedSampler, commit_states, commit_trajectories, episode, trajectory


@pytest.mark.parametrize("limit", [0, 20])
def test_thoughts_have_tokens_and_room_of_their_own(
    store: Store, chat: ChatFormat, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    trajectories = commit_trajectories(store, [[trajectory(i, episode(2)) for i in range(8)]])
    states = commit_states(store, trajectories, SplitConfig(validation_fraction=0.5))
    engine = ScriptedSampler(chat.tokenizer, lambda *_: "It has shipped.")
    monkeypatch.setattr(worker, "start", lambda *_: engine)
    target = Ref(stage="evaluations", version="00000000000000aa")
    short, long = map(len, chat.prompts(episode(2), tuple(TOOLS), [2, 4]).token_ids)
    room = Engine(max_model_len=long - 1 + 8 + limit)
    config = EvaluateConfig(samples=1, max_tokens=8, max_thinking_tokens=limit, engine=room)
    worker.work(
        EvaluateSpec(
            store=store.root,
            target=target,
            states=states.ref,
            trajectories=trajectories.ref,
            policy=resolve("desk", store),
            config=config,
            score=ScoreConfig(verifier=ExactSettings()),
            seed=0,
        )
    )
    assert {sampling.max_tokens for _, sampling in engine.asked} == {8 + limit}
    assert {len(prompt) for prompts, _ in engine.asked for prompt in prompts} == {short}


def test_the_held_out_states_are_the_validation_ones_spread_over_trajectories(store: Store) -> None:
    trajectories = commit_trajectories(
        store, [[trajectory(10 * p + i, episode(5)) for i in range(10)] for p in range(4)]
    )
    states = commit_states(store, trajectories, SplitConfig(validation_fraction=0.5))
    reader = StateReader(store, states.ref, trajectories.ref)
    everything = held_out(reader, EvaluateConfig())
    assert {s.split for s in everything} == {"validation"}
    assert len(everything) == store.read(states.ref)["split"].to_list().count("validation")
    some = held_out(reader, EvaluateConfig(states=20))
    assert [s.key for s in some] == sorted(s.key for s in some) and len(some) == 20
    assert [s.key for s in some] == [s.key for s in held_out(reader, EvaluateConfig(states=20))]
    assert len({s.key[0] for s in some}) > 8, "20 states of 5 a trajectory could be those of 4 trajectories"
    assert held_out(reader, EvaluateConfig(states=0)) == []
