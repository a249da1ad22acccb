from typing import get_args

import pytest

from schemas.section import Engine
from tests.servers import ROOT


@pytest.mark.parametrize("kind", get_args(Engine.model_fields["kind"].annotation))
def test_every_kind_that_can_be_named_has_its_file(kind: str) -> None:
    text = (ROOT / "tasks" / "sampler" / f"{kind}_engine.py").read_text()
    assert "\ndef start(folder: Path, settings: Engine, seed: int)" in text
