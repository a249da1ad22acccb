"""TRL's GRPO as the oracle: its log-probabilities and loss on the same model and samples. Skipped without TRL."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer

from schemas.chat import Action, State
from schemas.training import TrainConfig
from tasks.sampler.sampler import Sample
from tasks.training import objective
from tasks.training.grpo import grpo_batch
from tasks.training.learner import Learner
from tasks.training.states import TrainingState

trl = pytest.importorskip("trl", reason="TRL is the oracle of this test; install it with: pip install trl")
datasets = pytest.importorskip("datasets")

LOSS_TYPE = {"token_mean": "bnpo", "sequence_mean": "grpo"}
TEMPERATURE, CAP, KL = 0.7, 1.5, 0.05


def groups_of_samples():
    """Three pivots of one trajectory and one of another, four samples each, with rewards that vary."""
    rng = random.Random(0)
    history = [rng.randrange(200) for _ in range(40)]
    prompts = [("a", history[:11]), ("a", history[:24]), ("a", history), ("b", history[5:19])]
    states = [TrainingState(State(t, i, (), ()), Action("x"), prompt) for i, (t, prompt) in enumerate(prompts)]
    lengths = [[rng.randrange(1, 9) for _ in range(4)] for _ in states]
    samples = [
        [Sample([rng.randrange(200) for _ in range(n)], [-5 - rng.random() for _ in range(n)], True) for n in row]
        for row in lengths
    ]
    rewards_KG = torch.tensor([[1.0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 0.5, 1], [0.25, 0, 1, 1]])
    return states, samples, rewards_KG


def padded(rows, side):
    """Rows filled up with 0, and the mask of what is real."""
    tensors = [torch.tensor(row) for row in rows]
    masks = [torch.ones(len(row), dtype=torch.long) for row in rows]
    return tuple(pad_sequence(t, batch_first=True, padding_side=side) for t in (tensors, masks))


def trl_loss(model, tokenizer, folder, settings, groups):
    states, samples, rewards_KG = groups
    arguments = trl.GRPOConfig(
        output_dir=str(folder),
        loss_type=LOSS_TYPE[settings.aggregation],
        beta=settings.kl_coefficient,
        use_cpu=True,
        temperature=TEMPERATURE,
        num_generations=4,
        per_device_train_batch_size=4,
        report_to=[],
        bf16=False,
        epsilon=settings.clip_low,
        epsilon_high=settings.clip_high,
        gradient_checkpointing=False,
        max_completion_length=16,
    )
    data = datasets.Dataset.from_dict({"prompt": ["x"] * 4})
    trainer = trl.GRPOTrainer(
        model, lambda completions, **_: [0.0] * len(completions), arguments, data, processing_class=tokenizer
    )
    trainer.use_vllm, trainer.vllm_importance_sampling_correction = True, True
    trainer.current_gradient_accumulation_steps = 1
    prompts, prompt_mask = padded([list(s.prompt) for s, g in zip(states, samples, strict=True) for _ in g], "left")
    completions, mask = padded([s.token_ids for g in samples for s in g], "right")
    recorded, _ = padded([s.logprobs for g in samples for s in g], "right")
    ids, attention = torch.cat([prompts, completions], 1), torch.cat([prompt_mask, mask], 1)

    def logprobs(m):
        with torch.no_grad():
            return trainer._get_per_token_logps_and_entropies(m, ids, attention, completions.shape[1])[0]

    differences = (logprobs(trainer.model) - recorded) * mask
    if settings.importance_level == "sequence":  # its mode sequence_truncate
        differences = differences.sum(-1, keepdim=True)
    inputs = {
        "prompt_ids": prompts,
        "prompt_mask": prompt_mask,
        "completion_ids": completions,
        "completion_mask": mask,
        "advantages": objective.advantages(rewards_KG, settings.advantage).flatten(),
        "importance_sampling_ratio": differences.exp().clamp(max=CAP),
    }
    if settings.kl_coefficient:
        inputs["ref_per_token_logps"] = logprobs(trainer.ref_model)
    return trainer._compute_loss(trainer.model, inputs)


@pytest.mark.parametrize("aggregation", LOSS_TYPE)
@pytest.mark.parametrize(("kl", "level"), [(0.0, "token"), (KL, "token"), (0.0, "sequence")])
def test_loss_and_gradient_equal_trls(policy_folder, tmp_path, aggregation, kl, level):
    settings = TrainConfig(
        aggregation=aggregation,
        kl_coefficient=kl,
        temperature=TEMPERATURE,
        importance_cap=CAP,
        importance_level=level,
        clip_high=0.28,
        samples=4,
    )
    groups = groups_of_samples()
    learner = Learner(policy_folder, settings, 100)
    with torch.no_grad():
        for parameter in learner.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)), alpha=0.05)
    model = AutoModelForCausalLM.from_pretrained(policy_folder, dtype=torch.float32)
    model.load_state_dict(learner.model.state_dict())
    expected = trl_loss(model, AutoTokenizer.from_pretrained(policy_folder), tmp_path, settings, groups)
    expected.backward()
    loss = learner._accumulate(grpo_batch(settings, *groups))["loss"]
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    gradients = [torch.cat([p.grad.flatten() for p in m.parameters()]) for m in (learner.model, model)]
    assert (gradients[0] - gradients[1]).norm() <= 1e-5 * gradients[1].norm()
