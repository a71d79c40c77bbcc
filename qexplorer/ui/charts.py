"""A chart on a page, and what saves it: SVG, PNG and CSV, each made only when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.foreign.media import in_chart
from qexplorer.core.workspace import digest_json
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_png, chart_svg
from qexplorer.ui.once import once

__all__ = ["draw_chart", "draw_picture", "draw_saving"]

Rows = Sequence[Mapping[str, Any]]


def draw_chart(spec: dict[str, Any], *, key: str) -> None:
    """The Vega-Lite chart ``spec`` as wide as its place, with its files below it."""
    with st.container(key=f"chart_{key}", gap=None):
        draw_picture(spec, key=key)
        draw_saving(spec, key=key)


def draw_picture(spec: dict[str, Any], *, key: str) -> None:
    """The chart alone."""
    once(f"chart {key} {digest_json(spec)}", lambda: st.vega_lite_chart(in_chart(spec), width="stretch", key=key))


def draw_saving(spec: dict[str, Any], *, key: str, rows: Rows | None = None) -> None:
    """The button behind which the files are; what they hold is what is drawn, the table in CSV ``rows`` where given."""
    forms: tuple[tuple[str, str, str, Callable[[], str | bytes]], ...] = (
        ("SVG", ".svg", "image/svg+xml", partial(chart_svg, spec)),
        ("PNG", ".png", "image/png", partial(chart_png, spec)),
        ("CSV", ".csv", "text/csv", partial(chart_csv, spec, rows)),
    )
    stem = str((spec.get("title") or {}).get("text") or "chart")
    with st.popover("Save", icon=":material/download:", type="tertiary", key=f"save_{key}"):
        for label, ending, kind, make in forms:
            st.download_button(label, make, file_name(stem, ending), kind, on_click="ignore", key=f"{label}_{key}")
