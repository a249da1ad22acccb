"""The pages that runs leave in a store on disk, served on loopback: a browser follows no link from Prefect's UI to a
file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of the folder's files, on a free port of loopback, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def list_directory(self, path: str) -> None:  # type: ignore[override]
        """Pages are opened by the links to them."""
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: whoever opened the page has seen it."""
