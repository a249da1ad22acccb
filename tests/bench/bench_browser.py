"""The pivot browser's page in headless Chromium: the time to open and to filter 10,000 and 100,000 states.

    python -m tests.bench.bench_browser

Opening is from the navigation to the first painted table; filtering, sorting and opening a state from the event to the
next painted frame. To hold: 10,000 states open in under 2 s and filter in under 100 ms.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.report.browser import page
from tasks.report.browser_link import WHOLE_STATES
from tasks.store.store import Store
from tests.builders import episode, trajectory
from tests.chromium import PATIENCE_MS, chromium
from tests.pivots import HALF, commit_pivots

_TURNS, _OPENED, _FILTERED = 50, 7, 15
_REWARDS = (HALF, (1.0, 1.0, 1.0, 0.0), (0.0,) * 4, (1.0,) * 4)
_DOMAINS = ("airline", "desk", "retail", "telecom")
_PAINTED = """
const painted = (act) => new Promise((done) => {
  const began = performance.now();
  act();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
});
"""
_CHOOSE = (
    _PAINTED
    + """
([id, value]) => painted(() => {
  const input = document.getElementById(id);
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
})"""
)


def main() -> None:
    """Print the table."""
    print(f"{'':34}{'10,000 states':>26}{'100,000 states':>26}")
    with chromium() as browser:
        columns = [_measured(browser, states) for states in (10_000, 100_000)]
    for name in columns[0]:
        print(f"{name:34}" + "".join(f"{column[name]:>26}" for column in columns))


def _measured(browser: Any, states: int) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.html")
        store, ref = _pivots(folder, states)
        began = time.perf_counter()
        path.write_text(page(store, ref, WHOLE_STATES).html, encoding="utf-8")
        figures = {"page written, s (one run)": f"{time.perf_counter() - began:.1f}"}
        figures["page, MB"] = f"{path.stat().st_size / 1e6:.1f}"
        figures["open, ms"] = _spread(_opening(browser, path) for _ in range(_OPENED))
        tab = _opened(browser, path)
        verdicts = ["selected", "not", ""] * (_FILTERED // 3)
        figures["filter by selection, ms"] = _spread(tab.evaluate(_arrow(_CHOOSE), ["verdict", v]) for v in verdicts)
        means = [str(round(0.05 * i, 2)) for i in range(_FILTERED)]
        figures["filter by mean, ms"] = _spread(tab.evaluate(_arrow(_CHOOSE), ["mean-from", mean]) for mean in means)
        return figures | _acted(tab)


def _acted(tab: Any) -> dict[str, str]:
    tab.evaluate(_arrow(_CHOOSE), ["mean-from", ""])
    sort = _arrow(_PAINTED + "() => painted(() => document.querySelector('th[data-name=variance] button').click())")
    row = _arrow(_PAINTED + "(i) => painted(() => document.querySelectorAll('td button')[i].click())")
    return {
        "sort by variance, ms": _spread(tab.evaluate(sort) for _ in range(_FILTERED)),
        "open a state, ms": _spread(tab.evaluate(row, i) for i in range(_FILTERED)),
    }


def _arrow(script: str) -> str:
    """Definitions and a last arrow function as one that Playwright calls."""
    definitions, arrow = script.rsplit("});\n", 1)
    return f"(argument) => {{ {definitions}}});\nreturn ({arrow})(argument); }}"


def _pivots(folder: str, states: int) -> tuple[Store, Any]:
    trajectories = [trajectory(i, episode(_TURNS), domain=_DOMAINS[i % len(_DOMAINS)]) for i in range(states // _TURNS)]
    rewards = {(i, turn): _REWARDS[(i + turn) % 4] for i in range(len(trajectories)) for turn in range(_TURNS)}
    store = Store(folder)
    return store, commit_pivots(store, [trajectories], rewards).ref


def _opened(browser: Any, path: Path) -> Any:
    tab = browser.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(path.as_uri())
    tab.wait_for_selector("#states tbody tr")
    return tab


def _opening(browser: Any, path: Path) -> float:
    began = time.perf_counter()
    tab = _opened(browser, path)
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    took = (time.perf_counter() - began) * 1000
    tab.close()
    return took


def _spread(milliseconds: Iterable[float]) -> str:
    values = sorted(milliseconds)
    return f"{statistics.median(values):.0f} ({values[0]:.0f} to {values[-1]:.0f})"


if __name__ == "__main__":
    main()
