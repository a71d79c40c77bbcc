"""How values show themselves in a notebook and by ``print``, without ``core`` knowing of charts and tables.

``report.notebook`` registers renderers for each type; a value's ``_repr_html_`` calls :func:`as_html`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qexplorer.core.foreign.media import in_html

__all__ = ["ShownReport", "as_html", "show_with"]

_RENDERERS: dict[type, Callable[[Any], str]] = {}
_TEXTS: dict[type, Callable[[Any], str]] = {}


def show_with(kind: type, renderer: Callable[[Any], str], text: Callable[[Any], str] | None = None) -> None:
    """Registers the function that turns a value of exactly ``kind`` into HTML, and the one that ``print`` takes."""
    _RENDERERS[kind] = renderer
    if text is not None:
        _TEXTS[kind] = text


def as_html(value: object) -> str:
    """HTML for ``value``: from its renderer, or its escaped ``repr``."""
    renderer = _RENDERERS.get(type(value))
    return renderer(value) if renderer else f"<pre>{in_html(repr(value))}</pre>"


class ShownReport:
    """A report that is readable by ``print``, at a prompt and in a notebook; a dataclass of it takes ``repr=False``."""

    __slots__ = ()

    def __repr__(self) -> str:
        text = _TEXTS.get(type(self))
        return f"<{type(self).__name__}>" if text is None else text(self)

    def _repr_html_(self) -> str:
        return as_html(self)
