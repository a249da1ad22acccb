"""What Prefect's UI shows of a stage while it runs: a progress artefact for each thing that is counted, and a plot.

Made and updated in the orchestrating process, from what the child reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.exceptions import PrefectException

from tasks.children.progress import Log, Update

Plot = Callable[[Sequence[Update]], str]
"""Updates of one thing so far, as a data URI."""

_EVERY_S = 10.0


class Live:
    """Shows updates in the UI, each thing once in 10 s and at its end. A server that does not answer stops no stage.

    Args:
        log: told once when the server refuses.
        plot: of the updates that bring values.
    """

    def __init__(self, log: Log, plot: Plot | None = None) -> None:
        self._log, self._plot = log, plot
        self._updates: dict[str, list[Update]] = {}
        self._shown_at: dict[str, float] = {}
        self._progress: dict[str, UUID] = {}
        self._plots: dict[str, UUID] = {}
        self._refused = False

    def show(self, update: Update) -> None:
        """Take an update, and show it when it is time."""
        if update.values:
            self._updates.setdefault(update.what, []).append(update)
        early = time.monotonic() - self._shown_at.get(update.what, -_EVERY_S) < _EVERY_S
        if self._refused or (early and update.done < update.total):
            return
        self._shown_at[update.what] = time.monotonic()
        try:
            self._show_progress(update)
            if drawn := self._drawn(update.what):
                self._show_plot(update.what, drawn)
        except (httpx.HTTPError, PrefectException) as error:
            self._refused = True
            self._log.warning(
                "%s: no further progress in the UI, because the server refused it: %s", update.what, error
            )

    def _drawn(self, what: str) -> str:
        """The plot; empty where there is none. What cannot be drawn once is not tried again, and stops no stage."""
        if self._plot is None or what not in self._updates:
            return ""
        try:
            return self._plot(self._updates[what])
        except Exception as error:
            self._plot = None
            self._log.warning("%s: no further plot in the UI: %s: %s", what, type(error).__name__, error)
            return ""

    def _show_progress(self, update: Update) -> None:
        share = 100.0 * update.done / max(1, update.total)
        text = f"{update.what}: {update.done:,} of {update.total:,} {update.note}".strip()
        if update.what in self._progress:
            update_progress_artifact(self._progress[update.what], share, text)
        else:
            made = create_progress_artifact(share, f"{_key(update.what)}-progress", text)
            self._progress[update.what] = cast(UUID, made)

    def _show_plot(self, what: str, data_uri: str) -> None:
        markdown = f"![{what}]({data_uri})"
        if what in self._plots:
            with get_client(sync_client=True) as client:
                client.update_artifact(self._plots[what], ArtifactUpdate(data=markdown))
        else:
            made = create_markdown_artifact(markdown, f"{_key(what)}-plot", f"{what}, while it runs")
            self._plots[what] = cast(UUID, made)


def _key(what: str) -> str:
    """Prefect's keys are of lower-case letters, digits and dashes."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in what.lower())
