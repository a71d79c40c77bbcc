"""What a child printed beside its events, kept in the workspace where the error that is told refers to it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import workspace

__all__ = ["details_of_one", "in_words"]

_KEPT = 50
_KEPT_BYTES = 65_536  # the end of each


@contextlib.contextmanager
def details_of_one() -> Iterator[Path]:
    """A file for one child's standard error, which is gone afterwards unless an error names it."""
    home = workspace("details")
    handle, name = tempfile.mkstemp(suffix=".txt", dir=home)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    except QExplorerError as error:
        if path.name in error.sentence:
            _keep_end(path)
            _forget_oldest(home)
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
    return f"{path.relative_to(home).as_posix()} of the workspace" if path.is_relative_to(home) else path.name


def _keep_end(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("r+b") as file:
        size = file.seek(0, 2)
        if size > _KEPT_BYTES:
            file.seek(size - _KEPT_BYTES)
            end = file.read()
            file.seek(0)
            file.write(end)
            file.truncate()


def _forget_oldest(home: Path) -> None:
    with contextlib.suppress(OSError):
        for old in sorted(home.glob("*.txt"), key=lambda each: -each.stat().st_mtime)[_KEPT:]:
            old.unlink(missing_ok=True)
