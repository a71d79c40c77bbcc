"""What the charts of tensors share: title, provenance and padding."""

from __future__ import annotations

from typing import Any

from qexplorer.report.palette import NEUTRAL

__all__ = ["chart_frame", "lines_of"]

_LETTERS = 54  # of a subtitle, that have room over the narrowest chart


def lines_of(subtitle: str) -> list[str]:
    """A subtitle in lines that no chart is too narrow for, broken between its facts: Vega cuts what is longer."""
    lines: list[str] = []
    for fact in subtitle.split(", ") if subtitle else []:
        if lines and len(lines[-1]) + len(fact) + 2 <= _LETTERS:
            lines[-1] += f", {fact}"
        else:
            lines.append(fact)
    return lines


def chart_frame(title: str, subtitle: str, height: int) -> dict[str, Any]:
    """The outer fields of a Vega-Lite chart as wide as its place; ``height`` in pixels is without axes."""
    return {
        "title": {
            "text": title,
            "subtitle": lines_of(subtitle),
            "anchor": "start",
            "fontSize": 14,
            "subtitleFontSize": 11,
            "subtitleColor": NEUTRAL,
        },
        "height": height,
        "padding": {"left": 0, "top": 2, "right": 4, "bottom": 2},
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
