from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from schemas.chat import Action, State, message
from schemas.training import TrainConfig
from tasks.policy.chat import ChatFormat
from tasks.stages.train import sft
from tasks.stages.train.loop import Job
from tasks.stages.train.states import DropReason
from tasks.states.example import Example, StateKey


def job(policy_folder, tmp_path, **changes):
    settings = TrainConfig(method="sft", steps=3, states_per_step=9, learning_rate=1e-2, **changes)
    return Job(policy_folder, tmp_path / "model", tmp_path / "checkpoints", settings)


def cross_entropies(folder, states):
    chat, model = ChatFormat(folder), AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for s in states:
        completion = [*chat.encode(s.demonstration.content), chat.eos_token_id]
        ids = torch.tensor([[*s.prompt, *completion]])
        logprobs = model(ids).logits[0, len(s.prompt) - 1 : -1].log_softmax(-1)
        yield -logprobs.gather(-1, ids[0, len(s.prompt) :, None])[:, 0]


@pytest.mark.parametrize("aggregation", ["token_mean", "sequence_mean"])
def test_the_first_loss_is_the_demonstrations_cross_entropy_and_it_falls(policy_folder, states, tmp_path, aggregation):
    losses = [losses_T.detach() for losses_T in cross_entropies(policy_folder, states)]
    token_mean = torch.cat(losses).mean()
    sequence_mean = torch.stack([losses_T.mean() for losses_T in losses]).mean()
    trained = sft.train(job(policy_folder, tmp_path, aggregation=aggregation), states, lambda measured: None)
    found = [measured["loss"] for measured in trained.metrics]
    expected = token_mean if aggregation == "token_mean" else sequence_mean
    assert found[0] == pytest.approx(float(expected), rel=1e-5)
    assert found[2] < found[0]


def test_the_states_of_a_trajectory_cost_one_pass(policy_folder, states, tmp_path):
    trained = sft.train(job(policy_folder, tmp_path), states, lambda measured: None)
    last_states = [s for s in states if s.state.turn_index == 2]
    assert trained.metrics[0]["distinct_tokens"] == sum(len(s.prompt) + 1 for s in last_states)
    assert trained.metrics[0]["repeated_tokens"] == sum(len(s.prompt) + 1 for s in states)


def test_a_demonstration_that_the_template_does_not_render_is_dropped(policy_folder, states, tmp_path):
    """The special token inside ends the rendered action at once, and a state whose history the template refuses."""
    refused = Example(State("bad", 0, (message("user", "x", name="n"),), ()), Action("a"), prompt=[1, 2])
    chat = ChatFormat(policy_folder)
    chat.tokenizer.chat_template = "{%- if messages[0].name %}{{ raise_exception('no names') }}{% endif %}" + str(
        chat.tokenizer.chat_template
    )
    completions = sft._completions(chat, [*states, refused])
    assert set(completions) == {s.key for s in states}


def test_a_demonstration_that_makes_a_state_too_long_is_dropped(policy_folder, states, tmp_path):
    first = states[0]
    long = Example(State("long", 0, first.state.messages, ()), Action("a" * 120), prompt=first.prompt)
    room = {"max_state_tokens": 110, "max_tokens": len(first.prompt) + 120 - 110}  # the end of the action is one more
    trained = sft.train(job(policy_folder, tmp_path / "a", **room), [*states, long], lambda measured: None)
    assert trained.admitted.dropped == {StateKey("long", 0): DropReason.TOO_LONG}
    room["max_tokens"] += 1
    assert not sft.train(job(policy_folder, tmp_path / "b", **room), [*states, long], lambda m: None).admitted.dropped


def test_dropped_states_are_in_the_result(policy_folder, states, tmp_path):
    long = Example(State("long", 0, (), ()), Action("a"), prompt=[1] * 100)
    trained = sft.train(job(policy_folder, tmp_path, max_state_tokens=99), [*states, long], lambda measured: None)
    assert trained.admitted.dropped == {StateKey("long", 0): DropReason.TOO_LONG}
