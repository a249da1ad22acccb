"""Groups, and the further states that keep a step's size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from schemas.chat import Action, State
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.sampler.sampler import Sample, Sampling
from tasks.stages.train.groups import REFILLS, Groups, GroupSampler, refill
from tasks.stages.train.loop import train
from tasks.states.example import Example
from tasks.verifiers.verdict import Reason, Verdict
from tests.builders import ScriptedSampler

SAMPLING = Sampling(4, 1.0, 8, seed=0)


def make_states(n):
    return [Example(State(f"t{i:02d}", 0, (), ()), Action("x"), prompt=[1]) for i in range(n)]


def groups_of(states, varying):
    rewards = [[1.0, 0.0] if s.key in varying else [1.0, 1.0] for s in states]
    return Groups(states, [[] for _ in states], torch.tensor(rewards), 0, 0, {"sample_s": 1.0, "verify_s": 0.5})


def draws(pool, size, varying, seed=0):
    """What a step of `size` states draws when only some states vary: the groups, and the states asked for in turn."""
    asked = []

    def sample(states, seed):
        asked.append([s.key for s in states])
        return groups_of(states, varying)

    return refill(groups_of(pool[:size], varying), pool, seed, sample), asked


def test_as_many_are_drawn_as_are_missing_and_none_twice():
    pool = make_states(40)
    groups, asked = draws(pool, 8, {s.key for s in pool[4:]})
    assert sum(groups.varying) == 8
    assert [len(keys) for keys in asked] == [4]
    assert len({s.key for s in groups.examples}) == len(groups.examples) == 12
    assert asked[0] == sorted(asked[0])


def test_a_full_step_draws_nothing():
    pool = make_states(20)
    groups, asked = draws(pool, 8, {s.key for s in pool})
    assert len(groups.examples) == 8 and not asked


def test_draws_are_bounded_where_nothing_varies():
    groups, asked = draws(make_states(100), 8, set())
    assert [len(keys) for keys in asked] == [8] * REFILLS
    assert len(groups.examples) == 8 * (1 + REFILLS)


def test_a_small_pool_is_drawn_to_its_end():
    groups, asked = draws(make_states(11), 8, set())
    assert [len(keys) for keys in asked] == [3]
    assert len(groups.examples) == 11


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

    group_sampler = GroupSampler(chat, ScriptedSampler(chat.tokenizer, lambda *_: "x", eos=other), verify)
    groups = group_sampler.groups(make_states(2), Sampling(3, 1.0, 8, seed=0))
    assert groups.rewards_KG.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_state_with_an_undecided_sample_has_no_rewards(concurrency):
    """What a cascade's cheap part can decide is not like what it leaves to the judge."""
    chat = ChatFormat(DESK)

    def verify(state, demonstration, completion):
        away = completion.content == "b" and state.trajectory_id == "t01"
        return Verdict(None, Reason.UNDECIDED) if away else Verdict(float(completion.content == "a"), Reason.EQUAL)

    sampler = ScriptedSampler(chat.tokenizer, lambda _, i: "ab"[i % 2])
    groups = GroupSampler(chat, sampler, verify, concurrency=concurrency).groups(make_states(3), SAMPLING)
    assert groups.rewards_KG.isnan().all(1).tolist() == [False, True, False]
    assert groups.rewards_KG[0].tolist() == groups.rewards_KG[2].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert groups.undecided == 2 and groups.varying == [True, False, True]


def test_the_batch_takes_varying_groups_first_and_keeps_its_size():
    states = make_states(6)
    groups = groups_of(states, {states[k].key for k in (1, 3, 5)})
    assert groups.varying_first(2) == [1, 3]
    assert groups.varying_first(4) == [0, 1, 3, 5]


def test_refilled_steps_are_larger_and_recorded(a_run, policy_folder, states, sampler, verify, tmp_path):
    plain, _ = train(a_run(policy_folder, tmp_path / "a"), states, sampler, verify, lambda measured: None)
    refilling = a_run(policy_folder, tmp_path / "b", refill=True)
    metrics, _ = train(refilling, states, sampler, verify, lambda measured: None)
    dry = [k for k, m in enumerate(plain) if m["zero_variance"] > 0]
    assert dry
    for k, measured in enumerate(metrics):
        assert (measured["states"] > 4) == (k in dry)
        assert measured["samples"] == 4 * measured["states"]
        assert measured["distinct_tokens"] >= plain[k]["distinct_tokens"]


def test_a_refilled_run_resumes_to_the_same_weights(a_run, policy_folder, states, sampler, verify, tmp_path):
    def stop(measured):
        if measured["step"] == 2:
            raise InterruptedError

    unbroken, broken = (a_run(policy_folder, tmp_path / name, every=2, refill=True) for name in ("unbroken", "broken"))
    train(unbroken, states, sampler, verify, lambda measured: None)
    try:
        train(broken, states, sampler, verify, stop)
    except InterruptedError:
        train(broken, states, sampler, verify, lambda measured: None)
    weights = [Path(run.output_folder / "model.safetensors").read_bytes() for run in (unbroken, broken)]
    assert weights[0] == weights[1]


def test_groups_together_have_the_sums_of_both():
    groups = groups_of(make_states(2), set()) + groups_of(make_states(3), set())
    assert groups.rewards_KG.shape == (5, 2) and len(groups.samples) == len(groups.examples) == 5
    assert groups.seconds == {"sample_s": 2.0, "verify_s": 1.0}


def test_a_step_records_its_groups_and_only_the_decided_ones_have_rewards():
    rewards_KG = torch.tensor([[1.0, 0.0], [1.0, 1.0], [float("nan")] * 2])
    groups = Groups(make_states(3), [[], [], []], rewards_KG, undecided=1, parse_failures=3, seconds={"sample_s": 2.0})
    measured = groups.metrics()
    assert (measured["states"], measured["samples"], measured["sample_s"]) == (3, 6, 2.0)
    assert measured["reward_mean"] == 0.75 and measured["reward_std"] == 0.5
    assert measured["zero_variance"] == 0.5, "of the two decided ones"
    assert (measured["undecided"], measured["parse_failures"]) == (pytest.approx(1 / 6), 0.5)


def cut_off(*finished):
    """Samples of a group, by whether each is finished."""
    return [Sample([1, 2], [-0.1, -0.2], each) for each in finished]


@pytest.mark.parametrize(("masks", "varying"), [(False, [True, True, False]), (True, [False, True, False])])
def test_masked_samples_are_compared_with_none_and_count_in_what_is_recorded(masks, varying):
    samples = [cut_off(True, True, False), cut_off(True, False, True), cut_off(False, False, False)]
    rewards_KG = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    groups = Groups(make_states(3), samples, rewards_KG, 0, 5, {}, masks)
    compared = groups.compared_rewards_KG
    assert groups.varying == (groups + groups).varying[3:] == varying
    assert compared.isnan().tolist() == [[masks and not s.finished for s in group] for group in samples]
    measured = groups.metrics()
    assert measured["overlong"] == pytest.approx(5 / 9) and measured["reward_mean"] == pytest.approx(1 / 3)
    assert measured["zero_variance"] == pytest.approx(1 - sum(varying) / 3)


def test_where_nothing_is_decided_nothing_is_averaged():
    nothing = Groups(make_states(1), [[]], torch.full((1, 2), float("nan")), 2, 0, {})
    measured = nothing.metrics()
    assert measured["reward_mean"] is measured["reward_std"] is measured["zero_variance"] is None
