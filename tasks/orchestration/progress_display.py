"""What Prefect's UI shows of a stage while it runs: per thing that is counted a progress artefact, and a plot.

Made and updated in the orchestrating process, from what the child process reports.
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
"""Draws the updates of one thing so far, as a data URI."""

_EVERY_S = 10.0
"""An update sooner than this after the last one is not sent, unless it is the final one."""


class ProgressDisplay:
    """Shows updates in the UI. A server that does not answer stops no stage.

    Args:
        log: gets one warning when the server refuses.
        plot: of the updates that bring values.
    """

    def __init__(self, log: Log, plot: Plot | None = None) -> None:
        self._log, self._plot = log, plot
        self._updates: dict[str, list[Update]] = {}
        self._shown_at: dict[str, float] = {}
        self._progress_ids: dict[str, UUID] = {}
        self._plot_ids: dict[str, UUID] = {}
        self._refused = False

    def show(self, update: Update) -> None:
        """Take an update, and send it when it is time."""
        if update.values:
            self._updates.setdefault(update.what, []).append(update)
        early = time.monotonic() - self._shown_at.get(update.what, -_EVERY_S) < _EVERY_S
        if self._refused or (early and update.done < update.total):
            return
        self._shown_at[update.what] = time.monotonic()
        try:
            self._send_progress(update)
            if data_uri := self._draw(update.what):
                self._send_plot(update.what, data_uri)
        except (httpx.HTTPError, PrefectException) as error:
            self._refused = True
            self._log.warning(
                "%s: no further progress in the UI, because the server refused it: %s", update.what, error
            )

    def _draw(self, what: str) -> str:
        """The plot; empty where there is none."""
        if self._plot is None or what not in self._updates:
            return ""
        try:
            return self._plot(self._updates[what])
        except Exception as error:  # whatever fails in drawing: training is worth more than its picture
            self._plot = None
            self._log.warning("%s: no further plot in the UI: %s: %s", what, type(error).__name__, error)
            return ""

    def _send_progress(self, update: Update) -> None:
        percent = 100.0 * update.done / max(1, update.total)
        text = f"{update.what}: {update.done:,} of {update.total:,} {update.note}".strip()
        if update.what in self._progress_ids:
            update_progress_artifact(self._progress_ids[update.what], percent, text)
        else:
            artifact_id = create_progress_artifact(percent, f"{_key(update.what)}-progress", text)
            self._progress_ids[update.what] = cast(UUID, artifact_id)

    def _send_plot(self, what: str, data_uri: str) -> None:
        markdown = f"![{what}]({data_uri})"
        if what in self._plot_ids:
            # By the client: Prefect has no function that updates an artefact of Markdown.
            with get_client(sync_client=True) as client:
                client.update_artifact(self._plot_ids[what], ArtifactUpdate(data=markdown))
        else:
            artifact_id = create_markdown_artifact(markdown, f"{_key(what)}-plot", f"{what}, while it runs")
            self._plot_ids[what] = cast(UUID, artifact_id)


def _key(what: str) -> str:
    """Prefect's keys are of lower-case letters, digits and dashes."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in what.lower())
