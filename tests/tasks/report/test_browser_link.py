"""Where the card of pivots says that the browser's page lies."""

import re
from pathlib import Path

import pytest

from tasks.report import browser_link
from tasks.report.browser_link import browser_section
from tasks.report.card import card
from tasks.store.lineage import lineage
from tasks.store.manifest import Manifest
from tasks.store.store import Store
from tests.builders import trajectory
from tests.pivots import HALF, commit_pivots, conversation


@pytest.fixture
def pivots(store: Store) -> Manifest:
    return store.manifest(commit_pivots(store, [[trajectory(0, conversation(0))]], {(0, 1): HALF}).ref)


def test_the_card_of_pivots_names_the_page_in_the_store(
    store: Store, pivots: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(browser_link.REPORTS_URL, raising=False)
    page = Path(
        store.objects.full(f"_reports/browser-{pivots.version}-{pivots.digest}-{browser_link._DRAWING_VERSION}.html")
    )
    text = card(store, pivots)
    assert page.read_text().startswith("<!doctype html>") and f"Open `{page.as_uri()}`" in text
    assert f"`pivotrl report {pivots.ref} --store {store.root}` writes a copy" in text
    page.write_text("kept")
    monkeypatch.setenv(browser_link.REPORTS_URL, "http://127.0.0.1:4300/")
    assert f"[Open the pivot browser](http://127.0.0.1:4300/{page.name})" in card(store, pivots)
    assert page.read_text() == "kept", "a page is written once"


def test_a_page_that_would_cost_much_is_left_to_the_command(
    store: Store, pivots: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_link, "_MOST_READ", 100)
    text = card(store, pivots)
    assert "writes the page of states" in text and not store.objects.exists("_reports")


def test_a_page_whose_conversations_are_gone_is_said_to_be_missing(store: Store, pivots: Manifest) -> None:
    store.objects.remove(f"trajectories/{lineage(store, pivots.ref)['trajectories'].version}")
    text = card(store, pivots)
    assert re.search("There is no page: .*no trajectories@", text) and "data:image/png" in text


@pytest.mark.parametrize(("own_store", "is_link"), [("", True), ("{store}", True), ("{store}-another", False)])
def test_an_address_is_of_the_environments_store_alone(
    store: Store, pivots: Manifest, own_store: str, is_link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIVOTRL_STORE", own_store.format(store=store.root))
    monkeypatch.setenv(browser_link.REPORTS_URL, "http://127.0.0.1:4300")
    section = browser_section(store, pivots)
    assert ("[Open the pivot browser](http://127.0.0.1:4300/browser-" in section) is is_link
    assert ("Open `file:///" in section) is not is_link
