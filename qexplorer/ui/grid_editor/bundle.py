"""The editor's modules as one: Streamlit and anywidget take a component's script as a single ES module."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

__all__ = ["css", "javascript"]

_FOLDER = Path(__file__).parent / "browser"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=function|const)", re.MULTILINE)


@lru_cache(maxsize=4)
def javascript(entry: str = "streamlit.js") -> str:
    """The module ``entry`` with all that it imports in front of it, each once; its own exports stay exports."""
    whole: list[str] = []
    _add(entry, [], whole)
    *first, last = whole
    return "\n".join([*(_EXPORT.sub("", text) for text in first), last])


@lru_cache(maxsize=1)
def css() -> str:
    """The editor's style."""
    return (_FOLDER / "editor.css").read_text(encoding="utf-8")


def _add(name: str, seen: list[str], whole: list[str]) -> None:
    """Adds a module after those that it imports."""
    seen.append(name)
    text = (_FOLDER / name).read_text(encoding="utf-8")
    for other in _IMPORT.findall(text):
        if other not in seen:
            _add(other, seen, whole)
    whole.append(_IMPORT.sub("", text))
