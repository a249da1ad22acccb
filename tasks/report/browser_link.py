"""The card's link to the pivot browser. The page lies in the store, under _reports/.

A browser follows no link from http (Prefect's UI) to a file on disk. So the card has a link only where the environment
variable PIVOTRL_REPORTS_URL says at which address _reports is served: `pivotrl up` serves it for a store on disk, and a
bucket may have a web address. Elsewhere the card names the file to open and the command that writes a copy.
"""

from __future__ import annotations

import os
from pathlib import Path

from tasks.errors import PivotRLError
from tasks.report.markdown import code
from tasks.store.lineage import pivots_lineage
from tasks.store.manifest import Manifest
from tasks.store.store import Store

REPORTS_URL = "PIVOTRL_REPORTS_URL"
WHOLE_STATES = 2000
"""States that a page shows with their conversation and samples, if nothing else is asked for."""
_DRAWING_VERSION = 1
"""Goes up when the page is drawn in another way: a page that is there is then not used."""
_MOST_READ = 256_000_000
"""Bytes of conversations and samples that are read for the sake of a card."""


def browser_section(store: Store, pivots: Manifest) -> str:
    """The card's section. It writes the page, unless the page is there or too much would have to be read for it."""
    command = code(f"pivotrl report {pivots.ref} --store {store.root}")
    name = f"browser-{pivots.version}-{pivots.digest}-{_DRAWING_VERSION}.html"
    try:
        exists = _ensure_page(store, pivots, f"_reports/{name}")
    except PivotRLError as error:
        return f"## Browse it\n\nThere is no page: {code(str(error), 300)}"
    if not exists:
        return f"## Browse it\n\n{command} writes the page of states, demonstrations and samples."
    address = _reports_address(store)
    place = f"[Open the pivot browser]({address}/{name})" if address else f"Open {code(_file_url(store, name), 1000)}"
    return f"## Browse it\n\n{place}: states, demonstrations and samples on one page. {command} writes a copy."


def _reports_address(store: Store) -> str:
    """Where the store's _reports are served; empty where they are not."""
    environment_store = os.environ.get("PIVOTRL_STORE", "")
    # The address is of the environment's own store. A run may write to another one.
    if environment_store and Store(environment_store).objects.path != store.objects.path:
        return ""
    return os.environ.get(REPORTS_URL, "").rstrip("/")


def _ensure_page(store: Store, pivots: Manifest, key: str) -> bool:
    """Write the page unless it is there; False where that would read too much."""
    if store.objects.exists(key):
        return True
    manifests = pivots_lineage(store, pivots.ref)
    to_read = sum(manifests[stage].bytes for stage in ("trajectories", "scores", "rollouts") if stage in manifests)
    if to_read > _MOST_READ:
        return False
    # Imported here: `pivotrl up` reads REPORTS_URL from this module and draws nothing.
    from tasks.report.browser import page

    store.objects.put(key, page(store, pivots.ref, WHOLE_STATES).html.encode())
    return True


def _file_url(store: Store, name: str) -> str:
    url = store.objects.url(f"_reports/{name}")
    return Path(url).as_uri() if store.objects.local else url
