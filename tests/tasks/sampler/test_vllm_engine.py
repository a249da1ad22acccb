"""A real vLLM engine, in a process of its own: what it samples, and that new weights are the weights it samples
with."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tasks.children.progress import is_alive
from tests.servers import ROOT

SCRIPT = """
import json, torch
from transformers import AutoModelForCausalLM
from schemas.section import Engine
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.sampler.sampler import Sampling
from tasks.sampler.vllm_engine import VllmEngine

def mismatch(model, prompts, groups, temperature):
    worst = 0.0
    for prompt, group in zip(prompts, groups):
        for sample in group:
            ids = torch.tensor([prompt + sample.token_ids])
            logits = model(ids).logits[0, len(prompt) - 1 : -1].float() / temperature
            chosen = logits.log_softmax(-1).gather(1, torch.tensor(sample.token_ids)[:, None])[:, 0]
            worst = max(worst, float((chosen - torch.tensor(sample.logprobs)).abs().max()))
    return worst

torch.set_grad_enabled(False)
model = AutoModelForCausalLM.from_pretrained(DESK, dtype=torch.float32)
chat = ChatFormat(DESK)
ask = "<|im_start|>user\\nWhat is 1{0} plus 2{0}?<|im_end|>\\n<|im_start|>assistant\\n"
prompts = [chat.encode(ask.format(i)) for i in range(4)]
engine = VllmEngine(DESK, Engine(), seed=0)
sampling = Sampling(n=3, temperature=0.7, max_tokens=12, seed=5)
print("SAMPLING")
first, again = engine.sample(prompts, sampling), engine.sample(prompts, sampling)
print("SAMPLED")
before = mismatch(model, prompts, first, 0.7)
torch.manual_seed(0)
for parameter in model.parameters():
    parameter.mul_(1 + 0.3 * torch.randn_like(parameter))
engine.load_weights(model.named_parameters())
moved = engine.sample(prompts, sampling)
print("RESULT" + json.dumps({
    "same": first == again,
    "shape": [len(group) for group in first],
    "ends": all(s.finished == (s.token_ids[-1] == chat.stop_token_ids[0]) for group in first for s in group),
    "before": before,
    "after": mismatch(model, prompts, moved, 0.7),
    "changed": moved != first,
}))
"""


SHARED = """
import json, sys
from safetensors.torch import load_file
from schemas.section import Engine
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.sampler.sampler import Sampling
from tasks.sampler.vllm_engine import VllmEngine

chat = ChatFormat(DESK)
ask = "<|im_start|>user\\nSort these: {0}, 2, {0}{0}, 7<|im_end|>\\n<|im_start|>assistant\\n"
prompts = [chat.encode(ask.format(i)) for i in range(4)]
greedy, sampling = (Sampling(n=n, temperature=t, max_tokens=12, seed=5) for n, t in ((1, 0.0), (4, 1.5)))
engine = VllmEngine(DESK, Engine(tensor_parallel=int(sys.argv[1])), seed=0)
weights = load_file(DESK / "model.safetensors")
found = []
for scale in (1.0, 0.8):
    engine.load_weights((name, value * scale) for name, value in weights.items())
    groups = engine.sample(prompts, greedy)
    found.append({
        "tokens": [group[0].token_ids for group in groups],
        "logprobs": [group[0].logprobs for group in groups],
        "same": engine.sample(prompts, sampling) == engine.sample(prompts, sampling),
        "varied": any(len({str(s.token_ids) for s in group}) > 1 for group in engine.sample(prompts, sampling)),
    })
print("RESULT" + json.dumps(found))
"""


@pytest.mark.engine
def test_an_engine_of_two_workers_samples_what_one_does() -> None:
    answers = []
    for workers in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", SHARED, workers], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answers.append(json.loads(done.stdout.partition("RESULT")[2].splitlines()[0]))
    alone, shared = answers
    for one, two in zip(alone, shared, strict=True):
        assert one["same"] and two["same"] and two["varied"], "the seed reaches every worker"
        assert two["tokens"] == one["tokens"]
        for logprobs, expected in zip(two["logprobs"], one["logprobs"], strict=True):
            assert logprobs == pytest.approx(expected, abs=1e-4)
    assert alone[0]["logprobs"] != alone[1]["logprobs"], "new weights"


@pytest.mark.engine
def test_the_engine_samples_with_the_weights_it_was_given() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.partition("RESULT")[2])
    sampling = done.stdout.partition("SAMPLING")[2].partition("SAMPLED")[0]
    assert sum(map(is_alive, sampling.splitlines())) == 8, "each finished prompt is a sign of life"
    assert "Processed prompts" not in done.stderr, "vLLM's progress bar"
    assert found["same"], "the same call gives the same samples"
    assert found["shape"] == [3, 3, 3, 3]
    assert found["ends"]
    assert found["before"] < 5e-3
    assert found["changed"]
    assert found["after"] < 5e-3, "new weights reach every layer, the tied head included"
