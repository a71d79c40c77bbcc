"""A chart on a page, what saves it (SVG, PNG and CSV, each made only when somebody asks for it), and a small table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.foreign.media import in_chart, in_table
from qexplorer.core.workspace import digest_json
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_png, chart_svg
from qexplorer.ui.once import once
from qexplorer.ui.session import as_plain

__all__ = ["draw_chart", "draw_picture", "draw_saving", "draw_saving_later", "draw_whole_table"]

_EXPONENT = re.compile(r"(?<=[0-9]e)-(?=[0-9])")  # a hyphen at which no line breaks takes its place
Rows = Sequence[Mapping[str, Any]]


def draw_chart(spec: dict[str, Any], *, key: str) -> None:
    """The Vega-Lite chart ``spec`` as wide as its place, with its files below it."""
    with st.container(key=f"chart_{key}", gap=None):
        draw_picture(spec, key=key)
        draw_saving(spec, key=key)


def draw_picture(spec: dict[str, Any], *, key: str) -> None:
    """The chart alone."""
    once(f"chart {key} {digest_json(spec)}", lambda: st.vega_lite_chart(in_chart(spec), width="stretch", key=key))


def draw_whole_table(rows: Rows) -> None:
    """A table of a few rows whose cells break into lines, so that no column lies beyond the edge of a window."""
    plain = [
        {name: _EXPONENT.sub("\u2011", as_plain(str(value))) for name, value in row.items()} for row in in_table(rows)
    ]
    st.table(plain, hide_index=True)


def draw_saving(spec: dict[str, Any], *, key: str, rows: Rows | None = None) -> None:
    """The button behind which the files are; what they hold is what is drawn, the table in CSV ``rows`` where given."""
    draw_saving_later(lambda: (spec, rows), str((spec.get("title") or {}).get("text") or "chart"), key=key)


def draw_saving_later(
    make: Callable[[], tuple[dict[str, Any], Rows | None]], title: str, *, key: str, label: str = "Save"
) -> None:
    """The same for a chart that stands on no page: ``make`` is called when somebody asks for a file."""
    forms: tuple[tuple[str, str, str, Callable[[], str | bytes]], ...] = (
        ("SVG", ".svg", "image/svg+xml", lambda: chart_svg(make()[0])),
        ("PNG", ".png", "image/png", lambda: chart_png(make()[0])),
        ("CSV", ".csv", "text/csv", lambda: chart_csv(*make())),
    )
    with st.popover(label, icon=":material/download:", type="tertiary", key=f"save_{key}"):
        for form, ending, kind, called in forms:
            st.download_button(form, called, file_name(title, ending), kind, on_click="ignore", key=f"{form}_{key}")
