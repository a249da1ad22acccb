"""A person's day in the browser: fill in the form, be refused, submit, watch, read a card, browse pivots, run again.

Debian's Chromium, headless, against a real server and worker, in the UI that `pivotrl up` names: Prefect's version 2
(/v2) of the release pinned here takes the plots out of cards. Screenshots go to the folder PIVOTRL_SCREENSHOTS, or to
pytest's temporary one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, ViewportSize, expect

from schemas.stages import MADE_BY_RUN, STAGES
from tests.chromium import chromium
from tests.servers import Up

VIEWPORT = ViewportSize(width=1200, height=1700)  # what is below the window is drawn when it is scrolled to
VERBS = tuple(stage.verb for stage in STAGES if stage.artefact in MADE_BY_RUN[: MADE_BY_RUN.index("pivots") + 1])
PATIENCE_MS = 120_000

pytestmark = [
    pytest.mark.engine,
    pytest.mark.server,
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page(viewport=VIEWPORT)
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("PIVOTRL_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def store(up: Up) -> str:
    return up.environment["PIVOTRL_STORE"]


def picture(page: Page, file: Path) -> None:
    page.screenshot(path=file, clip={"x": 0, "y": 0, "width": 1200, "height": 900})


def field(page: Page, label: str, element: str) -> Locator:
    """The first such element after a label."""
    return page.locator(f"xpath=//label[starts-with(normalize-space(), '{label}')]/following::{element}[1]")


def choose(page: Page, label: str, option: str) -> None:
    field(page, label, "button").focus()
    page.keyboard.press("Space")
    page.get_by_role("option", name=option, exact=True).click()


def fill_in(page: Page, up: Up, store: str, samples: str) -> None:
    """From the list of deployments to a form that is filled in."""
    page.goto(f"{up.url}/deployments")
    page.locator(f"a[href='/deployments/deployment/{up.deployment('pivotrl')['id']}']").first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run", exact=True).click()
    choose(page, "preset", "desk")
    field(page, "Store", "textarea").fill(store)
    field(page, "Source", "textarea").fill("world://desk?episodes=24&seed=1")
    field(page, "Samples per state (K)", "input").fill(samples)
    choose(page, "until", "pivots")


def submit(page: Page) -> str:
    """Submit the form and go to the run; its id."""
    view = page.get_by_text("View run", exact=True).first
    for _ in range(5):  # a busy SQLite makes the server answer 503, which the form shows: a person clicks again
        page.get_by_role("button", name="Submit").click()
        with suppress(TimeoutError):
            view.wait_for(timeout=20_000)
            break
    view.dispatch_event("click")  # it slides, under another of its kind, and goes away
    page.wait_for_url("**/runs/flow-run/**")
    match = re.search(r"flow-run/([0-9a-f-]{36})", page.url)
    assert match
    return match[1]


def watch(page: Page) -> None:
    """Stay on the run's page until it says how the run ended, which must be well."""
    ended = page.get_by_text(re.compile("^(Completed|Failed|Crashed)$")).first
    expect(ended).to_have_text("Completed", timeout=600_000)


@pytest.fixture(scope="module")
def run(page: Page, up: Up, pictures: Path, store: str) -> str:
    """The id of a run that was started by the form and watched to its end."""
    fill_in(page, up, store, samples="4")
    page.get_by_text("Parameters", exact=True).scroll_into_view_if_needed()
    picture(page, pictures / "form.png")
    run = submit(page)
    watch(page)
    settings = {"store": store, "ingest": {"source": "world://desk?episodes=24&seed=1"}, "rollout": {"samples": 4}}
    assert up.api(f"/flow_runs/{run}")["parameters"]["config"] == settings, "what was left alone is the preset's"
    return run


def test_a_bad_value_is_refused_in_the_form(page: Page, up: Up, pictures: Path, store: str) -> None:
    before = len(up.api("/flow_runs/filter", {}))
    fill_in(page, up, store, samples="1")
    page.get_by_role("button", name="Submit").click()
    problem = "Validation failed for field 'config.rollout.samples'. Failure reason: 1 is less than the minimum of 2"
    expect(page.get_by_text(problem).first).to_be_visible()
    assert len(up.api("/flow_runs/filter", {})) == before
    page.screenshot(path=pictures / "refused.png")


def test_a_run_is_submitted_and_watched_to_its_end(page: Page, up: Up, run: str, pictures: Path) -> None:
    assert up.stages(run) == dict.fromkeys(VERBS, "Completed")
    page.goto(f"{up.url}/runs/flow-run/{run}")
    watch(page)
    page.get_by_text("Task Runs", exact=True).click()
    expect(page.get_by_text("Completed", exact=True)).to_have_count(1 + len(VERBS))
    picture(page, pictures / "run.png")


def test_a_stage_card_shows_its_plot(page: Page, up: Up, run: str, pictures: Path) -> None:
    page.goto(f"{up.url}/runs/flow-run/{run}")
    page.get_by_text("Artifacts", exact=True).click()
    page.locator("a[href*='/artifacts/artifact/']").filter(has_text="profiles@").click()
    plot = page.locator("img[src^='data:image/']").first
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.naturalWidth") > 100
    picture(page, pictures / "card.png")


def test_the_card_of_pivots_leads_to_their_browser(page: Page, up: Up, run: str, pictures: Path) -> None:
    page.goto(f"{up.url}/runs/flow-run/{run}")
    page.get_by_text("Artifacts", exact=True).click()
    page.locator("a[href*='/artifacts/artifact/']").filter(has_text="pivots@").click()
    address = page.get_by_role("link", name="Open the pivot browser").get_attribute("href")
    assert address
    page.goto(address)
    rows = page.locator("#states tbody tr")
    expect(rows.first).to_be_visible()
    everything = page.locator("#count").inner_text()
    page.get_by_label("Mean reward at least").fill("0.4")
    page.get_by_label("Mean reward at most").fill("0.6")
    expect(page.locator("#count")).not_to_have_text(everything)
    rows.first.get_by_role("button").click()
    expect(page.locator("#detail")).to_be_visible()
    picture(page, pictures / "pivots.png")


def test_run_again_every_stage_is_cached(page: Page, up: Up, run: str, pictures: Path, store: str) -> None:
    fill_in(page, up, store, samples="4")
    again = submit(page)
    watch(page)
    assert up.stages(again) == dict.fromkeys(VERBS, "Cached")
    page.get_by_text("Task Runs", exact=True).click()
    expect(page.get_by_text("Cached", exact=True)).to_have_count(len(VERBS))
    picture(page, pictures / "cached.png")
