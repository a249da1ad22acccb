from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tasks.verifiers.judge_server import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    """A judge's endpoint."""
    with serving() as judge_server:
        yield judge_server
