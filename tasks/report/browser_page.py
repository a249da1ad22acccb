"""The pivot browser's page in the store, and where a card says that it is.

A page from http, such as Prefect's UI, may not link to a file on disk. So a card links the page only where
PIVOTRL_REPORTS_URL says under which address the store's _reports are served (`pivotrl up` does it for a store on disk;
a bucket's web address); else it names the file to open and the command that writes a copy.
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
DETAIL = 2000
"""States that a page shows whole, if nothing else is asked for."""
_LOOKS = 1
"""Goes up when the page is drawn in another way: one that is there is then drawn again."""
_MOST_READ = 256_000_000
"""Bytes of conversations and samples that a stage reads for the sake of its card."""


def browse(store: Store, pivots: Manifest) -> str:
    """The card's section; the page is written unless it is there, or too much would have to be read for it."""
    command = code(f"pivotrl report {pivots.ref} --store {store.root}")
    name = f"browser-{pivots.version}-{pivots.digest}-{_LOOKS}.html"
    try:
        there = _written(store, pivots, f"_reports/{name}")
    except PivotRLError as error:
        return f"## Browse it\n\nThere is no page: {code(str(error), 300)}"
    if not there:
        return f"## Browse it\n\n{command} writes the page of states, demonstrations and samples."
    served = _served(store)
    place = f"[Open the pivot browser]({served}/{name})" if served else f"Open {code(_url(store, name), 1000)}"
    return f"## Browse it\n\n{place}: states, demonstrations and samples on one page. {command} writes a copy."


def _served(store: Store) -> str:
    """The address of the store's _reports, empty if there is none: the environment speaks of its own store, if it has
    one."""
    its_own = os.environ.get("PIVOTRL_STORE", "")
    another = bool(its_own) and Store(its_own).objects.path != store.objects.path
    return "" if another else os.environ.get(REPORTS_URL, "").rstrip("/")


def _written(store: Store, pivots: Manifest, key: str) -> bool:
    if store.objects.exists(key):
        return True
    made_from = pivots_lineage(store, pivots.ref)
    read = sum(made_from[stage].bytes for stage in ("trajectories", "scores", "rollouts") if stage in made_from)
    if read > _MOST_READ:
        return False
    # Imported here: a cached stage has its page.
    from tasks.report.browser import page

    store.objects.put(key, page(store, pivots.ref, DETAIL).html.encode())
    return True


def _url(store: Store, name: str) -> str:
    where = store.objects.url(f"_reports/{name}")
    return Path(where).as_uri() if store.objects.local else where
