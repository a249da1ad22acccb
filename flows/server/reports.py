"""The pages that runs leave in a store on disk, served on loopback: a browser follows no link from Prefect's UI to a
file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tasks.errors import ConfigurationError


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """The address of the folder's files on loopback, until the block ends.

    Args:
        port: the same at every start, so that links in old cards lead somewhere; where it is taken, any free one.

    Raises:
        ConfigurationError: the folder is not there and cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror}; give another PIVOTRL_STORE") from error
    with _server(folder, port) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _server(folder: Path, port: int) -> ThreadingHTTPServer:
    handler = partial(_Quiet, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError):
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)


class _Quiet(SimpleHTTPRequestHandler):
    def list_directory(self, path: str) -> None:  # type: ignore[override]
        """Pages are opened by the links to them."""
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: whoever opened the page has seen it."""
