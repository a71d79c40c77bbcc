"""What a child printed beside its events, kept in the workspace where the error that is told refers to it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import workspace

__all__ = ["details_of_one", "in_words"]

_RUNNING, _KEPT = "scratch", "details"  # what is left in the first by a process that was killed goes at a start
_MOST = 50
_KEPT_BYTES = 65_536  # the end of each


@contextlib.contextmanager
def details_of_one() -> Iterator[Path]:
    """A file for one child's standard error, which is gone afterwards unless an error names it."""
    handle, name = tempfile.mkstemp(suffix=".txt", prefix=own_prefix("details"), dir=workspace(_RUNNING))
    os.close(handle)
    path = Path(name)
    try:
        yield path
    except QExplorerError as error:
        if _kept_name(path) in error.sentence:
            _keep_end(path)
        else:
            path.unlink(missing_ok=True)
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def in_words(path: Path) -> str:
    """Where the file is, for a person: without folders of this machine."""
    home = workspace()
    if not path.is_relative_to(home):
        return path.name
    place = path.relative_to(home)
    return f"{(Path(_KEPT) / _kept_name(path) if place.parts[0] == _RUNNING else place).as_posix()} of the workspace"


def _kept_name(path: Path) -> str:
    """Without whose it was while the child ran."""
    return path.name.rpartition("-")[2]


def _keep_end(path: Path) -> None:
    """Moves the end of the file to where details are kept, and forgets the oldest there."""
    home = workspace(_KEPT)
    with contextlib.suppress(OSError):
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _KEPT_BYTES))
            (home / _kept_name(path)).write_bytes(file.read())
        path.unlink()
        for old in sorted(home.glob("*.txt"), key=lambda each: -each.stat().st_mtime)[_MOST:]:
            old.unlink(missing_ok=True)
