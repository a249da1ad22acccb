from pathlib import Path

import httpx
import pytest

from flows.server.reports import serving
from tasks.errors import ConfigurationError
from tests.servers import free_port


def test_pages_have_the_same_address_at_every_start(tmp_path: Path) -> None:
    port = free_port()
    for _ in range(2):
        with serving(tmp_path / "_reports", port) as address:
            (tmp_path / "_reports" / "page.html").write_text("<html>")
            assert address == f"http://127.0.0.1:{port}"
            assert httpx.get(f"{address}/page.html", trust_env=False).text == "<html>"
            assert httpx.get(address, trust_env=False).status_code == 404


@pytest.mark.parametrize("port", [None, 65_536])
def test_where_the_port_cannot_be_used_another_is(tmp_path: Path, port: int | None) -> None:
    taken = free_port()
    with serving(tmp_path, taken), serving(tmp_path, port or taken) as address:
        assert httpx.get(f"{address}/none", trust_env=False).status_code == 404
        assert address != f"http://127.0.0.1:{taken}"


def test_a_folder_that_cannot_be_made_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigurationError, match="file/_reports cannot be made: Not a directory"),
        serving(tmp_path / "file" / "_reports", 0),
    ):
        pass
