"""GRPO on pivots in one file, on plain transformers: read this first.

    python -m tasks.stages.train.textbook pivots@VERSION --store .pivotrl/store --model desk --output /tmp/policy \\
        --set steps=10 --set samples=8 --set learning_rate=1e-5

A pivot is a state of a recorded trajectory at which the policy sometimes does the right thing and sometimes not. A step
samples G actions at each of some pivots, lets a verifier compare them with the demonstration, and makes what was
verified more likely. An action ends the episode: there is no environment, no return and no value function.

The full trainer (loop.py) computes the same loss and takes the same steps; tests compare them, so this file is also the
oracle. What is left out here, and where it is there:

- A prompt is computed once for each of its samples. There all samples of a trajectory are one token tree, and every
  distinct token is computed once (compute/tree.py, compute/forward.py).
- The policy samples itself, in float32. There vLLM does, and gets the weights after every update (tasks/sampler).
- One process (compute/ranks.py, compute/sharding.py), float32, no LoRA (compute/adapters.py).
- No checkpoints, no resume (compute/checkpoint.py), no validation (validation.py), no further states in place of those
  that gave no gradient (groups.py), no guard against exploding gradients (metrics.py).

Shapes: G samples of a state, L tokens so far, C tokens of an action, V vocabulary. Log-probabilities are in nats.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from schemas.columns import STATE_KEY
from schemas.profiles import REWARD_TOLERANCE
from schemas.training import TrainConfig
from tasks.policy.chat import ChatFormat
from tasks.policy.files import fetch, resolve
from tasks.policy.rendering import render_examples
from tasks.sampler.sampler import Sample
from tasks.sampler.thinking import within_limits
from tasks.states.example import Example, StateKey
from tasks.states.reader import StateReader
from tasks.store.lineage import lineage
from tasks.store.store import Store
from tasks.verifiers.build import build
from tasks.verifiers.reading import read, verdict_on
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Verify

Group = tuple[Example, Sequence[Sample], Sequence[float]]
"""A state, its G samples and their rewards."""


@torch.no_grad()
def sample(
    model: PreTrainedModel, prompt: Sequence[int], config: TrainConfig, stops: Sequence[int], generator: torch.Generator
) -> list[Sample]:
    """1. Sample G actions at a state, a token at a time until each has said one of `stops`, and keep their
    log-probabilities."""
    ids_GL = torch.tensor([list(prompt)] * config.samples, device=model.device)
    stops_T = torch.tensor(list(stops), device=model.device)
    tokens, logprobs = [], []
    cache = None
    for _ in range(config.max_tokens + config.max_thinking_tokens):
        output = model(ids_GL, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        logprobs_GV = (output.logits[:, -1].float() / config.temperature).log_softmax(-1)
        ids_GL = torch.multinomial(logprobs_GV.exp().cpu(), 1, generator=generator).to(model.device)
        tokens.append(ids_GL[:, 0])
        logprobs.append(logprobs_GV.gather(-1, ids_GL)[:, 0])
        if torch.isin(torch.stack(tokens), stops_T).any(0).all():
            break
    samples = []
    for ids, values in zip(torch.stack(tokens, 1).tolist(), torch.stack(logprobs, 1).tolist(), strict=True):
        length = next((i + 1 for i, token in enumerate(ids) if token in stops), 0)
        samples.append(Sample(ids[: length or len(ids)], values[: length or len(ids)], finished=length > 0))
    return samples


def rewards(chat: ChatFormat, verify: Verify, example: Example, samples: Sequence[Sample]) -> list[float] | None:
    """2. Verify the samples against the demonstration: the reward of each.

    None where the verifier left one undecided: what it could decide of such a group is no fair draw.
    """
    verdicts = []
    for drawn in samples:
        text = chat.decode(drawn.token_ids, finished=drawn.finished)
        completion = read(chat.parser, example, text, drawn.finished)
        verdicts.append(verdict_on(verify, example, text, drawn.finished, completion).reward)
    decided = [reward for reward in verdicts if reward is not None]
    return decided if len(decided) == len(verdicts) else None


def without_overlong(samples: Sequence[Sample], rewards: Sequence[float]) -> tuple[list[Sample], list[float]]:
    """What `train.overlong: mask` leaves of a group: the samples that no length limit cut off, and their rewards."""
    finished = [(drawn, reward) for drawn, reward in zip(samples, rewards, strict=True) if drawn.finished]
    return [drawn for drawn, _ in finished], [reward for _, reward in finished]


def advantages(rewards: Sequence[float], kind: str) -> list[float]:
    """3. Compare the samples of a state with each other: how much better each did than its group.

    All are 0 where the rewards do not vary, and there is no gradient. This is why states are selected for variance.
    """
    n, mean = len(rewards), sum(rewards) / len(rewards)
    if max(rewards) - min(rewards) <= REWARD_TOLERANCE:
        return [0.0] * n
    if kind == "grpo":
        std = (sum((r - mean) ** 2 for r in rewards) / (n - 1)) ** 0.5
        return [(r - mean) / (std + 1e-4) for r in rewards]
    if kind == "leave_one_out":
        return [r - (sum(rewards) - r) / (n - 1) for r in rewards]
    if kind == "dr_grpo":
        return [r - mean for r in rewards]
    raise ValueError(f"the textbook has no advantage {kind!r}")


def token_logprobs(
    model: PreTrainedModel, prompt: Sequence[int], completion: Sequence[int], temperature: float
) -> Tensor:
    """[C] log-probabilities of an action's tokens, by one forward pass over prompt and action."""
    ids_L = torch.tensor([*prompt, *completion], device=model.device)
    logits_LV: Tensor = model(ids_L[None], use_cache=False).logits[0].float() / temperature
    # The logits at a token predict the next one.
    logprobs_CV = logits_LV[len(prompt) - 1 : -1].log_softmax(-1)
    return logprobs_CV.gather(-1, ids_L[len(prompt) :, None])[:, 0]


def token_losses(
    new_C: Tensor, sampler_C: Tensor, reference_C: Tensor | None, advantage: float, config: TrainConfig
) -> Tensor:
    """4. The loss: make better samples more likely, but not much more at once.

    [C] losses of a sample, from log-probabilities under the policy, the sampler and the reference policy.
    """
    # The sample is used once, so the old policy is the one under training and the ratio is 1; its gradient is not. With
    # no importance cap, the sampler's log-probabilities stand for the old policy, and the clip does something.
    old_C = new_C.detach() if config.importance_cap > 0 else sampler_C
    ratio_C = (new_C - old_C).exp()
    clipped_C = ratio_C.clamp(1 - config.clip_low, 1 + config.clip_high)
    loss_C = -torch.minimum(ratio_C * advantage, clipped_C * advantage)
    if config.importance_cap > 0:  # the engine that sampled rounds otherwise than the trainer: weight by how it differs
        difference_C = new_C.detach() - sampler_C
        if config.importance_level == "sequence":
            difference_C = difference_C.sum()
        loss_C = loss_C * difference_C.exp().clamp(max=config.importance_cap)
    if reference_C is not None:  # stay near the reference policy: the k3 estimate of the divergence
        d_C = reference_C - new_C
        loss_C = loss_C + config.kl_coefficient * ratio_C * (d_C.exp() - d_C - 1)
    return loss_C


def _share(losses_C: Tensor, tokens: int, samples: int, config: TrainConfig) -> Tensor:
    """What a sample adds to the step's loss: every token counts alike, or every sample does."""
    return losses_C.sum() / tokens if config.aggregation == "token_mean" else losses_C.mean() / samples


def grpo_losses(
    model: PreTrainedModel, reference: PreTrainedModel | None, config: TrainConfig, groups: Sequence[Group]
) -> Iterator[Tensor]:
    """What each sample adds to the step's loss. Groups without variance give nothing, and count in the mean."""
    tokens = sum(len(drawn.token_ids) for _, samples, _ in groups for drawn in samples)
    count = sum(len(samples) for _, samples, _ in groups)
    for example, samples, group_rewards in groups:
        group_advantages = advantages(group_rewards, config.advantage)
        if not any(group_advantages):
            continue
        for drawn, advantage in zip(samples, group_advantages, strict=True):
            new_C = token_logprobs(model, example.prompt, drawn.token_ids, config.temperature)
            sampler_C = torch.tensor(drawn.logprobs, device=model.device)
            reference_C = None
            if reference is not None:
                with torch.no_grad():
                    reference_C = token_logprobs(reference, example.prompt, drawn.token_ids, config.temperature)
            yield _share(token_losses(new_C, sampler_C, reference_C, advantage, config), tokens, count, config)


def sft_losses(
    model: PreTrainedModel, config: TrainConfig, examples: Sequence[Example], completions: Sequence[Sequence[int]]
) -> Iterator[Tensor]:
    """SFT, the method to compare with: the cross-entropy of demonstrations."""
    tokens = sum(map(len, completions))
    for example, completion in zip(examples, completions, strict=True):
        yield _share(-token_logprobs(model, example.prompt, completion, 1.0), tokens, len(completions), config)


def make_optimiser(model: PreTrainedModel, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW, with weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def update(
    model: PreTrainedModel, optimiser: torch.optim.Optimizer, config: TrainConfig, step: int, losses: Iterable[Tensor]
) -> dict[str, float]:
    """5. Update the weights. The backward pass runs sample by sample, so that memory holds one at a time."""
    optimiser.zero_grad(set_to_none=True)
    total, samples = 0.0, 0
    for loss in losses:
        samples += 1
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm))
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * min(1.0, (step + 1) / max(1, config.warmup_steps))
    if samples:  # else weight decay and momentum would move the weights without any gradient
        optimiser.step()
    return {"loss": total, "grad_norm": norm}


def train(
    folder: Path,
    examples: Sequence[Example],
    verify: Verify,
    config: TrainConfig,
    seed: int = 0,
    chat: ChatFormat | None = None,
) -> tuple[PreTrainedModel, list[dict[str, float]]]:
    """6. Again, for some steps: train the policy of a folder on rendered pivots. Gives the model, and what each step
    measured."""
    chat = chat or ChatFormat(folder, max_thinking_tokens=config.max_thinking_tokens)
    model = _load(folder)
    reference = _load(folder).requires_grad_(False) if config.kl_coefficient > 0 else None
    optimiser = make_optimiser(model, config)
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    metrics = []
    for step in range(config.steps):
        groups: list[Group] = []
        decided: list[float] = []
        for example in rng.sample(list(examples), min(config.states_per_step, len(examples))):
            drawn = sample(model, example.prompt, config, chat.stop_token_ids, generator)
            samples = [within_limits(chat, example.prompt, one, config.max_tokens) for one in drawn]
            group_rewards = rewards(chat, verify, example, samples)
            decided += group_rewards or []
            if group_rewards and config.overlong == "mask":
                samples, group_rewards = without_overlong(samples, group_rewards)
            if group_rewards:
                groups.append((example, samples, group_rewards))
        updated = update(model, optimiser, config, step, grpo_losses(model, reference, config, groups))
        metrics.append({"step": step, "reward_mean": sum(decided) / max(1, len(decided)), **updated})
        print("  ".join(f"{name} {value:.4g}" for name, value in metrics[-1].items()), flush=True)
    return model, metrics


def _load(folder: Path) -> PreTrainedModel:
    """In float32, and in evaluation mode: with dropout it would not be the distribution that is sampled from."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    loaded: PreTrainedModel = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    return loaded


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the pivots of a store, with the verifier that scored them."""
    grammar = argparse.ArgumentParser(description=main.__doc__)
    grammar.add_argument("pivots", help="pivots@VERSION, or pivots for the latest")
    grammar.add_argument("--store", default=".pivotrl/store")
    grammar.add_argument("--model", default="desk", help="a folder, a hub id, or policies@VERSION")
    grammar.add_argument("--output", help="folder for the trained policy")
    grammar.add_argument("--seed", type=int, default=0)
    grammar.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="settings of section train")
    options = grammar.parse_args(arguments)

    config = TrainConfig.model_validate(dict(setting.split("=", 1) for setting in options.set))
    store = Store(options.store)
    pivots = store.resolve(options.pivots)
    made_from = lineage(store, pivots)
    score = ScoreConfig.model_validate(made_from["scores"].config)
    folder = fetch(resolve(options.model, store), store, Path(options.output or ".") / "reference")
    variables = json.loads(made_from["rollouts"].inputs.get("model_options", "{}"))
    chat = ChatFormat(folder, score.parser, variables, config.max_thinking_tokens)

    keys = {StateKey(*key) for key in store.read(pivots, columns=STATE_KEY).iter_rows()}
    examples = list(StateReader(store, made_from["states"].ref, made_from["trajectories"].ref).all(keep=keys))
    rendered, _ = render_examples(chat, examples)
    short = [example for example in rendered if 0 < len(example.prompt) <= config.max_state_tokens]
    print(f"{len(short)} of {len(examples)} pivots; {config.samples} samples of each; {config.steps} steps")

    model, _ = train(folder, short, build(score.verifier), config, options.seed, chat)
    if options.output:
        model.save_pretrained(options.output)
        chat.tokenizer.save_pretrained(options.output)


if __name__ == "__main__":
    main()
