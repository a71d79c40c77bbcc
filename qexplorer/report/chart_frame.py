"""What the charts of tensors share: title, provenance and padding."""

from __future__ import annotations

from typing import Any

from qexplorer.report.palette import NEUTRAL

__all__ = ["chart_frame"]


def chart_frame(title: str, subtitle: str, height: int) -> dict[str, Any]:
    """The outer fields of a Vega-Lite chart as wide as its place; ``height`` in pixels is without axes."""
    return {
        "title": {
            "text": title,
            "subtitle": subtitle,
            "anchor": "start",
            "fontSize": 14,
            "subtitleFontSize": 11,
            "subtitleColor": NEUTRAL,
        },
        "height": height,
        "padding": {"left": 0, "top": 2, "right": 4, "bottom": 2},
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
