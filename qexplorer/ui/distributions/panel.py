"""Page Distributions: choose a tensor, see its histogram under a grid, move the grid, read off what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.ui.distributions.before_after import draw_before_after
from qexplorer.ui.distributions.beside import (
    BESIDE,
    PLACE,
    draw_second,
    draw_second_controls,
    others,
    second_stats,
    second_view,
)
from qexplorer.ui.distributions.channel_charts import draw_channels
from qexplorer.ui.distributions.channels import draw_channel_table
from qexplorer.ui.distributions.charts import draw_files
from qexplorer.ui.distributions.controls import Settings, counts_scale, draw_grid_controls, draw_view_controls
from qexplorer.ui.distributions.drawn_grid import drawn
from qexplorer.ui.distributions.editor import Tried, draw_tensor_editor, editor_view, take_over, tried
from qexplorer.ui.distributions.link import KIND, PARTS, of_closer, of_grid, of_options, of_tensor, of_tensors
from qexplorer.ui.distributions.needed import HOW_MUCH, draw_how_much
from qexplorer.ui.distributions.numbers import draw_statistics
from qexplorer.ui.distributions.one_value import ONE_VALUE, draw_one_value
from qexplorer.ui.distributions.tensor import choose_tensor, tensor_names
from qexplorer.ui.distributions.to_recipe import draw_use_in_recipe, is_decoded
from qexplorer.ui.distributions.together import draw_exactly, grid_at_share, view_after_drag
from qexplorer.ui.empty_page import draw_first_sample
from qexplorer.ui.grid_editor.payload import EDITOR_PARTS
from qexplorer.ui.session import current_model, remembered, show_error
from qexplorer.ui.view.link import Linked, OpenedLink, draw_share, hidden, part, write_link
from qexplorer.ui.view.model_link import DIGEST, OWN_MODEL, open_model, shared_model

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["draw_distributions_page"]


def draw_distributions_page() -> None:
    """Draws the page."""
    st.title("Distributions", help="The values of one tensor, and the grid of numbers that quantization leaves of them")
    link = OpenedLink(list(PARTS))
    open_model(link)
    model = current_model()
    if model is None:
        link.close()
        draw_first_sample()
        return
    link.take([KIND])
    link.take(of_tensors(tensor_names(model)))
    with part("tensor"):
        chosen = choose_tensor(model)
    if chosen is None:
        link.close()
        return
    stats, source = chosen
    link.take([*of_tensor(stats), *of_closer(stats, others(model, stats))])
    link.take(of_options(stats.kind))
    second = second_stats(model, stats)
    if second is not None:
        link.take(of_grid(second, PLACE))
        link.take(of_options(second.kind, PLACE))
    link.close()
    if not stats.histogram.count:
        st.info("This tensor holds no finite value, so there is nothing to draw.")
        return
    _explore(model, stats, source)
    if "more" not in hidden():
        st.header("Statistics")
        draw_statistics(stats)
        with st.container(key="next_step"):
            st.page_link("pages/quantize.py", label="Next: choose a recipe", icon=":material/arrow_forward:")


@st.fragment
def _explore(model: Model, stats: TensorStats, source: str) -> None:
    """Everything that a control or a handle changes; only this runs again when one moves."""
    beside = second_stats(model, stats)
    with st.container(key="explore"):
        picture, controls = st.columns([3, 1], gap="small")
        places = None if beside is None else st.columns([3, 1], gap="small")
    take_over(stats)
    with controls:
        settings = draw_grid_controls(stats, decoded=is_decoded(model, stats))
    second = None
    if beside is not None and places is not None:
        with places[1]:
            second = draw_second_controls(model, stats, beside, settings)
    judged = tried(stats, source, settings)
    try:
        view, about = view_after_drag(judged.source, judged.stats, settings)
    except QExplorerError as error:
        show_error(error)
        return
    with picture:
        shown = drawn(judged.source, judged.stats, view, _chosen_channel(judged.stats))
        log, bent = _scales(stats)
        hide = hidden() & EDITOR_PARTS
        how: dict[str, Any] = {"shares": second is None, "about": about, "log": log, "bent": bent, "hide": hide}
        found = editor_view(model, stats, settings, judged, view, shown, **how)
        if second is not None and places is not None:
            with places[0]:
                found, under, told = second_view(model, second, source, found, shown.channel)
                if under is not None:
                    draw_second(second, under, about=told)
        draw_tensor_editor(stats, judged, found)
        with st.container(horizontal=True, horizontal_alignment="right", gap="small", key="files_of_editor"):
            if about:
                draw_exactly(stats.name, settings)
            now = write_link(_linked(stats, beside), shared_model(model))
            draw_share(now, PARTS, own=OWN_MODEL if DIGEST in now else None)
            draw_files(model, judged, settings, shown, log=log, bent=bent)
    with controls:
        with part("axes"):
            draw_view_controls(stats.kind)
        with part("channel"):
            _channel_control(stats)
        with part("recipe"):
            draw_use_in_recipe(model, stats, settings)
    if "more" not in hidden():
        asked = _closer()
        if asked == HOW_MUCH:
            draw_how_much(model, stats, settings)
        elif asked == ONE_VALUE:
            draw_one_value(judged.stats, grid_at_share(judged.stats, settings) if about else view.grid)
        elif asked is not None and asked != BESIDE:
            draw_before_after(model, judged.stats, judged.source, settings, view, shown)
        _channels(model, judged, settings, view)


def _linked(stats: TensorStats, beside: TensorStats | None) -> list[Linked]:
    """All controls that stand in the address."""
    found = [KIND, *of_tensors({}), *of_tensor(stats), *of_options(stats.kind), *of_closer(stats, [])]
    return found if beside is None else [*found, *of_grid(beside, PLACE), *of_options(beside.kind, PLACE)]


def _closer() -> str | None:
    """What costs time while a control moves is drawn only for who asked for it; None for nothing."""
    views = ("Nothing more", BESIDE, "Before and after", ONE_VALUE, HOW_MUCH)
    asked = st.segmented_control("Look closer", views, required=True, **remembered("look_closer", views[0], views))
    return None if asked == views[0] else asked


def _channels(model: Model, judged: Tried, settings: Settings, view: GridView) -> None:
    if judged.stats.channels is not None and len(judged.stats.channels.count) > 1:
        draw_channels(model, judged, settings, view)
        draw_channel_table(model, judged.stats, view)


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
