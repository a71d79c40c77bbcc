"""How values show themselves in a notebook, without ``core`` knowing of charts.

``report.notebook`` registers a renderer for each type; a value's ``_repr_html_`` calls :func:`as_html`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qexplorer.core.foreign.media import in_html

__all__ = ["as_html", "show_with"]

_RENDERERS: dict[type, Callable[[Any], str]] = {}


def show_with(kind: type, renderer: Callable[[Any], str]) -> None:
    """Registers the function that turns a value of exactly ``kind`` into HTML."""
    _RENDERERS[kind] = renderer


def as_html(value: object) -> str:
    """HTML for ``value``: from its renderer, or its escaped ``repr``."""
    renderer = _RENDERERS.get(type(value))
    return renderer(value) if renderer else f"<pre>{in_html(repr(value))}</pre>"
