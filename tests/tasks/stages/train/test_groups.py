"""Groups, and the further states that keep a step's size."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from schemas.chat import Action, State
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.sampler.sampler import Sampling
from tasks.stages.train import grpo
from tasks.stages.train.groups import REFILLS, Groups, Rollout, refilled
from tasks.states.example import Example
from tasks.verifiers.verdict import Reason, Verdict
from tests.builders import ScriptedSampler


def make_states(n):
    return [Example(State(f"t{i:02d}", 0, (), ()), Action("x"), prompt=[1]) for i in range(n)]


def groups_of(states, varying):
    rewards = [[1.0, 0.0] if s.key in varying else [1.0, 1.0] for s in states]
    return Groups(states, [[] for _ in states], torch.tensor(rewards), 0, 0, 0.0, 0.0)


def draws(pool, size, varying, seed=0):
    """What a step of `size` states draws when only some states vary: the groups, and the states asked for in turn."""
    asked = []

    def sample(states, seed):
        asked.append([s.key for s in states])
        return groups_of(states, varying)

    return refilled(groups_of(pool[:size], varying), pool, random.Random(seed), sample), asked


def test_as_many_are_drawn_as_are_missing_and_none_twice():
    pool = make_states(40)
    groups, asked = draws(pool, 8, {s.key for s in pool[4:]})
    assert sum(groups.varying) == 8
    assert [len(keys) for keys in asked] == [4]
    assert len({s.key for s in groups.states}) == len(groups.states) == 12
    assert asked[0] == sorted(asked[0])


def test_a_full_step_draws_nothing():
    pool = make_states(20)
    groups, asked = draws(pool, 8, {s.key for s in pool})
    assert len(groups.states) == 8 and not asked


def test_draws_are_bounded_where_nothing_varies():
    groups, asked = draws(make_states(100), 8, set())
    assert [len(keys) for keys in asked] == [8] * REFILLS
    assert len(groups.states) == 8 * (1 + REFILLS)


def test_a_small_pool_is_drawn_to_its_end():
    groups, asked = draws(make_states(11), 8, set())
    assert [len(keys) for keys in asked] == [3]
    assert len(groups.states) == 11


def test_the_same_seed_draws_the_same():
    pool = make_states(40)
    first, again, other = (draws(pool, 8, set(), seed)[1] for seed in (0, 0, 1))
    assert first == again != other


def test_an_action_ends_with_whatever_token_the_model_stops_at():
    chat = ChatFormat(DESK)
    (other,) = chat.encode("<|endoftext|>")

    def verify(state, demonstration, completion):
        right = completion == demonstration
        return Verdict(float(right), Reason.EQUAL if right else Reason.WRONG_TEXT)

    rollout = Rollout(chat, ScriptedSampler(chat.tokenizer, lambda *_: "x", eos=other), verify)
    groups = rollout.groups(make_states(2), Sampling(3, 1.0, 8, seed=0))
    assert groups.rewards_KG.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("requests", [1, 3])
def test_a_state_with_an_undecided_sample_has_no_rewards(requests):
    """What a cascade's cheap part can decide is not like what it leaves to the judge."""
    chat = ChatFormat(DESK)

    def verify(state, demonstration, completion):
        away = completion.content == "b" and state.trajectory_id == "t01"
        return Verdict(None, Reason.UNDECIDED) if away else Verdict(float(completion.content == "a"), Reason.EQUAL)

    sampler = ScriptedSampler(chat.tokenizer, lambda _, i: "ab"[i % 2])
    groups = Rollout(chat, sampler, verify, concurrency=requests).groups(make_states(3), Sampling(4, 1.0, 8, seed=0))
    assert groups.rewards_KG.isnan().all(1).tolist() == [False, True, False]
    assert groups.rewards_KG[0].tolist() == groups.rewards_KG[2].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert groups.undecided == 2 and groups.varying == [True, False, True]


def test_the_batch_takes_varying_groups_first_and_keeps_its_size():
    states = make_states(6)
    groups = groups_of(states, {states[k].key for k in (1, 3, 5)})
    assert groups.batch_of(2) == [1, 3]
    assert groups.batch_of(4) == [0, 1, 3, 5]


def test_refilled_steps_are_larger_and_recorded(job, policy_folder, states, sampler, verify, tmp_path):
    plain = grpo.train(job(policy_folder, tmp_path / "a"), states, sampler, verify, lambda measured: None).metrics
    refill = job(policy_folder, tmp_path / "b", refill=True)
    metrics = grpo.train(refill, states, sampler, verify, lambda measured: None).metrics
    dry = [k for k, m in enumerate(plain) if m["zero_variance"] > 0]
    assert dry
    for k, measured in enumerate(metrics):
        assert (measured["states"] > 4) == (k in dry)
        assert measured["samples"] == 4 * measured["states"]
        assert measured["distinct_tokens"] >= plain[k]["distinct_tokens"]


def test_a_refilled_run_resumes_to_the_same_weights(job, policy_folder, states, sampler, verify, tmp_path):
    def stop(measured):
        if measured["step"] == 2:
            raise InterruptedError

    whole, broken = (job(policy_folder, tmp_path / name, every=2, refill=True) for name in ("whole", "broken"))
    grpo.train(whole, states, sampler, verify, lambda measured: None)
    try:
        grpo.train(broken, states, sampler, verify, stop)
    except InterruptedError:
        grpo.train(broken, states, sampler, verify, lambda measured: None)
    weights = [Path(j.output_folder / "model.safetensors").read_bytes() for j in (whole, broken)]
    assert weights[0] == weights[1]
