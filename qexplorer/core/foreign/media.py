"""Text that may be a stranger's, on its way to a page, a terminal or a file: one function for each medium.

Names of models, inputs, dimensions, classes, nodes and recipes are what the author of a file wished them to be. They
are escaped where they leave, by the function of that medium, and nowhere before. JSON and the YAML of recipes escape by
themselves.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "in_chart",
    "in_code",
    "in_csv",
    "in_expression",
    "in_html",
    "in_label",
    "in_markdown",
    "in_table",
    "in_terminal",
    "printable",
    "shortened",
]

MOST_LETTERS = 2000
"""Longest text that is shown: longer ones keep both ends."""

_MOST_OF_A_NAME = 200
_JOINERS = "\u200c\u200d"  # of scripts and pictures; they draw nothing and turn nothing round
_SPECIAL = re.compile(r"([\\`*_\[\]$<>~:#|&@])")
_FIRST = re.compile(r"^ *(\d{1,9}(?=[.)])|(?=[-+=]))")
_INDENTED = re.compile(r"^ +")
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\w)", re.IGNORECASE)
_JOINER = "\u2060"  # draws nothing; addresses are looked for in the text as it is read, where an escape is gone already
_RUNS = re.compile(r" *(?:[=@]|[-+].*(?:[|!]|\w\())")
_BACKSLASH = "\u2216"  # drawn alike: Vega-Lite puts titles into literals of its own, in which a real one begins a code
_EXPRESSIONS = ("filter", "calculate", "labelExpr", "expr")
_NUMBER = re.compile(r"[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?( ?%)?")


def shortened(text: str, most: int) -> str:
    """``text`` of at most ``most`` characters: what is too long keeps both ends, and says how much is left out."""
    if len(text) <= most:
        return text
    gap = f" … {len(text) - most:,} more characters … "
    kept = max(most - len(gap), 2)
    return text[: kept - kept // 3] + gap + text[len(text) - kept // 3 :]


def printable(text: str) -> str:
    """``text`` on one line; what is not seen in it stands as its number (an escape is ``x1b`` behind a backslash), line
    ends, tabs and odd spaces as spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else " " if c.isspace() else _code(c) for c in text)


def _code(c: str) -> str:
    number = ord(c)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def in_markdown(text: str) -> str:
    """For Markdown as Streamlit draws it (GitHub's, colours, icons, emoji, formulas): nothing in it is a sign."""
    plain = _SPECIAL.sub(r"\\\1", printable(shortened(text, MOST_LETTERS)))
    plain = _INDENTED.sub(" ", plain)  # four spaces make code of it
    plain = _FIRST.sub(lambda found: f"{found[0]}\\", plain)  # a list, or a line under a heading
    return _ADDRESS.sub(_JOINER, plain)


def in_code(text: str) -> str:
    """For Markdown, as code: between more backticks than stand in it."""
    plain = printable(shortened(text, _MOST_OF_A_NAME)).strip() or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    edge = " " if "`" in plain else ""
    return f"{fence}{edge}{plain}{edge}{fence}"


def in_label(text: str) -> str:
    """For what draws plain text on one line: a choice in a list, a cell of a table."""
    return printable(shortened(text, _MOST_OF_A_NAME))


def in_html(value: object) -> str:
    """For HTML, between tags and inside quoted attributes; nothing for None."""
    return "" if value is None else html.escape(printable(shortened(str(value), MOST_LETTERS)))


def in_terminal(text: str, most: int = MOST_LETTERS) -> str:
    """For a terminal: one line that moves no cursor, rings no bell and sets no title."""
    return printable(shortened(text, most))


def in_csv(value: Any) -> Any:
    """For a cell that a spreadsheet opens: a text that it would take for a formula begins with an apostrophe; numbers
    and what is no text are as they were."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    plain = printable(shortened(value, MOST_LETTERS))
    return f"'{plain}" if plain.lstrip().startswith(("=", "+", "-", "@")) else plain


def in_table(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For a table on a page, which the browser itself saves as CSV: short lines, no text that a spreadsheet would run.
    ``-1.2 to +0.3`` stays as it is."""
    return [{name: _cell(value) for name, value in row.items()} for row in rows]


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    plain = printable(shortened(value, MOST_LETTERS))
    return f"'{plain}" if _RUNS.match(plain) else plain


def in_chart(spec: Any) -> Any:
    """For a Vega-Lite specification with its data: texts of one short line, which SVG can hold and an axis can show.
    Expressions stay as they are: names in them come from :func:`in_expression`."""
    if isinstance(spec, str):
        return printable(shortened(spec, MOST_LETTERS)).replace("\\", _BACKSLASH)
    if isinstance(spec, dict):
        return {key: value if key in _EXPRESSIONS else in_chart(value) for key, value in spec.items()}
    return [in_chart(value) for value in spec] if isinstance(spec, list | tuple) else spec


def in_expression(text: str) -> str:
    """For an expression of Vega: the text as :func:`in_chart` makes it, as a literal with its quotes."""
    return json.dumps(in_chart(text))
