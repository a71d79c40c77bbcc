"""Two on one axis: the tensor under a second grid, or another tensor, with controls and handles of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_label
from qexplorer.core.model import Model
from qexplorer.ui.distributions.before_after import kept_setting
from qexplorer.ui.distributions.controls import Settings, draw_grid_controls, set_all
from qexplorer.ui.distributions.drawn_grid import drawn
from qexplorer.ui.distributions.editor import EDITOR, Tried, draw_tensor_editor, editor_view, take_over
from qexplorer.ui.distributions.tensor import tensor_label, tensor_names, tensor_stats
from qexplorer.ui.distributions.to_recipe import is_decoded
from qexplorer.ui.distributions.together import draw_exactly, view_after_drag
from qexplorer.ui.grid_editor.payload import EDITOR_PARTS, EditorView, reach_of
from qexplorer.ui.session import remembered, show_error
from qexplorer.ui.view.choices import choice
from qexplorer.ui.view.link import hidden

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = [
    "BESIDE",
    "PLACE",
    "Second",
    "beside_choice",
    "draw_second",
    "draw_second_controls",
    "others",
    "second_stats",
    "second_view",
]

BESIDE = "Side by side"
"""The choice of "Look closer" that draws a second editor."""

PLACE = "beside_"
"""Where the controls of the second editor stand, as the names of their choices begin."""

_KEY = f"{EDITOR}_beside"


@dataclass(frozen=True, slots=True, eq=False)
class Second:
    """What stands beside the tensor.

    Attributes:
        stats: the same tensor or another.
        settings: its own controls.
    """

    stats: TensorStats
    settings: Settings


def beside_choice(tensor: str) -> str:
    """Name of the choice that holds what stands beside a tensor."""
    return f"tensor_beside:{tensor}"


def others(model: Model, stats: TensorStats) -> list[str]:
    """What can stand beside the tensor: itself first, then the others of its kind."""
    names = tensor_names(model).get(stats.kind, [])
    return [stats.name, *(name for name in names if name != stats.name)]


def second_stats(model: Model, stats: TensorStats) -> TensorStats | None:
    """The tensor that stands beside this one, or None."""
    if choice("look_closer", None) != BESIDE or "more" in hidden():
        return None
    asked = choice(beside_choice(stats.name), None) or stats.name
    return stats if asked == stats.name else tensor_stats(model, stats.kind, asked) or stats


def draw_second_controls(model: Model, stats: TensorStats, second: TensorStats, first: Settings) -> Second:
    """Which tensor stands beside this one, and the controls of its grid.

    Args:
        model: whose tensors they are.
        stats: the first tensor.
        second: that of :func:`second_stats`.
        first: the settings of the first, which can be taken over.
    """
    take_over(second, _KEY, PLACE)
    options = others(model, stats)

    def label(name: str) -> str:
        return "the same tensor" if name == stats.name else in_label(tensor_label(model, name))

    st.selectbox("Beside it", options, format_func=label, **remembered(beside_choice(stats.name), options[0], options))
    with st.container(horizontal=True):
        as_first = (first, second.name, PLACE)
        st.button("As above", key="beside_as_first", on_click=set_all, args=as_first, help="Takes the grid above.")
        kept = kept_setting(stats.name)
        if kept is not None:
            as_kept = (kept, second.name, PLACE)
            st.button("As kept", key="beside_as_kept", on_click=set_all, args=as_kept, help="Takes the setting kept.")
    return Second(second, draw_grid_controls(second, PLACE, decoded=is_decoded(model, second)))


def second_view(
    model: Model, second: Second, source: str, first: EditorView, channel: int | None
) -> tuple[EditorView, EditorView | None, bool]:
    """Both on one axis, and whether the error of the second is told from bins; it is None where it cannot be had, with
    a sentence why.

    Args:
        model: whose tensors they are.
        second: what stands beside.
        source: digest of what both were made of.
        first: what the first editor shows.
        channel: the chosen channel, of the first tensor; None for all values.
    """
    stats, settings = second.stats, second.settings
    try:
        view, about = view_after_drag(source, stats, settings, PLACE)
    except QExplorerError as error:
        show_error(error)
        return first, None, False
    how: dict[str, Any] = {"shares": False, "about": about, "log": first.log, "bent": first.bent, "hide": EDITOR_PARTS}
    found = editor_view(
        model, stats, settings, Tried(stats, source, 1.0), view, drawn(source, stats, view, channel), **how
    )
    ends = list(zip(reach_of(first), reach_of(found), strict=True))
    axis = (min(ends[0]), max(ends[1]))
    return replace(first, view=axis), replace(found, view=axis), about


def draw_second(second: Second, found: EditorView, *, about: bool) -> None:
    """The second editor; where its error is told ``about``, it can be had exactly."""
    draw_tensor_editor(second.stats, Tried(second.stats, "", 1.0), found, _KEY)
    if about:
        draw_exactly(second.stats.name, second.settings, PLACE)
