"""Worlds by name: the built-in ones, a user's own, and mistakes."""

from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tasks.worlds.world import BUILT_IN, load


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_world_bears_its_name(name: str) -> None:
    assert load(name).name == name and load(name) is load(name)
    assert load(BUILT_IN[name]) is load(name), "its module names it too"


def test_a_users_own_world_is_a_module_with_a_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moon_world.py").write_text("WORLD = 'the moon'\n")
    (tmp_path / "empty_world.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load("moon_world") == "the moon"  # type: ignore[comparison-overlap]
    for name in ("empty_world", "no_such_module", ""):
        with pytest.raises(ConfigurationError, match=rf"world '{name}': not built in \(desk, library\)"):
            load(name)
