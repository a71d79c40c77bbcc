"""Before and after quantization on shared axes, and a setting that was kept beside the one in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.model import Model
from qexplorer.report.provenance import made_by
from qexplorer.report.tensor_charts.before_after import after, before, panel_spec, shared_axes
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.distributions.drawn_grid import Drawn, drawn, view_of
from qexplorer.ui.session import as_plain

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["draw_before_after", "kept_setting"]

_KEPT = "distributions_kept"  # tensor -> the setting that was kept, for as long as the session lasts


def draw_before_after(
    model: Model, stats: TensorStats, source: str, settings: Settings, view: GridView, shown: Drawn
) -> None:
    """The float values, what becomes of them, and below that what becomes of them by the setting that was kept."""
    st.subheader("Before and after", anchor=False)
    kept = kept_setting(stats.name)
    _keeping(stats.name, settings, kept)
    panels = [before(shown.histogram, f"{stats.name} in float")]
    settled = [(settings, shown, view)]
    if kept is not None and kept != settings:
        other = view_of(source, stats.name, kept, stats)
        settled.append((kept, drawn(source, stats, other, shown.channel), other))
    for each, under, found in settled:
        if under.grid is None:
            st.caption(
                f"{as_plain(each.text)}: each {each.granularity} has levels of its own; choose a channel to see them."
            )
        else:
            panels.append(after(under.histogram, under.grid, f"{each.text}: {found.error.sqnr_db:.1f} dB"))
    axes, part = shared_axes(panels), "" if shown.channel is None else f", channel {shown.channel}"
    for i, panel in enumerate(panels):
        draw_chart(panel_spec(panel, axes, f"{model.name}{part}, {made_by()}"), key=f"before_after_{i}")


def kept_setting(tensor: str) -> Settings | None:
    """The setting of this tensor that was kept in this session, or None."""
    found: Settings | None = st.session_state.setdefault(_KEPT, {}).get(tensor)
    return found


def _keeping(tensor: str, settings: Settings, kept: Settings | None) -> None:
    def keep(value: Settings | None) -> None:
        st.session_state[_KEPT][tensor] = value

    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Keep this setting beside others" if kept is None else "Keep this one instead"
        st.button(label, icon=":material/keep:", key="keep_setting", on_click=keep, args=(settings,))
        if kept is not None:
            st.button("Forget it", key="forget_setting", on_click=keep, args=(None,))
            st.caption(f"Kept: {as_plain(kept.text)}" + (", which is the one in use." if kept == settings else ""))
