from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tasks.modules import user_code


def test_an_attribute_of_a_module_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reader_of_a_user.py").write_text("def read(record):\n    return record\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert user_code("reader_of_a_user", "read", "ingest.reader")(3) == 3


@pytest.mark.parametrize(
    ("module", "attribute", "cause"),
    [
        ("no_such_module_anywhere", "f", "No module named 'no_such_module_anywhere'"),
        ("json", "no_such_function", "has no attribute 'no_such_function'"),
        ("", "f", "Empty module name"),
    ],
)
def test_what_is_not_there_is_a_mistake_of_the_configuration(module: str, attribute: str, cause: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^ingest\.reader: ") as raised:
        user_code(module, attribute, "ingest.reader")
    assert cause in str(raised.value) and "PYTHONPATH" in str(raised.value)
