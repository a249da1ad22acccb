"""The pages that runs write into a store on disk, served on loopback.

A browser follows no link from Prefect's UI to a file, but it does to another port.
"""

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
    """Serve the files of a folder until the block ends; yields their address.

    Args:
        port: The same at every start, so that links in old cards stay valid. If it is taken, any free one is used.

    Raises:
        ConfigurationError: the folder cannot be created.
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
    handler = partial(_Pages, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError):
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)


class _Pages(SimpleHTTPRequestHandler):
    def list_directory(self, path: str) -> None:  # type: ignore[override]
        """Refuse: pages are opened by the links to them."""
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the terminal is `pivotrl up`'s."""
