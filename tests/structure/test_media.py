"""What a page writes of files goes through the function of its medium, as far as the source can tell.

``tests/pages/test_hostile_names.py`` looks at what is really drawn; this finds the plain cases at once, on every page
and in every state of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UI = [ROOT / "app.py", *(ROOT / "pages").rglob("*.py"), *(ROOT / "qexplorer" / "ui").rglob("*.py")]
PACKAGE = [*(ROOT / "qexplorer").rglob("*.py")]

DRAWS = {
    *("markdown", "write", "caption", "info", "warning", "error", "success", "title", "header", "subheader", "badge"),
    *(
        "button",
        "checkbox",
        "toggle",
        "radio",
        "metric",
        "expander",
        "popover",
        "status",
        "spinner",
        "progress",
        "toast",
    ),
    *("download_button", "link_button", "page_link", "form_submit_button", "html", "dialog"),
}
"""Methods of Streamlit that draw Markdown or HTML of what they are given first, as ``text``, ``label`` or ``help``."""

ESCAPES = {"as_plain", "in_code", "in_html", "in_markdown"}
FOREIGN = {"name", "stem", "recipe", "reason", "error", "sentence", "step", "note", "layer", "label", "op", "classes"}
"""Attributes that may hold what the author of a file wrote."""

OWN_WORDS = {"sample.name", "row.name", "button.label", "control.label", "shown.sentence"}
"""Expressions of that form that hold what this program itself says."""


def _unescaped(tree: ast.AST) -> Iterator[str]:
    """Foreign attributes that are drawn as they are: alone, in an f-string, in a sum, or in ``str``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in DRAWS:
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg in ("text", "label", "help", "body"))]
            for part in (part for each in given for part in _parts(each)):
                text = ast.unparse(part)
                if isinstance(part, ast.Attribute) and part.attr in FOREIGN and text not in OWN_WORDS:
                    yield text


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """What the text of an expression is put together of."""
    if isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _parts(value.value if isinstance(value, ast.FormattedValue) else value)
    elif isinstance(node, ast.BinOp):
        yield from _parts(node.left)
        yield from _parts(node.right)
    elif isinstance(node, ast.BoolOp | ast.IfExp):
        for part in node.values if isinstance(node, ast.BoolOp) else (node.body, node.orelse):
            yield from _parts(part)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        yield from _parts(node.args[0])
    else:
        yield node


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("st.title(model.name)", ["model.name"]),
        ("st.caption(f'In: {info.name} {n}')", ["info.name"]),
        ("left.button('Add ' + found.recipe)", ["found.recipe"]),
        ("st.metric('x', 1, help=f'{layer.op}')", ["layer.op"]),
        ("st.caption(str(error.sentence) if error else '')", ["error.sentence"]),
        ("st.caption(as_plain(model.name))", []),
        ("st.caption(f'{as_plain(model.name)} {in_code(info.name)} {len(model.classes)}')", []),
        ("st.selectbox(model.name)", []),
    ],
)
def test_what_is_drawn_as_it_is_is_found(text: str, found: list[str]) -> None:
    """In every form that a text is put together in, and not where it is escaped."""
    assert list(_unescaped(ast.parse(text))) == found


def test_pages_escape_what_files_bring() -> None:
    """No page draws a name, a reason or an error as it is."""
    found = {
        f"{path.relative_to(ROOT)}: {text}" for path in UI for text in _unescaped(ast.parse(path.read_text("utf-8")))
    }
    assert len(UI) > 50
    assert found == set(), "through as_plain or in_code, or say in OWN_WORDS that the program says it"


def test_media_are_escaped_in_one_place() -> None:
    """Nothing but core.foreign.media escapes HTML, and every chart and table is drawn through it."""
    sources = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in PACKAGE}
    own = {name for name, text in sources.items() if "html.escape" in text or "from html import" in text}
    assert own == {"qexplorer/core/foreign/media.py"}
    charts = [name for name, text in sources.items() if ".vega_lite_chart(" in text]
    assert len(charts) > 2
    assert [name for name in charts if "in_chart(" not in sources[name]] == []
    drawn = {name: len(re.findall(r"st\.dataframe\(", text)) for name, text in sources.items()}
    safe = {name: len(re.findall(r"st\.dataframe\(\s*in_table\(", text)) for name, text in sources.items()}
    assert sum(drawn.values()) > 10
    assert {name for name in drawn if drawn[name] != safe[name]} == {"qexplorer/ui/distributions/channels.py"}, (
        "numbers"
    )
