"""A chart of this page: its provenance stands in the saved file, so that more of the picture fits into the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from qexplorer.core.foreign.media import in_chart
from qexplorer.report.chart_frame import with_settings
from qexplorer.report.provenance import made_by
from qexplorer.ui.charts import draw_saving

__all__ = ["clickable_key", "draw_picture"]


def draw_picture(
    spec: dict[str, Any],
    *,
    key: str,
    settings: str,
    reads: str = "",
    on_select: Callable[[], object] | None = None,
) -> None:
    """Draws ``spec``, and offers its files.

    Args:
        spec: a Vega-Lite chart in the frame of ``report.chart_frame``.
        key: of the chart.
        settings: what the file says that the page says elsewhere: model, layer, grid.
        reads: how to read it, below it and for those who hear the page; empty for what needs no words.
        on_select: called when something in it is clicked.
    """
    with st.container(key=f"chart_{key}", gap=None):
        more: dict[str, Any] = {} if on_select is None else {"on_select": on_select}
        title = str(spec["title"]["text"])
        words = {k: v for k, v in spec["title"].items() if k != "fontSize" and (k != "subtitle" or v)}
        bare = {**spec, "title": words | {"offset": 8}}
        st.vega_lite_chart(in_chart(bare), width="stretch", key=key, alt=f"{title}. {reads}".strip(), **more)
        if reads:
            st.caption(reads)
        draw_saving(with_settings(spec, f"{settings}, {made_by()}"), key=key)


def clickable_key(chart: str, name: str, chosen: str) -> str:
    """The key of a chart in which a layer is clicked: a new one, in which nothing is, once another layer was chosen
    elsewhere. A chart says nothing when what it has as clicked is clicked again.

    Args:
        chart: what the key begins with.
        name: of the chart's selection.
        chosen: the layer that is looked at.
    """
    count = f"{chart}_drawn_anew"
    times = int(st.session_state.get(count, 0))
    picked = (st.session_state.get(_key(chart, times)) or {}).get("selection", {}).get(name)
    if picked and str(picked[0]["layer"]) != chosen:
        times += 1
        st.session_state[count] = times
    return _key(chart, times)


def _key(chart: str, times: int) -> str:
    return f"{chart}_{times}" if times else chart
