"""A tensor's histogram under a grid, as data: bars, levels, clip lines, zero point. ``histogram_plot`` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats.uniform import has_signs
from qexplorer.core.grid import Grid, dequantize, quantize

__all__ = ["MOST_RULES", "Bar", "HistogramInfo", "bar_edges", "histogram_info", "histogram_rows"]

MOST_RULES = 64
"""Levels that are drawn as rules over the whole height; more of them become a comb at the foot."""

_PROBES = 16


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        index: place from the left.
        low: left edge.
        high: right edge.
        count: values in it.
        share: of all values.
        outside: whether its middle lies outside the grid's range, so that its values are clipped.
        codes: the code or codes that its values get, as text; empty without a grid.
        error_rms: root mean square of the error of values spread evenly in it; None without a grid.
    """

    index: int
    low: float
    high: float
    count: int
    share: float
    outside: bool
    codes: str
    error_rms: float | None


@dataclass(frozen=True, slots=True)
class HistogramInfo:
    """What the chart shows.

    Attributes:
        title: the tensor and its model.
        subtitle: by what, where and when it was made.
        bars: from left to right; empty ones are kept.
        rules: levels drawn over the whole height (at most ``MOST_RULES`` levels in all), else empty.
        comb: levels drawn at the foot when there are more: every ``comb_step``-th.
        comb_step: 1 when every level is drawn.
        levels: number of levels of the grid; 0 without one.
        clip: smallest and largest value of the grid or grids; None without one.
        zero_code: the code that stands for zero; None without a grid, or if no level is zero.
        zero_text: what that code is: a zero point, or the code of a level.
        log: whether counts are on a logarithmic axis.
        bend: None for a linear axis of values; else it is ``sign(x) log(1 + |x| / bend)``, so that small and large
            values of both signs are seen.
    """

    title: str
    subtitle: str
    bars: tuple[Bar, ...]
    rules: tuple[float, ...]
    comb: tuple[float, ...]
    comb_step: int
    levels: int
    clip: tuple[float, float] | None
    zero_code: int | None
    log: bool
    bend: float | None
    zero_text: str = ""

    @property
    def view(self) -> tuple[float, float]:
        """The values between which everything lies."""
        ends = [self.bars[0].low, self.bars[-1].high, *(self.clip or ())]
        return min(ends), max(ends)


def bar_edges(low: float, high: float, bars: int = 200, bend: float | None = None) -> NDArray[np.float64]:
    """Edges of bars that are equally wide on the screen, shape (bars + 1,); ``bend`` as in :class:`HistogramInfo`."""
    if high <= low:
        low, high = low - 0.5, high + 0.5
    if bend is None:
        return np.linspace(low, high, bars + 1)
    first, last = (float(np.sign(x) * np.log1p(abs(x) / bend)) for x in (low, high))
    steps = np.linspace(first, last, bars + 1)
    edges = np.asarray(np.sign(steps) * bend * np.expm1(np.abs(steps)), np.float64)
    edges[0], edges[-1] = low, high
    return edges


def histogram_info(
    title: str,
    counts: NDArray[Any],
    edges: NDArray[np.float64],
    grid: Grid | None,
    *,
    span: tuple[float, float] | None = None,
    log: bool = False,
    bend: float | None = None,
    subtitle: str = "",
) -> HistogramInfo:
    """The chart's data.

    Args:
        title: the tensor and its model.
        counts: values in each bin, shape (n,), n at least 1.
        edges: ascending edges of the bins, shape (n + 1,).
        grid: a per-tensor grid, or None for the bare histogram.
        span: what the grids of all channels or blocks cover together, drawn as clip lines where there is no one grid.
        log: logarithmic counts.
        bend: how the axis of values is bent, as for ``bar_edges``; None for a linear one.
        subtitle: by what, where and when it was made.
    """
    bars = _bars(np.asarray(counts), edges, grid)
    if grid is None:
        return HistogramInfo(title, subtitle, bars, (), (), 1, 0, span, None, log, bend)
    levels = grid.levels()
    number = levels.size
    step = -(-number // MOST_RULES)
    drawn = tuple(float(v) for v in levels[::step]) if number > MOST_RULES else ()
    rules = () if drawn else tuple(float(v) for v in levels)
    clip = float(grid.low), float(grid.high)
    code, text = _zero(grid, levels)
    return HistogramInfo(title, subtitle, bars, rules, drawn, step, number, clip, code, log, bend, text)


def _zero(grid: Grid, levels: NDArray[np.float32]) -> tuple[int | None, str]:
    """The code of zero and what it is called; no code if zero is no level."""
    if has_signs(grid.format):
        return 0, "zero is code 0"
    if grid.format.has_zero_point:
        return int(grid.zero_point), f"zero point {int(grid.zero_point)}"
    at = np.flatnonzero(levels == 0)
    return (int(code := grid.codes()[at[0]]), f"zero is code {int(code)}") if at.size else (None, "")


def _bars(counts: NDArray[Any], edges: NDArray[np.float64], grid: Grid | None) -> tuple[Bar, ...]:
    total = max(float(counts.sum()), 1.0)
    codes, errors, outside = _under_grid(edges, grid)
    return tuple(
        Bar(
            index=i,
            low=float(edges[i]),
            high=float(edges[i + 1]),
            count=round(float(count)),
            share=float(count) / total,
            outside=bool(outside[i]),
            codes=codes[i],
            error_rms=None if errors is None else float(errors[i]),
        )
        for i, count in enumerate(counts)
    )


def _under_grid(
    edges: NDArray[np.float64], grid: Grid | None
) -> tuple[list[str], NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Codes, RMS error and whether outside, for each bin, from probes spread evenly in it."""
    n = len(edges) - 1
    if grid is None:
        return [""] * n, None, np.zeros(n, np.bool_)
    inside = (np.arange(_PROBES) + 0.5) / _PROBES
    probes = (edges[:-1, None] + np.diff(edges)[:, None] * inside).astype(np.float32)
    codes = quantize(probes, grid)
    errors = np.sqrt(((dequantize(codes, grid).astype(np.float64) - probes) ** 2).mean(axis=1))
    stored = grid.with_signs(codes)[0] if has_signs(grid.format) else codes
    first, last = stored[:, 0], stored[:, -1]
    texts = [str(a) if a == b else f"{a} to {b}" for a, b in zip(first, last, strict=True)]
    middle = (edges[:-1] + edges[1:]) / 2
    return texts, errors, (middle < float(grid.low)) | (middle > float(grid.high))


def histogram_rows(info: HistogramInfo) -> list[dict[str, Any]]:
    """The bars as rows of a table."""
    return [
        {
            "bin_low": bar.low,
            "bin_high": bar.high,
            "count": bar.count,
            "share": bar.share,
            "outside": bar.outside,
            "codes": bar.codes,
            "error_rms": bar.error_rms,
        }
        for bar in info.bars
    ]
