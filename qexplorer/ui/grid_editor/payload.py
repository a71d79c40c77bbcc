"""What the editor in the browser is sent: bins, format, range, marks and words, as plain data (docs/grid_editor.md)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.foreign.media import in_label
from qexplorer.core.formats import Format
from qexplorer.report.palette import CLIPPING, GRID, LIGHT, ROUNDING, TENSOR
from qexplorer.ui.grid_editor.formats import format_data
from qexplorer.ui.grid_editor.ratio import RatioView, ratio_data, ratio_span
from qexplorer.ui.grid_editor.state import EditorState

if TYPE_CHECKING:
    from qexplorer.observe.error import ErrorSplit
    from qexplorer.observe.histogram import Histogram

__all__ = ["EDITOR_PARTS", "EditorView", "Mark", "editor_data", "reach_of"]

EDITOR_PARTS = frozenset({"curve", "outlier", "steps"})
"""Parts of the editor that can be left out."""

_BARS = (40, 200)  # fewer for a tensor of few values: empty bars say nothing
_BEND = 1000.0  # a bent axis shows values down to a thousandth of the largest apart
_PAD = 0.03
_COLOURS = {"tensor": TENSOR, "clipping": CLIPPING, "rounding": ROUNDING, "grid": GRID}
_COLOURS |= {"dot": "#1f6f9f", "ink": LIGHT}


@dataclass(frozen=True, slots=True)
class Mark:
    """A range that is marked on the curve of error over the clip range: what chose it, its ends, and its error where
    the browser cannot find it."""

    title: str
    low: float
    high: float
    error: ErrorSplit | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EditorView:
    """What an editor shows, beside the state that a person moves.

    Attributes:
        title: what the values are of.
        histogram: the values, without outliers that are only tried.
        format: a format with a scale; None where each channel or block has a grid of its own.
        symmetric: zero point in the middle.
        clip: the range of the grid; where there is no one grid, the widest of all.
        marks: what calibrators choose.
        grid: the grid in a few words: format, granularity, how the range was chosen.
        said: what Python says of the state; grey in the browser until it is of the last one.
        error: of all values; drawn where ``format`` is None.
        follows: whether the range goes out with an outlier, as min-max does.
        log: logarithmic counts.
        bent: logarithmic values.
        hide: parts that are not drawn: ``curve``, ``outlier``, ``steps``.
        view: values between which everything is drawn; None for those of the tensor and its whole range.
        fixed: whether nothing can be moved: a second picture beside the one that can.
        heights: of the picture and of the curve, pixels.
        ratio: all channels or blocks under one share of their ranges; ``format`` is None then.
        note: why nothing can be dragged, where the handle would be.
        axis: what the axis of values is; empty for values.
    """

    title: str
    histogram: Histogram
    format: Format | None
    symmetric: bool
    clip: tuple[float, float]
    marks: tuple[Mark, ...] = ()
    grid: str = ""
    said: str = ""
    error: ErrorSplit | None = None
    follows: bool = False
    log: bool = False
    bent: bool = False
    hide: frozenset[str] = frozenset()
    view: tuple[float, float] | None = None
    fixed: bool = False
    heights: tuple[int, int] = (215, 165)
    ratio: RatioView | None = None
    note: str = ""
    axis: str = ""


def editor_data(view: EditorView, state: EditorState) -> dict[str, Any]:
    """The data for ``mount(host, send).update(data)``."""
    from qexplorer.observe.editing.outlier import ONE_IN, outlier_value

    histogram = view.histogram
    ends = (histogram.minimum, histogram.maximum)
    digest, bins = _bins(histogram)
    shape = None if view.format is None else format_data(view.format, symmetric=view.symmetric)
    reach = max(abs(ends[0]), abs(ends[1]))
    error, seen = view.error, view.view or reach_of(view)
    return {
        "seq": state.seq,
        "clip": list(view.clip),
        "value": state.value,
        "outlier": state.outlier,
        "id": digest,
        "bins": bins,
        "range": list(ends),
        "view": list(seen),
        "format": shape,
        "span": list(view.clip),
        "split": None if error is None else _split(error),
        "ratio": None if view.ratio is None else ratio_data(view.ratio),
        "marks": [_mark(mark) for mark in view.marks],
        "note": in_label(view.note),
        "axis": in_label(view.axis) or None,
        "grid": in_label(view.grid),
        "said": in_label(view.said),
        "title": in_label(view.title),
        "follows": view.follows,
        "log": view.log,
        "bend": max(map(abs, seen)) / _BEND if view.bent else None,
        "bars": int(np.clip(histogram.count // 5, *_BARS)),
        "outliers": {"count": max(round(histogram.count / ONE_IN), 1), "largest": outlier_value(histogram, 1.0)}
        if reach > 0 and shape is not None
        else None,
        "colours": _COLOURS,
        "hide": sorted(view.hide),
        "fixed": view.fixed,
        "heights": {"plot": view.heights[0], "curve": view.heights[1]},
    }


def reach_of(view: EditorView) -> tuple[float, float]:
    """The values between which everything lies: the tensor's, zero, the range, its mirror where there is one."""
    if view.ratio is not None and view.ratio.reach is None:
        return ratio_span(view.ratio)
    low, high = min(view.histogram.minimum, view.clip[0], 0.0), max(view.histogram.maximum, view.clip[1], 0.0)
    mirrored = view.format is not None and (view.symmetric or not view.format.has_zero_point)
    if mirrored and view.format is not None and view.format.signed:
        low, high = -max(-low, high), max(-low, high)
    pad = _PAD * (high - low) or 0.5
    return low - pad if low < 0 else -pad, high + pad


def _mark(mark: Mark) -> dict[str, Any]:
    plain = {"title": in_label(mark.title), "low": mark.low, "high": mark.high}
    return plain if mark.error is None else plain | {"error": _split(mark.error)}


def _split(error: ErrorSplit) -> dict[str, float | None]:
    sqnr = error.sqnr_db if np.isfinite(error.sqnr_db) else None
    return {
        "rounding": error.rounding_mse,
        "clipping": error.clipping_mse,
        "clipped": error.clipped_fraction,
        "sqnr": sqnr,
    }


@lru_cache(maxsize=16)
def _bins(histogram: Histogram) -> tuple[str, str]:
    """A digest of the bins, and the bins: lower edges, upper edges and counts as float32, in base64."""
    from qexplorer.observe.editing.few_bins import few_bins

    few = few_bins(histogram.bins)
    packed = np.stack([few.low, few.high, few.count]).astype("<f4").tobytes()
    return blake2b(packed, digest_size=8).hexdigest(), base64.b64encode(packed).decode("ascii")
