"""One handle for all channels, or all blocks: the share of every range, where each has a scale of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from qexplorer.core.formats import Format, Granularity
from qexplorer.core.formats.uniform import has_signs
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR
from qexplorer.ui import calibrator_controls
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.distributions.drawn_grid import view_of
from qexplorer.ui.grid_editor.payload import Mark
from qexplorer.ui.grid_editor.ratio import RatioView
from qexplorer.ui.view.choices import choice, chosen

if TYPE_CHECKING:
    from qexplorer.core.grid import Grid
    from qexplorer.observe.editing.ratio_bins import RatioBins
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = [
    "RATIO",
    "Together",
    "ask_exactly",
    "draw_exactly",
    "grid_at_share",
    "in_values",
    "quick_view",
    "set_ratio",
    "together",
    "view_after_drag",
]

RATIO = "ratio"
"""The calibrator whose option is the share that is dragged."""

_MANY = 2**21  # of more values the ranges of calibrators that are not in use are not asked for


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What is dragged, or why nothing is.

    Attributes:
        ratio: what the editor draws and judges; None where nothing can be dragged.
        marks: what calibrators choose for each channel or block: the median of the shares, and the exact error.
        note: why nothing can be dragged, one sentence.
        axis: what the axis of values is.
    """

    ratio: RatioView | None
    marks: tuple[Mark, ...] = ()
    note: str = ""
    axis: str = ""


def together(source: str, stats: TensorStats, settings: Settings, view: GridView) -> Together:
    """All channels or blocks of a weight whose grid is not one.

    Args:
        source: digest of what the statistics were made of.
        stats: of the weight.
        settings: the controls.
        view: its grid and error.
    """
    from qexplorer.observe.editing.ratio_bins import why_not_together

    what, kind = settings.granularity, settings.grid_format
    why = why_not_together(kind, what)
    if why is not None:
        return Together(None, note=why)
    mirrored = settings.symmetric or not kind.has_zero_point
    bins = _kept_bins(source, stats, settings)
    if bins is None:
        return Together(None, note=f"No share to drag: the scales of {kind.name} follow no rule known here.")
    share, own = _share(bins, settings, stats, view)
    power, values = view.error.signal_power, int(np.prod(stats.shape))
    ratio = RatioView(bins, kind, mirrored, what, share, own, power, values)
    ends = "its largest magnitude" if mirrored else "its largest value on that side of zero"
    axis = f"value, as a share of {ends} ({what} by {what})"
    return Together(ratio, _marks(source, stats, settings, bins, view), "", axis)


def in_values(found: Together) -> Together:
    """The same on an axis of values, beside other values: the widest range. Asymmetric ones have no one place there."""
    if found.ratio is None:
        return found
    if not found.ratio.symmetric:
        note = f"On one axis with other values, asymmetric ranges of each {found.ratio.what} are not dragged."
        return Together(None, note=note)
    widest = float(np.abs(found.ratio.bins.spans).max())
    return replace(found, ratio=replace(found.ratio, reach=widest or 1.0), marks=(), axis="")


def set_ratio(kind: str, share: float, place: str = "") -> None:
    """Makes the share the range of every channel or block, in front of a run."""
    chosen(f"{place}{kind}_option_{RATIO}_ratio", round(min(max(share, 0.01), 1.0), 4))
    chosen(f"{place}{kind}_range", RATIO)


def _kept_bins(source: str, stats: TensorStats, settings: Settings) -> RatioBins | None:
    """What judges all channels or blocks under these settings, whatever the share; counted once."""
    from qexplorer.observe.tensor_grid import input_axis

    kind, fine = settings.grid_format, settings.granularity == "block"
    assert stats.axis is not None
    axis = input_axis(len(stats.shape), stats.axis) if fine else stats.axis
    mirrored = settings.symmetric or not kind.has_zero_point
    key = (settings.format, mirrored, has_signs(kind), settings.granularity, settings.block)
    return _bins(source, stats.name, *key, stats, kind, (axis, settings.block if fine else None))


@st.cache_resource(max_entries=16, show_spinner=False)
def _bins(
    source: str,  # noqa: ARG001 - the first seven are the key
    name: str,  # noqa: ARG001
    format: str,  # noqa: ARG001
    mirrored: bool,
    signs: bool,  # noqa: ARG001
    what: str,  # noqa: ARG001
    block: int,  # noqa: ARG001
    _stats: TensorStats,
    _format: Format,
    _laid: tuple[int, int | None],
) -> RatioBins | None:
    from qexplorer.observe.editing.ratio_bins import ratio_bins

    return ratio_bins(_stats, _format, symmetric=mirrored, axis=_laid[0], block=_laid[1])


def view_after_drag(source: str, stats: TensorStats, settings: Settings, place: str = "") -> tuple[GridView, bool]:
    """The tensor under the grid that ``settings`` asks for, and whether its error is told from bins.

    Value by value 25 million of them take longer than a drag may where each block has a scale, or levels are not evenly
    spaced. ``place`` says where the controls stand, which may ask for that all the same.
    """
    found = None if _exactly(stats, settings, place) else quick_view(source, stats, settings)
    return (view_of(source, stats.name, settings, stats), False) if found is None else (found, True)


def quick_view(source: str, stats: TensorStats, settings: Settings) -> GridView | None:
    """The view that kept bins give, at the share in ``settings``; None where bins cannot.

    Its error is within 0.1 % at the best share. Of blocks the grid is the one at share 1: it says where blocks lie.
    """
    from qexplorer.observe.editing.ratio_error import error_at_share
    from qexplorer.observe.tensor_grid import GridView, shared_grid

    bins, kind = _kept_bins(source, stats, settings), settings.grid_format
    if bins is None:
        return None
    share, values = float(dict(settings.options)[RATIO]), int(np.prod(stats.shape))
    whole = view_of(source, stats.name, replace(settings, calibrator=DEFAULT_CALIBRATOR, options=()), stats)
    error = error_at_share(bins, kind, share, whole.error.signal_power, values)
    blocks = settings.granularity == "block"
    grid = whole.grid if blocks else shared_grid(stats, kind, settings.symmetric, None, share)
    return GridView(grid, share * whole.low, share * whole.high, error, None, None)


def grid_at_share(stats: TensorStats, settings: Settings) -> Grid:
    """The grid itself at the share in ``settings``, of a view that bins gave."""
    from qexplorer.observe.tensor_grid import shared_grid

    block = settings.block if settings.granularity == "block" else None
    share = float(dict(settings.options)[RATIO])
    return shared_grid(stats, settings.grid_format, settings.symmetric, block, share)


def ask_exactly(tensor: str, settings: Settings, place: str = "") -> None:
    """Has the tensor judged value by value under these settings, in front of a run."""
    chosen(_exactly_name(tensor, place), settings.text)


def draw_exactly(tensor: str, settings: Settings, place: str = "") -> None:
    """The button behind an error that bins tell."""
    asks: dict[str, Any] = {"on_click": ask_exactly, "args": (tensor, settings, place)}
    st.button("Judge value by value", key=f"{place}exactly", type="tertiary", icon=":material/rule:", **asks)


def _exactly(stats: TensorStats, settings: Settings, place: str) -> bool:
    """Whether every value is judged: after a drag only where that is fast, or was asked for."""
    shared = settings.calibrator == RATIO and settings.granularity != "tensor" and settings.clip is None
    kind = settings.grid_format
    if dict(settings.options).get(RATIO) == 1.0:  # min-max, which was judged before anything was dragged
        return True
    if not shared or stats.array is None or stats.axis is None or stats.array.size <= _MANY or kind.learns:
        return True
    if kind.reach(np.ones(2)) is not None or choice(_exactly_name(stats.name, place), None) == settings.text:
        return True
    return kind.is_uniform and settings.granularity == "channel"


def _exactly_name(tensor: str, place: str) -> str:
    return f"{place}tensor_exactly:{tensor}"


def _shares(bins: RatioBins, stats: TensorStats, view: GridView) -> np.ndarray:
    from qexplorer.observe.rows import grid_rows

    rows = (len(bins.spans), int(np.prod(stats.shape)) // max(len(bins.spans), 1))
    return bins.shares(grid_rows(view.grid, stats.shape, rows)[0])


def _share(
    bins: RatioBins, settings: Settings, stats: TensorStats, view: GridView
) -> tuple[float, tuple[float, float] | None]:
    """The share in use, and between which two it lies where each channel or block has its own."""
    if settings.calibrator == DEFAULT_CALIBRATOR:
        return 1.0, None
    if settings.calibrator == RATIO:
        return float(dict(settings.options)["ratio"]), None
    shares = _shares(bins, stats, view)
    if not shares.size:
        return 1.0, None
    return min(float(np.median(shares)), 1.0), (float(shares.min()), float(shares.max()))


def _marks(source: str, stats: TensorStats, settings: Settings, bins: RatioBins, view: GridView) -> tuple[Mark, ...]:
    """Each calibrator at the median of its shares, with its exact error; of a large weight the one in use alone."""
    found, grid = [], (settings.grid_format, Granularity(settings.granularity), stats.kind)
    for name in calibrator_controls.names_offered(*grid):
        used = name == settings.calibrator
        if name == RATIO or not (used or np.prod(stats.shape) <= _MANY):
            continue
        plain = replace(settings, calibrator=name, options=(), clip=None)
        own = view if used else view_of(source, stats.name, plain, stats)
        shares = _shares(bins, stats, own)
        share = min(float(np.median(shares)), 1.0) if shares.size else 1.0
        ends = share * bins.ends[0], share * bins.ends[1]
        found.append(Mark(calibrator_controls.title_of(name), *ends, own.error))
    return tuple(found)
