"""Page Distributions: choose a tensor, see its histogram under a grid, move the grid, read off what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.ui.distributions.before_after import draw_before_after
from qexplorer.ui.distributions.channels import draw_channel_table
from qexplorer.ui.distributions.charts import draw_channels, draw_histogram
from qexplorer.ui.distributions.clipping import draw_clipping
from qexplorer.ui.distributions.controls import Settings, counts_scale, draw_grid_controls, draw_view_controls
from qexplorer.ui.distributions.drawn_grid import Drawn, drawn, view_of
from qexplorer.ui.distributions.numbers import draw_error, draw_statistics
from qexplorer.ui.distributions.tensor import choose_tensor
from qexplorer.ui.distributions.to_recipe import draw_use_in_recipe
from qexplorer.ui.empty_page import draw_first_sample
from qexplorer.ui.session import current_model, remembered, show_error

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["draw_distributions_page"]


def draw_distributions_page() -> None:
    """Draws the page."""
    st.title("Distributions", help="The values of one tensor, and the grid of numbers that quantization leaves of them")
    model = current_model()
    if model is None:
        draw_first_sample()
        return
    chosen = choose_tensor(model)
    if chosen is None:
        return
    stats, source = chosen
    if not stats.histogram.count:
        st.info("This tensor holds no finite value, so there is nothing to draw.")
        return
    _explore(model, stats, source)
    st.header("Statistics")
    draw_statistics(stats)
    with st.container(key="next_step"):
        st.page_link("pages/quantize.py", label="Next: choose a recipe", icon=":material/arrow_forward:")


@st.fragment
def _explore(model: Model, stats: TensorStats, source: str) -> None:
    """Everything that a control changes; only this runs again when one moves."""
    with st.container(key="explore"):
        picture, controls = st.columns([3, 1], gap="small")
    with controls:
        settings = draw_grid_controls(stats)
    try:
        view = view_of(source, stats.name, settings, stats)
    except QExplorerError as error:
        show_error(error)
        return
    with picture:
        channel = _chosen_channel(stats)
        shown = drawn(source, stats, view, channel)
        log, bent = _scales(stats)
        draw_histogram(model, stats, settings, shown, log=log, bent=bent)
        draw_error(view, shown, settings)
    with controls:
        draw_view_controls(stats.kind)
        _channel_control(stats)
        draw_use_in_recipe(model, stats, settings)
    _closer(model, stats, source, settings, view, shown)
    if stats.channels is not None and len(stats.channels.count) > 1:
        draw_channels(model, stats, settings, view)
        draw_channel_table(model, stats, view)


def _closer(model: Model, stats: TensorStats, source: str, settings: Settings, view: GridView, shown: Drawn) -> None:
    """What costs time while a control moves is drawn only for who asked for it."""
    views = ("Nothing more", "Where to clip", "Before and after")
    chosen = st.segmented_control("Look closer", views, required=True, **remembered("look_closer", views[0], views))
    if chosen == views[1]:
        draw_clipping(model, stats, source, settings, view)
    elif chosen == views[2]:
        draw_before_after(model, stats, source, settings, view, shown)


def _scales(stats: TensorStats) -> tuple[bool, bool]:
    """How counts and values are spaced, before their controls are drawn under the picture's own."""
    how = [_now(*counts_scale(stats.kind)), _now("values_scale", "linear")]
    return how[0] == "logarithmic", how[1] == "logarithmic"


def _now(name: str, default: Any) -> Any:
    return st.session_state[remembered(name, default)["key"]]


def _chosen_channel(stats: TensorStats) -> int | None:
    if stats.array is None or stats.channels is None:
        return None
    chosen = _now(_channel_name(stats), None)
    return int(chosen) if chosen is not None else None


def _channel_name(stats: TensorStats) -> str:
    return f"tensor_channel:{stats.name}"


def _channel_control(stats: TensorStats) -> None:
    if stats.array is None or stats.channels is None or len(stats.channels.count) < 2:
        return
    last = len(stats.channels.count) - 1
    st.number_input(
        "Channel",
        0,
        last,
        value=None,
        placeholder="all",
        help="Draws one channel's values, under its own grid if each has one. A click on a range below does so too.",
        **remembered(_channel_name(stats), None),
    )
