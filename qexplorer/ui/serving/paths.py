"""Paths of the host, which are no business of the people who share it."""

from __future__ import annotations

import re
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from qexplorer.core.workspace import host_workspace
from qexplorer.ui.serving.people import is_shared

__all__ = ["without_paths"]

_INSIDE = r"(?:/[^\s'\",;:()<>]*)?"


def without_paths(text: str) -> str:
    """``text`` as people of a shared host may see it: of a file of the host its name is left."""
    if not is_shared() or "/" not in text:
        return text
    return _pattern(str(host_workspace())).sub(lambda found: Path(found[0]).name or "/", text)


@lru_cache(maxsize=4)
def _pattern(home: str) -> re.Pattern[str]:
    package = Path(__file__).resolve().parents[3]
    places = {home, str(Path.home()), str(package), sys.prefix, sys.base_prefix, tempfile.gettempdir(), "/proc", "/etc"}
    known = sorted((re.escape(place) for place in places if len(place) > 1), key=len, reverse=True)
    return re.compile(rf"(?<![\w/])(?:{'|'.join(known)})(?![\w.-]){_INSIDE}")
