import pytest

from tasks.report.markdown import code, literal, table


def test_a_table_has_a_header_a_rule_and_a_line_per_row() -> None:
    assert table(("reason", "rows"), [("`a`", 1234), ("b", 0.123456)]) == (
        "| reason | rows |\n|---|---|\n| `a` | 1,234 |\n| b | 0.1235 |"
    )


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("plain", "`plain`"),
        ("", ""),
        ("two\n  lines\there", "`two lines here`"),
        ("a|b", "`a\\|b`"),
        ("a`b", "`` a`b ``"),
        ("a``b", "``` a``b ```"),
        ("x" * 302, f"`{'x' * 300}... 2 more`"),
    ],
)
def test_a_text_as_code_cannot_leave_its_code_or_its_cell(text: str, markdown: str) -> None:
    assert code(text) == markdown


@pytest.mark.parametrize(
    ("value", "markdown"),
    [
        (None, ""),
        ("", ""),
        (1234, "1,234"),
        (0.123456, "0.1235"),
        (True, "`true`"),
        ("get_order", "`get_order`"),
        ({"a": 1}, r"\{\"a\"\: 1\}"),
        ("a *bold* <b>tag</b> [link](x)", r"a \*bold\* \<b\>tag\<\/b\> \[link\]\(x\)"),
        ("a\n# title", r"a \# title"),
        ("é " * 200, rf"{('é ' * 150).strip()}\.\.\. 100 more"),
    ],
)
def test_nothing_in_a_value_is_markup(value: object, markdown: str) -> None:
    assert literal(value) == markdown
