"""The navigation is made of what the files in ``pages/`` say of themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qexplorer.ui import page_list
from qexplorer.ui.page_list import grouped, read_pages
from qexplorer.ui.theme import root


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the app's folder of pages, which the list is then read from."""
    shutil.copytree(root() / "pages", tmp_path / "pages")
    monkeypatch.setattr(page_list, "root", lambda: tmp_path)
    return tmp_path / "pages"


def test_pages_stand_in_the_order_of_the_work() -> None:
    """Groups and pages come in the order of their places, each file once."""
    assert {group: [page.title for page in pages] for group, pages in grouped().items()} == {
        "Explore": ["Model", "Distributions", "Learn"],
        "Quantize": [
            "Quantize",
            "Sensitivity",
            "Mixed precision",
            "Joint search",
            "Repair",
            "Better rounding",
            "Architecture",
            "Train",
        ],
        "Judge": ["Compare", "Live", "System"],
    }
    assert {page.path for page in read_pages()} == {f"pages/{path.name}" for path in (root() / "pages").glob("*.py")}


def test_one_more_file_is_one_more_page(folder: Path) -> None:
    """A file that says its title, icon, group and place is in the list, at its place; nothing of it is run."""
    facts = '{"title": "Search", "icon": ":material/search:", "group": "Quantize", "place": 36}'
    (folder / "searching.py").write_text(f"PAGE = {facts}\nraise SystemExit\n")
    assert [page.title for page in grouped()["Quantize"]] == [
        "Quantize",
        "Sensitivity",
        "Mixed precision",
        "Joint search",
        "Repair",
        "Better rounding",
        "Architecture",
        "Search",
        "Train",
    ]


@pytest.mark.parametrize("text", ["", "PAGE = {'title': 'X'}", "PAGE = f()", "PAGE = {'title': 1, 'colour': 'red'}"])
def test_a_page_that_does_not_say_what_it_is_names_its_file(folder: Path, text: str) -> None:
    """Where the facts are missing or cannot be read, the error names the file."""
    (folder / "nameless.py").write_text(text)
    with pytest.raises(ValueError, match=r"nameless\.py"):
        read_pages()
