import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.cli.import_rows import import_rows
from schemas.config import SelectConfig
from schemas.pivots import Unselected, Why
from tasks.artefact.stage import obtain
from tasks.errors import ConfigurationError, InputError, NotInStore
from tasks.exchange.export import export
from tasks.report import browser
from tasks.report.browser import MEANINGS, cut, page, text, write
from tasks.stages.select.stage import STAGE as PIVOTS
from tasks.stages.select.stage import write_pivots
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import commit_trajectories, trajectory
from tests.pivots import HALF, commit_pivots, conversation

REWARDS = {(0, 1): HALF, (0, 3): (0.0,) * 4, (1, 2): (1.0, 1.0, 1.0, 0.0), (1, 4): (1.0,) * 4}


@pytest.fixture
def pivots(store: Store) -> Ref:
    parts = [[trajectory(0, conversation(0))], [trajectory(1, conversation(1), domain="retail")]]
    return commit_pivots(store, parts, REWARDS).ref


def scripts(html: str) -> dict[str, Any]:
    """The JSON of the page by the name of its script."""
    elements = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', html, re.DOTALL)
    return {name: json.loads(content) for name, content in elements}


def column(data: dict[str, Any], name: str) -> list[Any]:
    values = data["columns"][name]
    return values if isinstance(values, list) else [values["values"][code] for code in values["codes"]]


def test_every_profiled_state_is_in_the_table_the_pivots_first(store: Store, pivots: Ref) -> None:
    data = scripts(page(store, pivots, 10).html)["data"]
    assert column(data, "verdict") == ["pivot", "pivot", "never_right", "always_right"]
    assert column(data, "mean") == [0.5, 0.75, 0.0, 1.0] and column(data, "variance")[1] == 0.1875
    assert column(data, "turn_index") == [1, 2, 3, 4] and column(data, "domain") == ["desk", "retail", "desk", "retail"]
    assert column(data, "tool")[1] == "get_order+get_order"
    assert data["artefact"] == str(pivots) and len(data["lineage"]) == 6 and not data["recorded"]


def test_a_state_has_its_conversation_demonstration_and_samples(store: Store, pivots: Ref) -> None:
    by_name = scripts(page(store, pivots, 10).html)
    own = by_name["t-0"]
    state = own["states"]["1"]
    assert own["messages"][0]["content"] == "Be brief. </script><b>Ünïcode</b>"
    demonstration = own["messages"][state["message"]]
    assert demonstration["reasoning"] == "They want a status."
    assert demonstration["calls"] == [{"name": "get_order", "arguments": '{"order_id": 0}'}]
    said = {"content": "It has <b>shipped</b>.", "calls": []}
    assert state["samples"] == [
        {"count": 2, "reward": 1.0, "reason": "equivalent", "detail": "", "action": said},
        {"count": 2, "reward": 0.0, "reason": "parse_failure", "detail": "cut", "text": "<tool_call>{"},
    ]
    assert own["tools"][0]["name"] == "get_order" and own["task"] == "0" and "record 0" in own["source"]
    assert len(own["messages"]) == 10, "nothing after the last state that can be opened"


def test_reasoning_that_the_states_do_not_have_is_not_shown(store: Store) -> None:
    pivots = commit_pivots(store, [[trajectory(0, conversation(0))]], {(0, 3): HALF}, reasoning="drop")
    messages = scripts(page(store, pivots.ref, 10).html)["t-0"]["messages"]
    assert len(messages) == 10 and not any("reasoning" in message for message in messages)


def test_only_so_many_states_are_whole(store: Store, pivots: Ref) -> None:
    by_name = scripts(page(store, pivots, 1).html)
    assert set(by_name) == {"data", "t-0"} and set(by_name["t-0"]["states"]) == {"1"}
    assert by_name["data"]["detailed"] == 1 and len(by_name["data"]["columns"]["mean"]) == 4
    assert set(scripts(page(store, pivots, 0).html)) == {"data"}


def test_conversations_stop_before_the_page_is_too_large(
    store: Store, pivots: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "_LONGEST_SCRIPTS", 100)
    written = browser.page(store, pivots, 10)
    assert (written.states, written.whole_states) == (4, 2)
    assert set(scripts(written.html)) == {"data", "t-0"} and scripts(written.html)["data"]["detailed"] == 2


def test_the_page_loads_nothing_and_runs_no_ones_script(store: Store, pivots: Ref) -> None:
    html = page(store, pivots, 10).html
    assert html.count("<script") == html.count("</script>") == 5
    assert "<b>" not in html and "Ünïcode" in html
    assert not re.search(r"https?:|<link|<img|<iframe|@import|url\(|\bsrc=|\bhref=", html)
    assert "innerHTML" not in html
    assert "default-src 'none'" in html


def test_every_verdict_has_a_meaning() -> None:
    assert set(MEANINGS) == {*Why, *Unselected}


def test_a_long_text_is_cut_and_says_so() -> None:
    assert cut("x" * 10_000) == "x" * 10_000
    assert cut("x" * 11_000).endswith("\n[1,000 more characters are not in this page]")


def test_recorded_profiles_have_no_samples_and_say_so(store: Store, pivots: Ref, tmp_path: Path) -> None:
    export(store, pivots, "nemo-gym", tmp_path / "rows.jsonl")
    other = Store(str(tmp_path / "other"))
    *_, profiles = import_rows(str(tmp_path / "rows.jsonl"), other)
    config, inputs = SelectConfig(allow_empty=True), {"profiles": str(profiles.ref), "seed": "0"}
    selected = obtain(
        PIVOTS,
        config,
        inputs,
        other,
        lambda writer: write_pivots(writer, other, profiles.ref, config, 0),
        allow_empty=True,
    )
    by_name = scripts(page(other, selected.ref, 10).html)
    assert by_name["data"]["recorded"]
    assert [state["samples"] for name in by_name if name != "data" for state in by_name[name]["states"].values()] == (
        [[]] * profiles.rows
    )


def test_the_file_is_written_and_described(store: Store, pivots: Ref, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    written = write(store, pivots, output, 3)
    assert output.read_text(encoding="utf-8") == page(store, pivots, 3).html
    assert (written["states"], written["detailed"], written["bytes"]) == (4, 3, output.stat().st_size)
    assert text(written) == f"{output}: 4 states of {pivots}, 3 of them whole"
    with pytest.raises(InputError, match="cannot be written"):
        write(store, pivots, tmp_path / "nowhere" / "page.html", 3)
    with pytest.raises(ConfigurationError, match="is no set of pivots"):
        page(store, commit_trajectories(store, [[trajectory(0)]]).ref, 3)
    with pytest.raises(NotInStore, match="no pivots@gone"):
        page(store, Ref(stage="pivots", version="gone"), 3)


def test_filter_order_and_difference(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: what the page computes is not checked")
    template = Path(__file__).parents[3] / "tasks" / "report" / "browser.html"
    logic = re.search(r'<script id="logic">(.*?)</script>', template.read_text(encoding="utf-8"), re.DOTALL)
    assert logic is not None
    program = tmp_path / "logic.js"
    checks = Path(__file__).with_name("browser_checks.js").read_text(encoding="utf-8")
    program.write_text(logic[1] + checks, encoding="utf-8")
    done = subprocess.run([node, str(program)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1000, "milliseconds to filter and order 100,000 states, on a busy machine too"
