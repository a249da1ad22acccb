"""A tiny policy with its own tokenizer, states of a made-up conversation, and a sampler that replays."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from schemas.chat import Action, State, message
from schemas.training import TrainConfig
from tasks.policy.chat import ChatFormat
from tasks.sampler.sampler import Sample
from tasks.stages.train.loop import TrainingRun
from tasks.states.example import Example
from tasks.verifiers.section import ScoreConfig
from tasks.verifiers.verdict import Reason, Verdict

TEMPLATE = (
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LETTERS = "abcdefgh"


def write_policy(folder: Path) -> Path:
    """A byte-level tokenizer of 258 tokens, a chat template, and a Qwen3 of two layers with random weights."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        tie_word_embeddings=True,
        max_position_embeddings=512,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


def conversation_states(folder: Path, trajectories: int = 3, turns: int = 3) -> list[Example]:
    """In each trajectory the user asks for letters and the assistant says them."""
    chat = ChatFormat(folder)
    examples = []
    for t in range(trajectories):
        history = []
        for turn in range(turns):
            letter = LETTERS[(3 * t + turn) % len(LETTERS)]
            history.append(message("user", f"say {letter}"))
            state = State(f"t{t}", turn, tuple(history), ())
            prompt = chat.encode(chat.text(state.messages, state.tools))
            examples.append(Example(state, Action(letter), prompt=prompt))
            history.append(message("assistant", letter))
    return examples


class RecordedSampler:
    """Replays: samples depend on the prompt and the seed, never on the weights. Keeps what it was asked and given.

    Not `seeded`, they depend on the prompt alone: the seed differs among processes.
    """

    def __init__(self, folder: Path, seeded: bool = True) -> None:
        self.chat = ChatFormat(folder)
        self.seeded = seeded
        self.seeds: list[int] = []
        self.weights: list[dict[str, torch.Tensor]] = []

    def sample(self, prompts, sampling):
        self.seeds.append(sampling.seed)
        return self.groups(prompts, sampling.n, sampling.seed if self.seeded else None)

    def groups(self, prompts, n, key):
        """`n` samples per prompt."""
        return [[self._one(prompt, key, i) for i in range(n)] for prompt in prompts]

    def _one(self, prompt, key, i):
        digest = hashlib.sha256(f"{list(prompt)}{key}{i}".encode()).digest()
        rng = random.Random(digest)
        text = rng.choice(LETTERS[:3]) + rng.choice(["", "", "!"])
        token_ids = [*self.chat.encode(text), self.chat.stop_token_ids[0]]
        return Sample(token_ids, [-rng.random() for _ in token_ids], finished=True)

    def load_weights(self, weights):
        self.weights.append({name: value.clone() for name, value in weights})


def letter_verifier(state, demonstration, completion):
    """1 where the action says the demonstration's letter, with or without an exclamation mark."""
    good = isinstance(completion, Action) and completion.content.rstrip("!") == demonstration.content
    return Verdict(float(good), Reason.EQUAL if good else Reason.WRONG_TEXT)


@pytest.fixture(scope="session")
def policy_folder(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture
def states(policy_folder):
    return conversation_states(policy_folder)


@pytest.fixture
def sampler(policy_folder):
    return RecordedSampler(policy_folder)


@pytest.fixture
def verify():
    return letter_verifier


@pytest.fixture
def a_run():
    """A function that gives a short GRPO run of a policy folder, writing below another folder."""

    def make(policy, folder, every=10, max_undecided=1.0, **changes):
        defaults = {"steps": 4, "states_per_step": 4, "samples": 4, "learning_rate": 1e-2, "temperature": 0.8}
        config, score = TrainConfig(**(defaults | changes)), ScoreConfig(max_undecided=max_undecided)
        return TrainingRun(
            policy, folder / "model", folder / "checkpoints", config, score, seed=3, checkpoint_every=every
        )

    return make
