from pathlib import Path

import pytest

from flows.cli.options import answer, open_store, output_path
from schemas.locations import DEFAULT_STORE
from tasks.errors import ConfigurationError


def test_the_option_goes_before_the_environment_and_that_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIVOTRL_STORE", str(tmp_path / "environment"))
    assert open_store(str(tmp_path / "option")).root == str(tmp_path / "option")
    assert open_store(None).root == str(tmp_path / "environment")
    monkeypatch.delenv("PIVOTRL_STORE")
    assert Path(open_store(None).root).absolute() == tmp_path / DEFAULT_STORE
    with pytest.raises(ConfigurationError, match="--store is empty"):
        open_store("")


def test_an_output_is_a_file_in_a_folder_that_is_there(tmp_path: Path) -> None:
    assert output_path(str(tmp_path / "page.html")) == tmp_path / "page.html"
    with pytest.raises(ConfigurationError, match="is a folder: name a file in it"):
        output_path(str(tmp_path))
    with pytest.raises(ConfigurationError, match="there is no folder"):
        output_path(str(tmp_path / "gone" / "page.html"))


def test_an_answer_is_one_line_of_json_or_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    answer({"name": "é", "path": Path("a")}, lambda result: f"for {result['name']}", as_json=True)
    answer({"name": "é"}, lambda result: f"for {result['name']}", as_json=False)
    assert capsys.readouterr().out == '{"name": "é", "path": "a"}\nfor é\n'
