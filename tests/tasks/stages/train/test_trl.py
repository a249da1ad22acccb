"""TRL's GRPO as the oracle: its advantages, importance ratios, log-probabilities and loss, from recorded samples on.

TRL pads prompts on the left and repeats them for every sample; here they are shared by trees. What both have is
compared: TRL's GRPO has no leave-one-out advantage, counts samples that the verifier left undecided, and holds groups
without variance to the reference policy too, where there is a KL term (here they give no gradient, and none are in the
batch then).
"""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from schemas.chat import Action, State
from schemas.training import TrainConfig
from tasks.sampler.sampler import Sample
from tasks.stages.train import objective
from tasks.stages.train.batch import grpo_batch
from tasks.stages.train.compute import forward
from tasks.stages.train.compute.learner import Learner
from tasks.states.example import Example

trl = pytest.importorskip("trl", reason="TRL is the oracle of this test; infra/test.txt has it")
datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.slow

LOSS_TYPE = {"token_mean": "bnpo", "sequence_mean": "grpo"}
SCALE = {"grpo": "group", "dr_grpo": "none"}
TEMPERATURE, GROUP = 0.7, 4
SHAPE = {
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
}
FAMILIES = {
    "qwen2": Qwen2Config(**SHAPE),
    "qwen3": Qwen3Config(**SHAPE, tie_word_embeddings=True),
    "llama": LlamaConfig(**SHAPE),
    "mistral": MistralConfig(**SHAPE, sliding_window=None),
    "gemma": GemmaConfig(**SHAPE),
}
SETTINGS = [
    {"advantage": advantage, "aggregation": aggregation, **importance}
    for advantage in SCALE
    for aggregation in LOSS_TYPE
    for importance in (
        {"importance_cap": 1.5, "importance_level": "token", "kl_coefficient": 0.05},
        {"importance_cap": 1.5, "importance_level": "sequence"},
        {"importance_cap": 0.0},
    )
]


@pytest.fixture(scope="module")
def folder(policy_folder, tmp_path_factory):
    """A function that gives a model folder of a family, whose weights matter (transformers' first ones hardly do)."""
    made = {}

    def make(family):
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family)
            torch.manual_seed(1)
            model = AutoModelForCausalLM.from_config(FAMILIES[family]).float()
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.ndim >= 2:
                        parameter.normal_(0, 0.2)
            model.save_pretrained(made[family])
            AutoTokenizer.from_pretrained(policy_folder).save_pretrained(made[family])
        return made[family]

    return make


def groups_of_samples(groups):
    """Three pivots of one trajectory and two of another, four samples each of unequal lengths, two of them equal; the
    fifth group is without variance."""
    rng = random.Random(0)
    history = [rng.randrange(200) for _ in range(40)]
    prompts = [("a", history[:11]), ("a", history[:24]), ("a", history), ("b", history[5:19]), ("b", history[5:30])]
    states = [Example(State(t, i, (), ()), Action("x"), prompt=prompt) for i, (t, prompt) in enumerate(prompts)]
    samples = [
        [
            Sample([rng.randrange(200) for _ in range(n)], [-5 - rng.random() for _ in range(n)], True)
            for n in (rng.randrange(1, 9) for _ in range(GROUP))
        ]
        for _ in states
    ]
    samples[1][2] = samples[1][0]
    rewards_KG = torch.tensor([[1.0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 0.5, 1], [0.25, 0, 1, 1], [1, 1, 1, 1]])
    return states[:groups], samples[:groups], rewards_KG[:groups]


def trainer_of(model, tokenizer, folder, settings, groups):
    """TRL's trainer, in place of whose sampling and reward the recorded ones stand."""
    states, samples, rewards_KG = groups
    arguments = trl.GRPOConfig(
        output_dir=str(folder),
        loss_type=LOSS_TYPE[settings.aggregation],
        scale_rewards=SCALE[settings.advantage],
        beta=settings.kl_coefficient,
        use_cpu=True,
        temperature=TEMPERATURE,
        num_generations=GROUP,
        per_device_train_batch_size=GROUP * len(states),
        report_to=[],
        bf16=False,
        epsilon=settings.clip_low,
        epsilon_high=settings.clip_high,
        gradient_checkpointing=False,
        max_completion_length=16,
        vllm_importance_sampling_mode=f"{settings.importance_level}_truncate",
        vllm_importance_sampling_clip_max=settings.importance_cap,
    )
    data = datasets.Dataset.from_dict({"prompt": ["x"] * GROUP})
    rewards = rewards_KG.flatten().tolist()
    trainer = trl.GRPOTrainer(model, lambda **_: rewards, arguments, data, processing_class=tokenizer)
    flat = [(state, sample) for state, group in zip(states, samples, strict=True) for sample in group]

    def recorded(prompts):
        ids = [list(sample.token_ids) for _, sample in flat]
        logprobs = [list(sample.logprobs) for _, sample in flat]
        return [list(state.prompt) for state, _ in flat], ids, None, ["y"] * len(flat), logprobs, {}, None, None

    trainer._generate = recorded
    trainer.use_vllm = trainer.vllm_importance_sampling_correction = settings.importance_cap > 0
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def trls(model, tokenizer, folder, settings, groups):
    """TRL's loss, the log-probabilities of all samples' tokens in order, and its advantages."""
    trainer = trainer_of(model, tokenizer, folder, settings, groups)
    _, samples, _ = groups
    inputs = trainer._generate_and_score_completions([{"prompt": "x"}] * sum(map(len, samples)))
    if settings.importance_cap == 0:
        recorded = [torch.tensor(sample.logprobs) for group in samples for sample in group]
        inputs["old_per_token_logps"] = pad_sequence(recorded, batch_first=True)
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    with torch.no_grad():
        logprobs, *_ = trainer._get_per_token_logps_and_entropies(model, ids, mask, inputs["completion_ids"].shape[1])
    loss = trainer._compute_loss(trainer.model, inputs)
    return loss, logprobs[inputs["completion_mask"].bool()], inputs["advantages"]


def assert_relative(found, expected):
    assert (found - expected).norm() <= 1e-5 * expected.norm()


def assert_equal_to_trls(folder, tmp_path, changes):
    settings = TrainConfig(temperature=TEMPERATURE, clip_high=0.28, samples=GROUP, **changes)
    groups = groups_of_samples(4 if settings.kl_coefficient else 5)
    learner = Learner(folder, settings, 100)
    assert learner.shares_prefixes
    with torch.no_grad():  # away from the reference policy, so that there is a divergence
        for parameter in learner.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)), alpha=0.05)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.load_state_dict(learner.model.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    loss, logprobs_M, advantages_S = trls(model, tokenizer, tmp_path, settings, groups)
    loss.backward()
    assert_relative(objective.advantages(groups[2], settings.advantage).flatten(), advantages_S)
    batch = grpo_batch(settings, *groups)
    kept = sum(len(sample.token_ids) for group in groups[1][:4] for sample in group)  # the last group does not vary
    assert_relative(tree_logprobs(learner, batch), logprobs_M[:kept])
    assert learner.accumulate_gradients(batch)["loss"] == pytest.approx(loss.item(), rel=1e-5)
    gradients = [torch.cat([p.grad.flatten() for p in m.parameters()]) for m in (learner.model, model)]
    assert_relative(*gradients)


def tree_logprobs(learner, batch):
    logprobs_M = torch.zeros(len(batch.weights_M))
    with torch.no_grad():
        for pack in learner.packs(batch.branches):
            logprobs_M[pack.entries_T], _ = forward.token_logprobs(learner.model, pack, TEMPERATURE)
    return logprobs_M


@pytest.mark.parametrize("changes", SETTINGS, ids=lambda c: "-".join(str(v) for v in c.values()))
def test_every_setting_that_both_have(folder, tmp_path, changes):
    assert_equal_to_trls(folder("qwen3"), tmp_path, changes)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family(folder, tmp_path, family):
    assert_equal_to_trls(folder(family), tmp_path, {"aggregation": "sequence_mean", "kl_coefficient": 0.05})
