"""The pivot browser as its reader meets it, in Debian's Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.report.browser import page
from tasks.store.store import Store
from tests.builders import trajectory
from tests.chromium import PATIENCE_MS, chromium
from tests.pivots import HALF, commit_pivots, conversation

pytestmark = pytest.mark.slow
EPISODES = 24
MOST, NEVER, ALWAYS = (1.0, 1.0, 1.0, 0.0), (0.0,) * 4, (1.0,) * 4
REWARDS = {
    (number, turn): (HALF, MOST, NEVER, ALWAYS)[(number + turn) % 4] for number in range(EPISODES) for turn in range(5)
}
STATES = len(REWARDS)
CONTRAST = 4.5
"""Of text against its ground, at least (WCAG 2.2, criterion 1.4.3)."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    rows = [trajectory(i, conversation(i), domain=("desk", "retail")[i % 2]) for i in range(EPISODES)]
    store = Store(str(folder / "store"))
    path = folder / "page.html"
    path.write_text(page(store, commit_pivots(store, [rows], REWARDS).ref, 60).html, encoding="utf-8")
    return path


@pytest.fixture
def tab(browser: Any, html: Path) -> Iterator[Any]:
    """The page in a new tab; whatever it asks from elsewhere, or complains about, fails the test."""
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    troubles: list[str] = []
    tab.on("request", lambda request: troubles.append(request.url) if request.url != html.as_uri() else None)
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    tab.goto(html.as_uri())
    yield tab
    context.close()
    assert not troubles


def count(tab: Any) -> int:
    """The states that the page says remain."""
    match = re.match(r"([\d,]+) of", tab.locator("#count").inner_text())
    assert match is not None
    return int(match[1].replace(",", ""))


def column(tab: Any, title: str) -> list[str]:
    titles = [text.strip() for text in tab.locator("#states thead th").all_inner_texts()]
    return list(tab.locator(f"#states tbody td:nth-child({titles.index(title) + 1})").all_inner_texts())


def test_each_filter_narrows_the_list_and_says_so(tab: Any) -> None:
    assert count(tab) == STATES and len(column(tab, "Mean")) == 50
    tab.get_by_label("Domain").select_option("retail")
    assert count(tab) == STATES // 2 and set(column(tab, "Domain")) == {"retail"}
    tab.get_by_label("Tool").select_option("get_order+get_order")
    assert count(tab) == EPISODES // 2 and set(column(tab, "Depth")) == {"2"}
    tab.get_by_role("button", name="Clear").click()
    tab.locator("#count", has_text=f"{STATES} of").wait_for()
    tab.get_by_label("Mean reward at least").fill("0.6")
    tab.get_by_label("Mean reward at most").fill("0.8")
    assert count(tab) == STATES // 4 and set(column(tab, "Mean")) == {"0.75"}
    tab.get_by_role("button", name="Clear").click()
    tab.locator("#count", has_text=f"{STATES} of").wait_for()
    tab.get_by_label("Variance at least").fill("0.2")
    tab.get_by_label("Turn at least").fill("3")
    assert set(column(tab, "Variance")) == {"0.25"} and set(column(tab, "Depth")) == {"3", "4"}
    tab.get_by_label("Selection").select_option("not selected")
    assert count(tab) == 0 and column(tab, "Mean") == []
    assert tab.locator("#count").get_attribute("role") == "status", "a screen reader hears the number"


def test_a_state_is_opened_read_and_closed_by_keyboard_alone(tab: Any) -> None:
    tab.locator("#states tbody button").first.focus()
    name = tab.evaluate("document.activeElement.textContent")
    tab.keyboard.press("Enter")
    detail = tab.locator("#detail")
    assert tab.evaluate("document.activeElement.id") == "detail", "the reader is where the state is"
    trajectory_id, turn = name.split(" turn ")
    assert detail.locator("h2").inner_text() == f"{trajectory_id}, turn {turn}"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Close"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert detail.locator("h2").inner_text() != f"{trajectory_id}, turn {turn}", "the next state"
    tab.keyboard.press("Escape")
    assert detail.is_hidden()
    assert tab.evaluate("document.activeElement.dataset.state") is not None, "back in the table"


def test_the_first_keys_reach_every_filter_in_order(tab: Any) -> None:
    reached = []
    for _ in range(11):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id || document.activeElement.textContent"))
    ends = [f"{name}-{end}" for name in ("mean", "variance", "turn_index") for end in ("from", "to")]
    assert reached == ["verdict", "domain", "kind", "tool", *ends, "Clear"]


def opened(tab: Any, number: int, turn: int) -> Any:
    tab.evaluate("address => { location.hash = address; }", f"{number:016x}/{turn}")
    tab.reload()
    detail = tab.locator("#detail")
    detail.wait_for()
    return detail


def test_a_state_shows_why_what_was_said_and_how_the_samples_differ(tab: Any) -> None:
    detail = opened(tab, 0, 4)
    text = detail.inner_text()
    assert "Selected: its rewards vary and their mean is below max_mean (0.9)." in text
    assert re.search("2 . reward 1: equivalent", text) and re.search("2 . reward 0: parse_failure\ncut", text)
    sample = detail.locator(".sample").first
    assert sample.locator("del").all_inner_texts()[0] == "One"
    assert "It" in "".join(sample.locator("ins").all_inner_texts())
    assert "One is lost." in detail.locator("h3:has-text('Demonstration') + div").inner_text()
    assert "They want a status." not in text, "what is folded is not in the way"
    assert detail.locator("summary", has_text="earlier messages").count() == 1
    system = detail.locator("summary", has_text="system")
    assert "</script><b>" in system.inner_text(), "a text is shown as it is"
    system.click()
    assert "Be brief. </script><b>Ünïcode</b>" in detail.inner_text()


def test_an_unselected_state_says_why_and_a_state_that_is_not_whole_how_to_get_it(tab: Any) -> None:
    assert "Not selected: every sample got the reward 1" in opened(tab, 0, 3).inner_text()
    tab.get_by_label("Selection").select_option("not selected")
    while tab.locator("#next-page").is_enabled():
        tab.locator("#next-page").click()
    tab.locator("#states tbody button").last.click()
    assert re.search(r"pivotrl report pivots@\w+ --detail 120", tab.locator("#detail").inner_text())


def test_everything_that_acts_or_holds_something_has_a_name(tab: Any) -> None:
    opened(tab, 0, 4)
    unnamed = tab.evaluate(
        """() => [...document.querySelectorAll("button, input, select, section, nav, table, [role=region]")]
          .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.caption
            || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent))
          .map((e) => e.outerHTML)"""
    )
    assert unnamed == []
    assert tab.locator("html").get_attribute("lang") == "en" and tab.title().startswith("pivots@")
    sorted_by = tab.locator("th[data-name=variance]")
    sorted_by.get_by_role("button").click()
    assert sorted_by.get_attribute("aria-sort") == "descending"


GROUNDS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const found = rgb(getComputedStyle(e).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found.slice(0, 3);
  } return [255, 255, 255]; };
  const luminance = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const found = {};
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.disabled || ["SCRIPT", "OPTION", "NOSCRIPT"].includes(e.tagName)) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
    const name = `${e.tagName}.${e.className}`, ratio = (a + 0.05) / (b + 0.05);
    found[name] = Math.min(ratio, found[name] ?? Infinity);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(tab: Any, scheme: str) -> None:
    tab.emulate_media(color_scheme=scheme)
    opened(tab, 0, 4)
    ratios = tab.evaluate(GROUNDS)
    assert {name.partition(".")[0] for name in ratios} >= {"INS", "DEL", "SUMMARY", "BUTTON", "PRE", "TD", "LABEL"}
    weak = {name: ratio for name, ratio in ratios.items() if ratio < CONTRAST}
    assert not weak
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 150) == (scheme == "dark")


def test_narrow_windows_scroll_the_table_and_not_the_page(tab: Any) -> None:
    tab.set_viewport_size({"width": 420, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
