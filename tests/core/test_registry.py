"""A registry that reads the folder in which its entries live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import UnknownName
from qexplorer.core.registry import Registry

_ENTRY = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    name: str
    rank: int


ENTRIES = ({entries})
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with two modules, a package and a helper; its name."""
    name = f"home_{tmp_path.name}"
    folder = tmp_path / name
    (folder / "packaged").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "helper.py").write_text("VALUE = 1\n")
    (folder / "b.py").write_text(_ENTRY.format(entries='Thing("second", 2), Thing("last", 9)'))
    (folder / "a.py").write_text(_ENTRY.format(entries='Thing("third", 3),'))
    (folder / "packaged" / "__init__.py").write_text(_ENTRY.format(entries='Thing("first", 1),'))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return name


def test_entries_of_modules_and_packages_are_found(home: str) -> None:
    """In the order of the files' names, or by what they are to be sorted by; a file without entries brings none."""
    plain: Registry[Any] = Registry("thing", home)
    assert plain.names() == ("third", "second", "last", "first")
    ranked: Registry[Any] = Registry("thing", home, order=lambda thing: thing.rank)
    assert ranked.names() == ("first", "second", "third", "last")
    assert len(ranked) == 4
    assert "second" in ranked


def test_an_unknown_name_is_refused_with_the_nearest(home: str) -> None:
    """No entry stands in for one that is not there."""
    things: Registry[Any] = Registry("thing", home)
    with pytest.raises(UnknownName, match="did you mean 'first'"):
        things.get("frist")


def test_a_name_that_is_taken_is_refused(home: str, tmp_path: Path) -> None:
    """Twice in the folder, or once there and once by hand: never a silent replacement."""
    (tmp_path / home / "c.py").write_text(_ENTRY.format(entries='Thing("first", 5),'))
    things: Registry[Any] = Registry("thing", home)
    with pytest.raises(ValueError, match="thing 'first' is registered twice"):
        things.names()
