from pathlib import Path
from typing import get_args

import pytest

from schemas.section import Engine
from tests.extending import Copy
from tests.servers import ROOT


@pytest.mark.parametrize("kind", get_args(Engine.model_fields["kind"].annotation))
def test_every_kind_that_can_be_named_has_its_file(kind: str) -> None:
    text = (ROOT / "tasks" / "sampler" / f"{kind}_engine.py").read_text()
    assert "\ndef start(folder: Path, settings: Engine, seed: int)" in text


ECHO = """
from tasks.sampler.sampler import Sample


class EchoEngine:
    def sample(self, prompts, sampling):
        return [[Sample(list(prompt), [0.0] * len(prompt), True)] * sampling.n for prompt in prompts]

    def load_weights(self, weights):
        pass


def start(folder, settings, seed):
    return EchoEngine()
"""
USE = """
from pathlib import Path
from flows.settings.configuration import load
from tasks.sampler.build import start
from tasks.sampler.sampler import Sampling

engine = load("desk", ["rollout.engine.kind=echo"]).rollout.engine
print(start(Path(), engine, 0).sample([[7, 8]], Sampling(n=2, temperature=1.0, max_tokens=4, seed=0)))
"""


def test_an_engine_is_one_file_and_one_line(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.add("tasks/sampler/echo_engine.py", ECHO)
    copy.change("schemas/section.py", 'Literal["vllm"]', 'Literal["vllm", "echo"]')
    assert copy.python("-c", USE).count("token_ids=[7, 8]") == 2
