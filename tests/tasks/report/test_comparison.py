import base64

import pytest

from tasks.report.comparison import card, cells, comparison, in_domain_against_ood, text
from tests.tasks.report.test_improvement import evaluation

VARIANTS = {"pivotrl": [0.9, 0.8, 0.7, 1.0], "sft": [0.95, 0.9, 0.8, 0.6]}


@pytest.fixture
def rows() -> list[dict]:
    base = evaluation("base", [0.7, 0.7, 0.6, 1.0])
    return comparison(base, {name: evaluation(name, values, 0.04) for name, values in VARIANTS.items()})


def test_each_variant_is_held_against_the_base(rows: list[dict]) -> None:
    pooled = {(row["variant"], row["scope"]): row for row in rows if row["suite"] == "all"}
    assert pooled["pivotrl", "in_domain"]["difference"] == pytest.approx((0.15 + 0.1) / 2)
    assert pooled["sft", "ood"]["difference"] == pytest.approx(-0.4)
    assert pooled["pivotrl", "in_domain"]["candidate"] == pytest.approx((0.85 + 0.7) / 2)
    assert pooled["pivotrl", "in_domain"]["base"] == pytest.approx((0.7 + 0.6) / 2)
    assert {row["standard_error"] for row in rows if row["suite"] != "all"} == {0.05}
    assert [row["variant"] for row in rows] == ["pivotrl"] * 6 + ["sft"] * 6


def test_the_table_has_a_column_per_variant(rows: list[dict]) -> None:
    head, *lines = cells(rows)
    assert head == ("measured", "scope", "T", "base", "pivotrl", "sft")
    assert ("skill addition", "ood", "0", "1.000", "+0.000 ± 0.050", "-0.400 ± 0.050") in lines
    assert len(lines) == 6 and lines[0][:3] == ("all", "in_domain", "")
    assert text(rows).splitlines()[0].split() == list(head)


def test_the_card_has_the_table_a_plot_and_what_differs(rows: list[dict]) -> None:
    markdown = card(rows, {"pivotrl": "{}", "sft": '{"train": {"method": "sft"}}'})
    assert "| `all` | in_domain |  |" in markdown
    assert '- sft: `{"train": {"method": "sft"}}`' in markdown
    image = markdown.split("data:image/png;base64,")[1].split(")")[0]
    assert base64.b64decode(image).startswith(b"\x89PNG")


def test_without_ood_suites_the_plot_is_a_line() -> None:
    base, one = evaluation("base", [0.7] * 4).head(3), evaluation("one", [0.8] * 4).head(3)
    assert in_domain_against_ood(comparison(base, {"one": one})).startswith("data:image/png")
