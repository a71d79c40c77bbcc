"""A chart on a page, and what saves it: SVG, PNG and CSV, each made only when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_png, chart_svg

__all__ = ["draw_chart", "draw_saving"]

_FORMS: tuple[tuple[str, str, str, Callable[[dict[str, Any]], str | bytes]], ...] = (
    ("SVG", ".svg", "image/svg+xml", chart_svg),
    ("PNG", ".png", "image/png", chart_png),
    ("CSV", ".csv", "text/csv", chart_csv),
)


def draw_chart(spec: dict[str, Any], *, key: str) -> None:
    """The Vega-Lite chart ``spec`` as wide as its place, with its files below it."""
    with st.container(key=f"chart_{key}", gap=None):
        st.vega_lite_chart(spec, width="stretch", key=key)
        draw_saving(spec, key=key)


def draw_saving(spec: dict[str, Any], *, key: str) -> None:
    """The button behind which the files are; what they hold is what is drawn."""
    stem = str((spec.get("title") or {}).get("text") or "chart")
    with st.popover("Save", icon=":material/download:", type="tertiary", key=f"save_{key}"):
        for label, ending, kind, make in _FORMS:
            st.download_button(
                label, partial(make, spec), file_name(stem, ending), kind, on_click="ignore", key=f"{label}_{key}"
            )
