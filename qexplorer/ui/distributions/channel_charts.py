"""The channels of a tensor as charts: their ranges, a heat map of ranges, and one of errors; who spoils one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from qexplorer.core.foreign.media import in_chart
from qexplorer.core.formats import Format
from qexplorer.core.model import Model
from qexplorer.report.chart_frame import with_settings
from qexplorer.report.provenance import made_by
from qexplorer.report.tensor_charts.channel_heat import heat_info, heat_rows, heat_spec
from qexplorer.report.tensor_charts.channels import MOST_BARS, channel_info, channel_rows, channel_spec
from qexplorer.ui.charts import draw_saving
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.distributions.editor import GridKey, Tried, grid_key
from qexplorer.ui.session import remembered
from qexplorer.ui.view.choices import chosen

if TYPE_CHECKING:
    from qexplorer.observe.editing.spoiler import Spoiler
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["CHANNEL_VIEWS", "draw_channels", "spoiler_text"]

CHANNEL_VIEWS = ("in order", "widest first", "heat map", "error by channel")
"""How the channels can be drawn."""


def draw_channels(model: Model, judged: Tried, settings: Settings, view: GridView) -> None:
    """The channels as the control says; a click on one draws it above. The one that spoils a scale is named."""
    stats = judged.stats
    assert stats.channels is not None
    st.subheader("Channels", anchor=False)
    shown = st.segmented_control(
        "Channels as",
        CHANNEL_VIEWS,
        label_visibility="collapsed",
        required=True,
        **remembered("channel_order", CHANNEL_VIEWS[0], CHANNEL_VIEWS),
    )
    found = _spoiler(grid_key(judged, stats.name, settings), stats, settings.grid_format)
    st.markdown(spoiler_text(found, len(stats.channels.count), exact=stats.array is not None))
    if shown in CHANNEL_VIEWS[:2]:
        spec, rows = _ranges(model, stats, view, by_range=shown == CHANNEL_VIEWS[1])
    elif shown == CHANNEL_VIEWS[3] and view.channels is None:
        weight, blocks = stats.array is not None, view.grid.block is not None
        asked = "Blocks are judged together." if blocks else "Channels are judged when each value is: ask for it above."
        st.caption(asked if weight else "The table below judges an activation's channels.")
        return
    else:
        spec, rows = _heat(model, stats, view, found, error=shown == CHANNEL_VIEWS[3])
    alt = str(spec["title"]["text"])
    pick = lambda: _pick_channel(stats.name)  # noqa: E731
    st.vega_lite_chart(in_chart(spec), width="stretch", key="channels", on_select=pick, alt=alt)
    left, right = st.columns([5, 1], vertical_alignment="top")
    if shown in CHANNEL_VIEWS[:2] and len(stats.channels.count) > MOST_BARS:
        each = -(-len(stats.channels.count) // MOST_BARS)
        left.caption(f"Each bar covers {each} channels; their grids' widest ends are drawn.")
    with right.container(horizontal=True, horizontal_alignment="right"):
        draw_saving(with_settings(spec, settings.text), key="channels", rows=rows)


def spoiler_text(found: Spoiler | None, channels: int, *, exact: bool) -> str:
    """Whether one channel makes a scale for all of them too wide, and what the others would gain without it."""
    if found is None:
        return ""
    others = f"the other {channels - 1:,}" if channels > 2 else "the other one"
    if not found.spoils:
        return (
            f"No channel spoils one scale for all: without channel {found.channel} {others} would gain less than 1 dB."
        )
    about = "" if exact else "about "
    return (
        f"**Channel {found.channel} spoils one scale for all**: it reaches {found.times:.1f} times as far as any "
        f"other, and without it {others} would gain {about}{found.gain_db:.1f} dB, {found.gain_db / 6.02:.1f} bits."
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _spoiler(key: GridKey, _stats: TensorStats, _format: Format) -> Spoiler | None:
    from qexplorer.observe.editing.spoiler import spoiler

    return spoiler(_stats, _format, symmetric=key.mirrored)


def _ranges(
    model: Model, stats: TensorStats, view: GridView, *, by_range: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    assert stats.channels is not None
    low, high = _finite(stats.channels.minimum), _finite(stats.channels.maximum)
    title = f"Ranges of the {len(low):,} channels of {stats.name}"
    info = channel_info(title, low, high, view.grid, by_range=by_range, subtitle=f"{model.name}, {made_by()}")
    return channel_spec(info), channel_rows(info)


def _heat(
    model: Model, stats: TensorStats, view: GridView, found: Spoiler | None, *, error: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    assert stats.channels is not None
    reach = np.maximum(-_finite(stats.channels.minimum), _finite(stats.channels.maximum))
    errors = None if view.channels is None else view.channels.sqnr_db.tolist()
    what = "Error" if error else "Ranges"
    title = f"{what} of the {len(reach):,} channels of {stats.name}, one cell each"
    marked = found.channel if found is not None and found.spoils else None
    info = heat_info(title, reach.tolist(), errors, spoiler=marked, subtitle=f"{model.name}, {made_by()}")
    return heat_spec(info, error=error), heat_rows(info)


def _finite(values: Any) -> Any:
    """Channels without a value have no range: they are drawn at zero."""
    return np.where(np.isfinite(values), values, 0.0)


def _pick_channel(tensor: str) -> None:
    picked = (st.session_state["channels"].get("selection") or {}).get("channel") or []
    chosen(f"tensor_channel:{tensor}", int(picked[0]["channel"]) if picked else None)
