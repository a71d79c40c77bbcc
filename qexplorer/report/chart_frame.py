"""What the charts of tensors share: title, provenance and padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qexplorer.report.palette import NEUTRAL

__all__ = ["DECADES", "chart_frame", "lines_of", "with_settings"]

_OFF_A_POWER = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) > 1e-6"
DECADES: dict[str, Any] = {
    "format": ".0e",
    "tickCount": 5,
    "gridOpacity": {"condition": {"test": _OFF_A_POWER, "value": 0}, "value": 1},
}
"""An axis on a logarithmic scale with lines at powers of ten alone: what lies between them crowds small charts."""
_LETTERS = 54  # of a subtitle, that have room over the narrowest chart
_SAVED = 130  # over a saved one
_LINE = 14  # pixels of a line


def lines_of(subtitle: str, letters: int = _LETTERS) -> list[str]:
    """A subtitle in lines of so many letters, for which at first no chart is too narrow, broken between its facts:
    Vega cuts what is longer."""
    lines: list[str] = []
    for fact in subtitle.split(", ") if subtitle else []:
        if lines and len(lines[-1]) + len(fact) + 2 <= letters:
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


def with_settings(spec: Mapping[str, Any], settings: str) -> dict[str, Any]:
    """The chart for a file, which leaves the page's words behind: ``settings`` begin its subtitle, and make it higher.

    On the page they stand below the chart, so that a control that moves changes its data alone.
    """
    lines = lines_of(", ".join([settings, *spec["title"]["subtitle"]]), _SAVED)
    return {**spec, "title": spec["title"] | {"subtitle": lines}, "height": spec["height"] + _LINE * len(lines)}
