import logging

import pytest

from tasks.children.progress import Progress, Update, alive, is_alive, is_report, parse, report


def test_what_is_reported_is_parsed(capfd: pytest.CaptureFixture[str]) -> None:
    update = Update("rollout", 3, 8, "512 states x 8 \u2014 ü\n")
    report(update)
    line = capfd.readouterr().out
    assert line.count("\n") == 1
    assert parse(line) == update


def test_signs_of_life_are_told_from_progress_and_from_other_lines(capfd: pytest.CaptureFixture[str]) -> None:
    alive()
    report(Update("rollout", 3, 8))
    sign, progress = capfd.readouterr().out.splitlines()
    assert (is_report(sign), is_alive(sign), parse(sign)) == (True, True, None)
    assert (is_report(progress), is_alive(progress)) == (True, False)
    assert (is_report("[rank 3] " + sign), is_report("Loading safetensors")) == (True, False)


@pytest.mark.parametrize(
    "line",
    [
        "hello\n",
        "",
        "@pivotrl-progress ",
        "@pivotrl-progress {\n",
        '@pivotrl-progress {"what": 1}\n',
        "@pivotrl-progress [1]\n",
        'INFO @pivotrl-progress {"what": "x", "done": 1, "total": 2}\n',
    ],
)
def test_any_other_line_is_no_update(line: str) -> None:
    assert parse(line) is None


def test_plain_lines_are_thinned_out_and_the_last_one_is_shown(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("tasks.children.progress.time.monotonic", lambda: now[0])
    with caplog.at_level(logging.INFO), Progress(logging.getLogger("p")) as progress:
        for done in range(1, 11):
            progress.show(Update("train", done, 10))
            now[0] += 4
    shown = [int(record.getMessage().split()[1]) for record in caplog.records]
    assert shown == [1, 5, 9, 10]


def test_a_terminal_gets_a_bar_for_each_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(logging.getLogger("p")) as progress:
        for done in (1, 2):
            progress.show(Update("states", done, 4, "desk"))
            progress.show(Update("episodes", done, 2))
        assert progress._bars is not None
        assert [(t.description, t.completed, t.total) for t in progress._bars.tasks] == [
            ("states desk", 2, 4),
            ("episodes", 2, 2),
        ]
