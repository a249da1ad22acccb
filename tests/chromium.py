"""Debian's headless Chromium, driven by Playwright: pages as their readers see them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_FLAGS = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS = 60_000
"""What a busy machine may take for one step."""


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser, closed with the block; skips the test where it or Playwright is missing."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Chromium is not installed (apt-get install chromium): the page is not tried in a browser")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (infra/test.txt)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable, chromium_sandbox=False, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()
