"""Saying that this process works in the workspace, and on what."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qexplorer.core.disk.limit import trim
from qexplorer.core.disk.marks import FOLDER
from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.workspace import workspace

__all__ = ["at_work"]

_DIGEST = re.compile(r"[0-9a-f]{16,64}")


@contextlib.contextmanager
def at_work(asked: object = None) -> Iterator[None]:
    """Marks this process as working until the end of the block; then brings the workspace back within its limit.

    Args:
        asked: what is to be done, as JSON data; every digest in it names something that must not go.
    """
    names = sorted(set(_DIGEST.findall(json.dumps(asked, default=str))))
    mark = None
    with contextlib.suppress(OSError):  # a full or read-only disk is told by whoever has something to write
        handle, mark = tempfile.mkstemp(prefix=own_prefix("work"), dir=workspace(FOLDER))
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a handle, not a path
            json.dump(names, file)
    try:
        yield
    finally:
        if mark is not None:
            with contextlib.suppress(OSError):
                Path(mark).unlink(missing_ok=True)
        trim()
