"""The pictures of page Distributions: the histogram under the grid, and the ranges of the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from qexplorer.core.foreign.media import in_chart
from qexplorer.core.grid import Grid, dequantize, quantize
from qexplorer.core.model import Model
from qexplorer.core.words.numbers import percent_text
from qexplorer.report.chart_frame import with_settings
from qexplorer.report.provenance import made_by
from qexplorer.report.tensor_charts.channels import MOST_BARS, channel_info, channel_rows, channel_spec
from qexplorer.report.tensor_charts.histogram import Bar, HistogramInfo, bar_edges, histogram_info, histogram_rows
from qexplorer.report.tensor_charts.histogram_plot import histogram_spec
from qexplorer.ui.charts import draw_saving
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.distributions.drawn_grid import Drawn
from qexplorer.ui.session import as_plain, keep, remembered, state

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["draw_channels", "draw_histogram"]

_BARS = (40, 200)  # fewer for a tensor of few values: empty bars say nothing
_BEND = 1000.0  # a bent axis shows values down to a thousandth of the largest apart


def draw_histogram(
    model: Model, stats: TensorStats, settings: Settings, shown: Drawn, *, log: bool, bent: bool
) -> None:
    """The histogram with the grid over it, what the clicked bar holds, and its files."""
    info = _histogram_info(model, stats, shown, log=log, bent=bent)
    spec, text = histogram_spec(info), _grid_text(settings, shown, info)
    event = st.vega_lite_chart(
        in_chart(spec), width="stretch", key="histogram", on_select="rerun", alt=f"Histogram of {info.title}"
    )
    left, right = st.columns([5, 1], vertical_alignment="top")
    left.caption(as_plain(text))
    with right.container(horizontal=True, horizontal_alignment="right"):
        draw_saving(with_settings(spec, text.rstrip(".")), key="histogram", rows=histogram_rows(info))
    bar = _clicked(event, info)
    if bar is not None:
        st.markdown(_arithmetic(bar, shown.grid))


def _histogram_info(model: Model, stats: TensorStats, shown: Drawn, *, log: bool, bent: bool) -> HistogramInfo:
    values = shown.histogram
    reach = max(abs(values.minimum), abs(values.maximum))
    bend = reach / _BEND if bent and reach > 0 else None
    bars = int(np.clip(values.count // 5, *_BARS))
    edges = bar_edges(values.minimum, values.maximum, bars, bend)
    counts = np.diff(values.bins.below(edges))
    counts[0] += values.bins.below(edges[:1])[0]
    part = "" if shown.channel is None else f", channel {shown.channel}"
    title = f"{stats.name} of {model.name}{part}"
    return histogram_info(title, counts, edges, shown.grid, span=shown.span, log=log, bend=bend, subtitle=made_by())


def _grid_text(settings: Settings, shown: Drawn, info: HistogramInfo) -> str:
    grid = shown.grid
    if grid is None:
        return f"{settings.text}. Each {settings.granularity} has a grid of its own; the lines mark the widest. " + (
            "Choose a channel to see its levels." if settings.granularity == "channel" else ""
        )
    scale = float(grid.scale)
    apart = f"{scale:.4g} apart" if grid.format.is_uniform else f"not evenly spaced, times the scale {scale:.4g}"
    zero = f"; {info.zero_text}" if info.zero_text else ""
    text = (
        f"{settings.text}: {info.levels:,} levels, {apart}, from {float(grid.low):.4g} to {float(grid.high):.4g}{zero}."
    )
    return text + (f" One level in {info.comb_step} is drawn at the foot." if info.comb_step > 1 else "")


def _clicked(event: Any, info: HistogramInfo) -> Bar | None:
    picked = (event.get("selection") or {}).get("bar") or []
    index = picked[0].get("index") if picked else None
    return info.bars[int(index)] if index is not None and int(index) < len(info.bars) else None


def _arithmetic(bar: Bar, grid: Grid | None) -> str:
    """What happens to the value in the middle of the bar, step by step."""
    text = f"**{bar.low:.4g} to {bar.high:.4g}**: {bar.count:,} values ({percent_text(bar.share, 3)})."
    if grid is None:
        return text
    x = np.float32((bar.low + bar.high) / 2)
    code = quantize(np.asarray(x), grid)
    back = float(dequantize(code, grid))
    scale, zero = float(grid.scale), int(grid.zero_point)
    if not grid.format.is_uniform:
        return (
            f"{text} Its middle: {float(x):.5g} / {scale:.5g} = {float(x) / scale:.3f}, nearest to the level "
            f"{back / scale:.4g} of code {int(code)}; back: {back / scale:.4g} · {scale:.5g} = {back:.5g}, "
            f"error {back - float(x):+.3g}."
        )
    steps = float(x) / scale
    rounded = round(steps) + zero
    clipped = "" if rounded == int(code) else f", clipped to {int(code)}"
    return (
        f"{text} Its middle: {float(x):.5g} / {scale:.5g} = {steps:.3f}, rounded {round(steps)}, plus the zero point "
        f"{zero} is code {rounded}{clipped}; back: ({int(code)} - {zero}) · {scale:.5g} = {back:.5g}, "
        f"error {back - float(x):+.3g}."
    )


def draw_channels(model: Model, stats: TensorStats, settings: Settings, view: GridView) -> None:
    """The range of each channel beside the range of its grid; a click on a bar draws that channel above."""
    assert stats.channels is not None
    order = ("in order", "widest first")
    st.subheader("Channels", anchor=False)
    chosen = st.segmented_control(
        "Order", order, label_visibility="collapsed", required=True, **remembered("channel_order", order[0], order)
    )
    low, high = _finite(stats.channels.minimum), _finite(stats.channels.maximum)
    title = f"Ranges of the {len(low):,} channels of {stats.name}"
    info = channel_info(title, low, high, view.grid, by_range=chosen == order[1], subtitle=f"{model.name}, {made_by()}")
    spec = channel_spec(info)
    st.vega_lite_chart(
        in_chart(spec), width="stretch", key="channels", on_select=lambda: _pick_channel(stats.name), alt=title
    )
    left, right = st.columns([5, 1], vertical_alignment="top")
    if info.channels > MOST_BARS:
        left.caption(f"Each bar covers {len(info.bars[0].channels)} channels; their grids' widest ends are drawn.")
    with right.container(horizontal=True, horizontal_alignment="right"):
        draw_saving(with_settings(spec, settings.text), key="channels", rows=channel_rows(info))


def _finite(values: Any) -> Any:
    """Channels without a value have no range: they are drawn at zero."""
    return np.where(np.isfinite(values), values, 0.0)


def _pick_channel(tensor: str) -> None:
    picked = (st.session_state["channels"].get("selection") or {}).get("channel") or []
    name = f"tensor_channel:{tensor}"
    value = int(picked[0]["channel"]) if picked else None
    st.session_state[remembered(name, None)["key"]] = value
    now = state()
    now.choices[name] = value
    keep(now)
