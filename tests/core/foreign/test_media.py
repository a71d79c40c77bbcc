"""What a stranger wrote stays text in every medium."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from qexplorer.core.errors import ModelError, error_from_json
from qexplorer.core.foreign.media import (
    in_chart,
    in_code,
    in_csv,
    in_expression,
    in_html,
    in_markdown,
    in_table,
    in_terminal,
    printable,
    shortened,
)

SIGNS = (
    "![p](http://evil.test/a.png)",
    "[c](javascript:alert(1))",
    "<img src=//evil.test onerror=x()>",
    "<script>x()</script>",
    "a` ![p](http://evil.test) `b",
    "http://evil.test www.evil.test a@evil.test",
    "&#33;&#91;p&#93;(http://evil.test)",
    "**bold** __under__ ~~gone~~ | a | b |",
    ":red[x] :material/home: :smile: $x^2$",
    "- a",
    "  + a",
    "1. a",
    "12) a",
    "# a",
    "> a",
    "===",
    "---",
    "    code",
    "a\n\n# b\n```\nc",
    "ends with \\",
    "[a]: http://evil.test",
)
_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _kinds(text: str) -> set[str]:
    """Everything that a parser of Markdown sees in a text, apart from paragraphs and text."""
    blocks = _MARKDOWN.parse(text)
    found = {block.type for block in blocks} | {inner.type for block in blocks for inner in block.children or ()}
    return found - {"paragraph_open", "paragraph_close", "inline", "text"}


@pytest.mark.parametrize("text", SIGNS)
def test_markdown(text: str) -> None:
    """One paragraph of nothing but text, which reads as it was written; the signs are signs without it."""
    inner = _MARKDOWN.parse(in_markdown(text))[1].children or []
    assert _kinds(in_markdown(text)) == set()
    assert "".join(part.content for part in inner).replace("\u2060", "").split() == text.split()
    assert _kinds(f"**Name**: {in_markdown(text)}, more") == {"strong_open", "strong_close"}
    assert _kinds(in_code(text)) == {"code_inline"}


def test_signs_of_streamlit_alone() -> None:
    """Colours, icons, formulas and emoji, which a plain parser does not know, are escaped too; addresses are parted."""
    assert in_markdown(":red[x] $y$ :a:") == r"\:red\[x\] \$y\$ \:a\:"
    assert in_markdown("www.b.c http://d e@f").split("\u2060") == ["www", r".b.c http\:", r"//d e\@", "f"]


@pytest.mark.parametrize("text", ["\x1b]0;T\x07\x1b[31mred", "a\r\nb\tc", "\u202eabc\u2066", "\x9b31m\x7f", "\ud800"])
def test_what_is_not_seen_can_be_read(text: str) -> None:
    """No control character, no change of direction and no half character is left, and nothing breaks the line."""
    assert in_terminal(text).isprintable()
    assert in_html(text).isprintable()
    assert in_markdown(text).replace("\u2060", "").isprintable()
    assert ModelError(text, where=text).sentence.isprintable()
    assert printable("\x1b[1m\u202e") == r"\x1b[1m\u202e"
    assert printable("café \U0001f468\u200d\U0001f469 नि\u200dय") == "café \U0001f468\u200d\U0001f469 नि\u200dय"


def test_a_long_text_keeps_both_ends() -> None:
    """A megabyte is a few lines, with how much is left out; an error is, on whichever side of a process it is read."""
    text = "begin " + "x" * 1_000_000 + " end"
    for found in (in_markdown(text), in_terminal(text), in_html(text), ModelError(text).sentence):
        assert found.startswith("begin")
        assert found.endswith("end")
        assert "more characters" in found
        assert len(found) <= 2100
    assert len(shortened(text, 40)) <= 40
    assert error_from_json(ModelError(text).to_json()).sentence == ModelError(text).sentence


@pytest.mark.parametrize("text", SIGNS)
def test_html(text: str) -> None:
    """No element and no attribute comes of it, between tags or within quotes of either kind."""
    seen: list[tuple[str, list[str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append((tag, [name for name, _ in attrs]))

    Reader().feed(f"<b title='{in_html(text)}' class=\"{in_html(text)}\">{in_html(text)}</b>")
    assert seen == [("b", ["title", "class"])]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n@x"])
def test_a_cell_is_no_formula(text: str) -> None:
    """What a spreadsheet would take for one begins with an apostrophe, on one line."""
    cell = str(in_csv(text))
    assert cell.startswith("'")
    assert next(csv.reader(io.StringIO(cell))) == [cell]


@pytest.mark.parametrize("value", ["-1.5", "+2", "1e-5", "12 %", "conv-1", "", None, -3, -1.5, True])
def test_numbers_and_plain_texts_are_as_they_were(value: object) -> None:
    """A minus alone makes no formula of a number."""
    assert in_csv(value) == value


def test_a_table_that_the_browser_saves_runs_nothing() -> None:
    """Formulas begin with an apostrophe there too; differences and intervals of the page stay as they are."""
    plain = ["-1.2 to +0.3", "-0.5 points (-1.2 to 0.3)", "+12 %", "conv-1", 3, None, -1.5, True]
    runs = ["=1+1", "@SUM(1)", "+cmd|' /C calc'!A0", "-2+3+HYPERLINK(1)", "\t=1"]
    (row,) = in_table([{str(i): value for i, value in enumerate([*plain, *runs])}])
    assert list(row.values())[: len(plain)] == plain
    assert all(str(cell).startswith("'") for cell in list(row.values())[len(plain) :])


def test_a_name_in_an_expression_is_a_literal_of_what_the_data_hold() -> None:
    """Quotes end nothing, and the literal is what stands in the chart's data."""
    name = "a' || b \"\x1b\\ </script>"
    drawn = in_chart({"data": {"values": [{"name": name}]}})["data"]["values"][0]["name"]
    assert json.loads(in_expression(name)) == drawn
    assert "\\" not in drawn
    spec = {"filter": f"datum.name === {in_expression('x' * 3000)}", "n": 1, "on": None}
    assert in_chart(spec) == spec
