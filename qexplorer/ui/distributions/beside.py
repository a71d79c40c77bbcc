"""Two on one axis: the tensor at another width or format, by a setting that was kept, or another tensor beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_label
from qexplorer.core.formats import get_format, on_a_grid
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR
from qexplorer.ui.distributions.before_after import kept_setting
from qexplorer.ui.distributions.controls import BY_HAND, INTEGERS, Settings, widths
from qexplorer.ui.distributions.drawn_grid import drawn, view_of
from qexplorer.ui.distributions.editor import EDITOR, Tried, editor_view
from qexplorer.ui.distributions.tensor import tensor_names, tensor_stats
from qexplorer.ui.grid_editor.component import draw_grid_editor
from qexplorer.ui.grid_editor.payload import EDITOR_PARTS, EditorView, reach_of
from qexplorer.ui.session import remembered, show_error
from qexplorer.ui.view.choices import choice

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = ["BESIDE", "KEPT", "beside_choice", "beside_view", "draw_beside", "on_one_axis", "others"]

BESIDE = "Side by side"
"""The choice of "Look closer" that draws a second editor."""

KEPT = "the setting kept"
"""The choice of what stands beside the tensor that is no format and no other tensor."""


def beside_choice(tensor: str) -> str:
    """Name of the choice that holds what stands beside a tensor."""
    return f"tensor_beside:{tensor}"


def others(model: Model, stats: TensorStats) -> list[str]:
    """What can stand beside the tensor: other widths, other formats, a setting that was kept, other tensors."""
    kind = stats.kind
    names = [name for name in on_a_grid(kind) if not get_format(name).is_uniform]
    tensors = [name for name in tensor_names(model).get(kind, []) if name != stats.name]
    return [*(f"{width} bits" for width in widths(kind)), *names, KEPT, *tensors]


def beside_view(
    model: Model, stats: TensorStats, source: str, settings: Settings, channel: int | None, *, log: bool, bent: bool
) -> EditorView | None:
    """What stands beside the tensor; None where nothing does, or where it cannot be had, with a sentence why."""
    if choice("look_closer", None) != BESIDE:
        return None
    asked = choice(beside_choice(stats.name), None) or others(model, stats)[0]
    other, chosen = stats, settings
    if asked == KEPT:
        kept = kept_setting(stats.name)
        if kept is None:
            return None
        chosen = kept
    elif asked.endswith(" bits") and asked.split()[0].isdigit():
        chosen = _by_rule(replace(settings, numbers=INTEGERS, bits=int(asked.split()[0])))
    elif asked in on_a_grid(stats.kind):
        allowed = [str(each) for each in get_format(asked).granularities]
        fineness = settings.granularity if settings.granularity in allowed else allowed[0]
        chosen = _by_rule(replace(settings, numbers=asked, symmetric=True, granularity=fineness))
    else:
        found = tensor_stats(model, stats.kind, asked)
        if found is None:
            return None
        other, chosen, channel = found, _by_rule(settings), None
    return _viewed(model, other, source, chosen, channel, log=log, bent=bent)


def _by_rule(settings: Settings) -> Settings:
    """The settings with a range that a calibrator chooses: one drawn by hand belongs to its own tensor and grid."""
    if settings.calibrator != BY_HAND:
        return settings
    return replace(settings, calibrator=DEFAULT_CALIBRATOR, options=(), clip=None)


def _viewed(
    model: Model, stats: TensorStats, source: str, settings: Settings, channel: int | None, *, log: bool, bent: bool
) -> EditorView | None:
    try:
        view = view_of(source, stats.name, settings, stats)
    except QExplorerError as error:
        show_error(error)
        return None
    shown = drawn(source, stats, view, channel)
    judged = Tried(stats, source, 1.0)
    return editor_view(model, stats, settings, judged, view, shown, log=log, bent=bent, hide=EDITOR_PARTS, fixed=True)


def on_one_axis(first: EditorView, second: EditorView | None) -> tuple[EditorView, EditorView | None]:
    """Both with the same ends of the axis of values."""
    if second is None:
        return first, None
    ends = list(zip(reach_of(first), reach_of(second), strict=True))
    view = (min(ends[0]), max(ends[1]))
    return replace(first, view=view), replace(second, view=view)


def draw_beside(model: Model, stats: TensorStats, second: EditorView | None) -> None:
    """The choice of what stands beside the tensor, and the second editor."""
    options = others(model, stats)
    asked = st.selectbox(
        "Beside it", options, format_func=in_label, **remembered(beside_choice(stats.name), options[0], options)
    )
    if second is not None:
        draw_grid_editor(f"{EDITOR}_beside", second)
    elif asked == KEPT:
        st.caption("No setting of this tensor is kept yet; Before and after has the button that keeps one.")
