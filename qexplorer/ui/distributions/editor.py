"""The tensor under the grid editor: what is drawn, what is kept when it is moved, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from qexplorer.core.formats import Format, get_format
from qexplorer.core.formats.uniform import has_signs, symmetric_ends
from qexplorer.core.grid import Granularity
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.calibrator_choice import options_among, starting_options
from qexplorer.report.tensor_charts.error_split import error_split_info, sqnr_text
from qexplorer.ui import calibrator_controls
from qexplorer.ui.distributions.controls import Settings, set_by_hand
from qexplorer.ui.distributions.drawn_grid import Drawn
from qexplorer.ui.distributions.together import Together, in_values, set_ratio, together
from qexplorer.ui.grid_editor.component import draw_grid_editor, take_moved
from qexplorer.ui.grid_editor.payload import EditorView, Mark
from qexplorer.ui.grid_editor.state import MOST_TIMES
from qexplorer.ui.view.choices import choice, chosen

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

EDITOR = "grid_editor"
"""Key of the page's first editor."""

__all__ = [
    "EDITOR",
    "GridKey",
    "Tried",
    "draw_tensor_editor",
    "editor_view",
    "grid_key",
    "said_of",
    "take_over",
    "tried",
    "value_looked_at",
]


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """The tensor as it is judged: with the outliers that are tried on it.

    Attributes:
        stats: its statistics, with those outliers.
        source: digest of what they were made of, and how far out the outliers are.
        outlier: how far out they are; 1 for none.
    """

    stats: TensorStats
    source: str
    outlier: float


def tried(stats: TensorStats, source: str, settings: Settings) -> Tried:
    """The tensor with the outliers that the slider asks for; without, where each channel or block has a scale."""
    kept = choice(_outlier_name(stats.name), 1.0)
    times = float(kept) if isinstance(kept, int | float) and 1.0 <= kept <= MOST_TIMES else 1.0
    if times <= 1.0 or settings.granularity != "tensor":
        return Tried(stats, source, 1.0)
    return Tried(_with_outliers(source, stats.name, times, stats), f"{source}, outliers at {times:g}", times)


@st.cache_resource(max_entries=16, show_spinner=False)
def _with_outliers(source: str, name: str, times: float, _stats: TensorStats) -> TensorStats:  # noqa: ARG001
    from qexplorer.observe.editing.outlier import with_outliers

    return with_outliers(_stats, times)


def value_looked_at(tensor: str) -> float | None:
    """The value whose arithmetic is shown, or None."""
    kept = choice(_value_name(tensor), None)
    return float(kept) if isinstance(kept, int | float) else None


def take_over(stats: TensorStats, key: str = EDITOR, place: str = "") -> None:
    """Keeps what was moved in the editor of this tensor, before its controls (at ``place``) are drawn: a range by hand;
    of the page's first editor also the value looked at and how far out outliers are."""
    state, drawn = take_moved(key), st.session_state.get(f"{key}:drawn")
    if state is None or drawn is None or drawn[0] != stats.name:
        return
    _, clip, outlier, draggable, whole = drawn
    if draggable and state.clip != clip and state.outlier == outlier:
        if whole is None:
            set_by_hand(stats.kind, stats.name, state.clip, place)
        else:
            set_ratio(stats.kind, state.clip[1] / whole, place)
    if place:
        return
    chosen(_value_name(stats.name), state.value)
    chosen(_outlier_name(stats.name), state.outlier)


def draw_tensor_editor(stats: TensorStats, judged: Tried, found: EditorView, key: str = EDITOR) -> None:
    """Draws the editor of this tensor; the value looked at belongs to the page's first."""
    ratio = found.ratio
    whole = None if ratio is None else ratio.clip[1] / ratio.share
    draggable = found.format is not None or ratio is not None
    st.session_state[f"{key}:drawn"] = (stats.name, found.clip, judged.outlier, draggable, whole)
    value = value_looked_at(stats.name) if key == EDITOR else None
    draw_grid_editor(key, found, value=value, outlier=judged.outlier)


def editor_view(
    model: Model,
    stats: TensorStats,
    settings: Settings,
    judged: Tried,
    view: GridView,
    shown: Drawn,
    *,
    shares: bool = True,
    about: bool = False,
    **how: Any,
) -> EditorView:
    """What the editor shows of the tensor, or of one of its channels.

    Args:
        model: whose tensor it is.
        stats: the tensor without outliers.
        settings: the controls.
        judged: the tensor with outliers.
        view: its grid and error.
        shown: what is drawn of it.
        shares: whether the values of channels or blocks with scales of their own are drawn as shares of their ranges.
        about: whether the error of the view is told from bins.
        how: fields of ``EditorView`` that say how it is drawn: ``log``, ``bent``, ``hide``, ``view``, ``heights``.
    """
    known = None if shown.grid is None else shown.grid.format  # with the levels that it learned
    part = "" if shown.channel is None else f", channel {shown.channel}"
    marks = _marks(grid_key(judged, stats.name, settings), judged.stats, settings.grid_format)
    all_of = Together(None)
    if known is None and shown.channel is None and view.grid.axis is not None:
        all_of = together(judged.source, stats, settings, view)
        all_of = all_of if shares else in_values(all_of)
    return EditorView(
        title=f"{stats.name} of {model.name}{part}",
        histogram=stats.histogram if shown.channel is None else shown.histogram,
        format=known,
        symmetric=mirrored(settings),
        clip=_clip(settings, view, shown) if all_of.ratio is None else all_of.ratio.clip,
        marks=marks if known is not None and shown.channel is None and view.grid.axis is None else all_of.marks,
        grid=settings.text,
        said=said_of(view, shown, settings, shares=all_of.ratio is not None and shares, about=about),
        error=view.error,
        follows=settings.calibrator == "minmax",
        ratio=all_of.ratio,
        note=all_of.note,
        axis=all_of.axis,
        **how,
    )


def mirrored(settings: Settings) -> bool:
    """Whether the grid reaches as far down as up."""
    return settings.symmetric or not get_format(settings.format).has_zero_point


class GridKey(NamedTuple):
    """What is kept of a tensor under one grid is kept under this.

    Attributes:
        source: of its values.
        tensor: its name.
        format: of the grid.
        mirrored: whether the grid reaches as far down as up.
        signs: whether its scales may have either sign.
    """

    source: str
    tensor: str
    format: str
    mirrored: bool
    signs: bool


def grid_key(judged: Tried, tensor: str, settings: Settings) -> GridKey:
    """The key of a tensor under the grid that the controls say."""
    return GridKey(judged.source, tensor, settings.format, mirrored(settings), has_signs(settings.grid_format))


def _clip(settings: Settings, view: GridView, shown: Drawn) -> tuple[float, float]:
    """The range that was asked for: laid over it again, the format gives the grid that is drawn."""
    if shown.grid is None:
        return shown.span
    if settings.clip is not None and view.grid.axis is None:
        return settings.clip
    if mirrored(settings) and not has_signs(shown.grid.format):
        reach = float(shown.grid.high) if float(shown.grid.high) > 0 else -float(shown.grid.low)
        return -reach, reach
    return float(shown.grid.low), float(shown.grid.high)


@st.cache_resource(max_entries=64, show_spinner=False)
def _marks(key: GridKey, _stats: TensorStats, _format: Format) -> tuple[Mark, ...]:
    """The range that each calibrator chooses for one grid over the whole tensor, with its usual options."""
    from qexplorer.observe.calibrate import calibrate

    marks = []
    for each in calibrator_controls.names_offered(_format, Granularity.TENSOR, _stats.kind):
        options = options_among(each, starting_options(each))
        low, high = calibrate(_stats, each, format=_format, symmetric=key.mirrored, options=options)
        low, high = min(low, 0.0), max(high, 0.0)
        if key.mirrored:
            low, high = symmetric_ends(_format, low, high)
        if high > low:
            marks.append(Mark(calibrator_controls.title_of(each), low, high))
    return tuple(marks)


def said_of(view: GridView, shown: Drawn, settings: Settings, *, shares: bool = False, about: bool = False) -> str:
    """Error and advice in words, exact: of what is drawn, and of the whole tensor where that is a part of it.

    ``shares``: all channels or blocks are drawn as shares of their ranges. ``about``: the view is told from bins.
    """
    from qexplorer.observe.advice import clip_advice
    from qexplorer.observe.error import error_from_histogram

    error = view.error
    if shown.channel is not None and shown.grid is not None:
        error = error_from_histogram(shown.histogram, shown.grid)
    advice = None if shown.grid is None else clip_advice(shown.histogram, shown.grid, symmetric=mirrored(settings))
    channels = view.channels if shown.channel is None else None
    lost = (0, 0) if channels is None else (channels.lost, len(channels.sqnr_db))
    parts = (error.rounding_mse, error.clipping_mse, error.sqnr_db, error.clipped_fraction)
    info = error_split_info(*parts, advice, lost)
    text = info.verdict if shown.grid is None else f"Exactly {sqnr_text(error.sqnr_db)}. {info.remark}"
    if shown.grid is None:
        hint = " Choose a channel to see its levels." if settings.granularity == "channel" else ""
        drawn = "drag to give all the same share of their ranges." if shares else f"the lines mark the widest.{hint}"
        if about:
            text = f"About {sqnr_text(error.sqnr_db)}, from bins of the values. {info.remark}"
        text += f" Each {settings.granularity} has a grid of its own; {drawn}"
    if shown.channel is None:
        return text
    fineness = (
        f"{settings.granularity} by {settings.granularity}" if settings.granularity != "tensor" else "on one grid"
    )
    return f"Channel {shown.channel}. {text} The whole tensor, {fineness}: {sqnr_text(view.error.sqnr_db)}."


def _value_name(tensor: str) -> str:
    return f"tensor_value:{tensor}"


def _outlier_name(tensor: str) -> str:
    return f"tensor_outlier:{tensor}"
