"""Where the lines are: a folder that nobody else can write into, or no line at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qexplorer.process.places import homes
from qexplorer.process.places.line import HAS_LOCKS

pytestmark = pytest.mark.skipif(not HAS_LOCKS, reason="this system has no locks that end with their holder")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Folders are looked at anew."""
    homes.forget_lines()
    yield
    homes.forget_lines()


def _line_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setenv("QEXPLORER_PLACES", str(folder))
    found = homes.line_called("machine")
    return found is not None and found.folder == folder / "machine"


def test_what_is_made_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the mask of new files is; two lines lie beside each other."""
    before = os.umask(0)
    try:
        assert _line_in(tmp_path / "places", monkeypatch)
        assert homes.line_called("opening") is not None
    finally:
        os.umask(before)
    folders = [tmp_path / "places", *(tmp_path / "places").iterdir()]
    assert {each.name for each in folders} == {"places", "machine", "opening"}
    assert {each.stat().st_mode & 0o777 for each in folders} == {0o700}


@pytest.mark.parametrize(
    ("mode", "taken"), [(0o700, True), (0o755, True), (0o720, False), (0o702, False), (0o777, False)]
)
@pytest.mark.parametrize("inner", [False, True])
def test_a_folder_into_which_others_can_write_is_not_taken(
    mode: int, taken: bool, inner: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the line's own nor the one around it; reading is allowed."""
    (tmp_path / "places" / "machine").mkdir(mode=0o700, parents=True)
    (tmp_path / "places").chmod(0o700)
    (tmp_path / "places" / "machine" if inner else tmp_path / "places").chmod(mode)
    assert _line_in(tmp_path / "places", monkeypatch) == taken


def test_a_folder_of_somebody_else_or_elsewhere_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link leads to where others may write, a file is no folder, and another user's folder is theirs."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert not _line_in(tmp_path / "link", monkeypatch)
    (tmp_path / "file").touch()
    assert not _line_in(tmp_path / "file", monkeypatch)
    somebody = os.getuid() + 1
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: somebody)
        assert not _line_in(tmp_path / "theirs", monkeypatch)


def test_places_are_the_processors_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that this process is let run on, where the system says it; else all there are, and one if nobody knows."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert homes.places_here() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert homes.places_here() == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert homes.places_here() == 1
