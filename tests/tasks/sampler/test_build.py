"""The kinds of engines, and that a new one takes a file and a word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from schemas.section import Engine
from tests.extending import Copy
from tests.servers import ROOT

README = (ROOT / "tasks" / "sampler" / "README.md").read_text()
USE = """
from pathlib import Path
from schemas.training import TrainConfig
from tasks.sampler.build import start
from tasks.sampler.sampler import Sampling

settings = TrainConfig.model_validate({"engine": {"kind": "silent"}}).engine
groups = start(Path("policy"), settings, 0).sample([[1, 2], [3]], Sampling(3, 1.0, 8, seed=0))
print([[sample.token_ids for sample in group] for group in groups])
"""


@pytest.mark.parametrize("kind", get_args(Engine.model_fields["kind"].annotation))
def test_every_kind_that_can_be_named_has_its_file(kind: str) -> None:
    text = (ROOT / "tasks" / "sampler" / f"{kind}_engine.py").read_text()
    assert "\ndef start(folder: Path, settings: Engine, seed: int)" in text


def test_an_engine_is_added_as_the_readme_says(tmp_path: Path) -> None:
    (engine,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    copy = Copy(tmp_path)
    copy.add("tasks/sampler/silent_engine.py", engine)
    kinds = 'kind: Annotated[Literal["vllm"'
    copy.change("schemas/section.py", kinds, f'{kinds}, "silent"')
    assert copy.python("-c", USE) == "[[[0], [0], [0]], [[0], [0], [0]]]\n"
