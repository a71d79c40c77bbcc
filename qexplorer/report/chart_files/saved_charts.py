"""A chart as a file: SVG and PNG without a browser or a network, and its data as CSV; each has the settings in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qexplorer.core.foreign.media import in_chart
from qexplorer.report.chart_files.csv_text import frame_csv

__all__ = ["chart_csv", "chart_png", "chart_svg"]

_WIDTH = 900  # pixels of a chart that takes its width from its place
_LOOKS = frozenset(
    {"colour", "color", "align", "led", "label_x", "label_y", "shown", "cost_shown", "on", "text", "step"}
)
"""Columns that say how a row is drawn and nothing of what it is."""


def chart_svg(spec: Mapping[str, Any]) -> str:
    """The Vega-Lite chart ``spec``, whose data are in it, as SVG on white."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_whole(spec)))


def chart_png(spec: Mapping[str, Any]) -> bytes:
    """The same as PNG, twice as fine as on a screen."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_whole(spec), scale=2))


def chart_csv(spec: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] | None = None) -> str:
    """The rows that are drawn, each with the chart's title and settings; empty where nothing is drawn.

    Where a chart has several tables, their rows follow each other, and ``table`` counts them. ``rows`` stand in their
    place where what is drawn is more than what was measured (lines, marks and words have tables of their own).
    """
    import pandas as pd

    tables = [rows for rows in (_tables(spec) if rows is None else [rows]) if rows]
    frames = []
    for number, rows in enumerate(tables, start=1):
        frame = pd.DataFrame(rows)
        frame = frame[[column for column in frame.columns if column not in _LOOKS]]
        if len(tables) > 1:
            frame.insert(0, "table", number)
        frames.append(frame)
    if not frames:
        return ""
    whole = pd.concat(frames, ignore_index=True)
    title, settings = _words(spec)
    whole["chart"], whole["settings"] = title, settings
    return frame_csv(whole)


def _whole(spec: Mapping[str, Any]) -> dict[str, Any]:
    width = spec.get("width")
    wide = width if isinstance(width, int | float) or "facet" in spec or "hconcat" in spec else _WIDTH
    return {**in_chart(spec), "background": "white", "padding": 12, **({} if wide is None else {"width": wide})}


def _words(spec: Mapping[str, Any]) -> tuple[str, str]:
    title = spec.get("title") or ""
    if isinstance(title, str):
        return title, ""
    below = title.get("subtitle") or ""
    return str(title.get("text", "")), below if isinstance(below, str) else ", ".join(below)


def _tables(spec: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The rows of the chart and of its layers."""
    yield from (spec.get("datasets") or {}).values()
    values = (spec.get("data") or {}).get("values")
    if isinstance(values, list):
        yield values
    for part in ("layer", "hconcat", "vconcat"):
        for inner in spec.get(part) or ():
            yield from _tables(inner)
