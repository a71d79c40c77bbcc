"""All channels, or all blocks, of a weight judged at once, each in units of its own scale.

Where every range is the same share of its channel's own (the calibrator ``ratio``), scales keep their proportions
whatever that share is. In units of the scale at share 1 a value ``x`` is ``x / s``, the grid is the same for all, and a
squared error there counts ``s**2``: one histogram judges all channels at once, at every share.

A few thousand values are judged one by one, on every grid, and only their picture is of bins.

1. Where scales have either sign, channels are turned so that their farthest value is above zero.
2. Asymmetric grids differ in where their codes end, because the zero point does not follow the share. Channels are
   grouped by it. Where there are many zero points the steps are fine, and the error is put together from parts: as if
   nothing were clipped, and what lies beyond the share of its own range, by distance in units of that range. Such a
   value loses its rounding error, ``step**2 / 12``, and the end is half a step or less from the share, which costs as
   much.
3. Scales that are powers of two do not follow the share: each goes down by an octave at a share of its own. Groups near
   each other in that share are judged at every octave beforehand.
4. Scales that are small floats times one of the tensor (NVFP4) follow the share, because that one does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Format
from qexplorer.core.formats.uniform import has_signs
from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.observe.editing.ratio_counting import (
    FEW_VALUES,
    Units,
    WeightedBins,
    count_groups,
    merged,
    values_of_groups,
)
from qexplorer.observe.editing.ratio_error import error_at
from qexplorer.observe.editing.scale_rule import ScaleRule, scale_rule
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.tensor_grid import rows_of, spans_of

__all__ = ["OCTAVES", "Octaves", "RatioBins", "Tails", "ratio_bins", "why_not_together"]

Float64 = NDArray[np.float64]
OCTAVES = 8
"""How many octaves a scale can go down at the smallest share, 0.01, with the one at share 1."""

_MOST = 4096  # bins of all groups together
_BARS = 1024
_ZEROS = 8  # zero points that are judged each by itself; all of a grid of few levels
_FEW = 32
_MANY = 8192  # channels or blocks from which on 64 groups are as good as one for each
_TRIED = (0.83, 0.31)  # shares at which the rule is tried on the ranges themselves
_SAMPLE = 4096
_ALIKE = 0.999  # a tie may be rounded either way


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """What lies near the ends, as shares of the range on its side of zero.

    Attributes:
        bins: by share; a squared distance counts their weight.
        steps: float64 ``(n,)``, what a squared error in steps of the grid at share 1 counts.
    """

    bins: WeightedBins
    steps: Float64


@dataclass(frozen=True, slots=True, eq=False)
class Octaves:
    """Channels or blocks grouped by the share at which their scale goes down an octave.

    Attributes:
        above: float64 ``(groups, 2)``: of each group the least and the most that a range asks for, in octaves above the
            widest range with the same scale (-1 to 0).
        errors: float64 ``(groups, OCTAVES, 3)``: rounding error, clipping error and values clipped with scales so many
            octaves below those at share 1.
        open: whether the widest range itself has the next scale already.
    """

    above: Float64
    errors: Float64
    open: bool


@dataclass(frozen=True, slots=True, eq=False)
class RatioBins:
    """What judges all channels or blocks of a weight at any share of their ranges.

    Attributes:
        bars: values as shares of the end of their channel's range at share 1.
        ends: of the grid there, at share 1.
        groups: of channels whose grids are alike in units of their scales, with the ends of the grid at share 1; none
            where scales are powers of two.
        tails: what lies near the ends where there are more zero points than groups; then the ends of the one group are
            infinite.
        octaves: where scales are powers of two.
        unit: what all weights and errors are divided by.
        spans: float64 ``(rows, blocks, 2)``, smallest and largest value of each, zero within.
        scales: float32 ``(rows, blocks)``, each one's scale at share 1.
    """

    bars: WeightedBins
    ends: tuple[float, float]
    groups: tuple[tuple[WeightedBins, tuple[float, float]], ...]
    tails: Tails | None
    octaves: Octaves | None
    unit: float
    spans: Float64
    scales: NDArray[np.float32]

    def shares(self, scales: NDArray[np.float32]) -> Float64:
        """The share of its whole range that each channel or block has under other scales ``(rows, blocks)``, of those
        that hold more than zeros."""
        some = (self.spans != 0).any(-1)
        return np.asarray(scales[some].astype(np.float64) / self.scales[some], np.float64)


def why_not_together(format: Format, granularity: str) -> str | None:
    """Why one share cannot be dragged for all channels or blocks in this format; None if nothing is against it."""
    if format.learns:
        return f"No share to drag: learned levels go where the values of each {granularity} are, whatever its range."
    if format.reach(np.ones(2)) is not None:
        return f"No share to drag: {format.name} has a rule of its own for the levels of each {granularity}."
    return None


def ratio_bins(
    stats: TensorStats, format: Format, *, symmetric: bool, axis: int, block: int | None
) -> RatioBins | None:
    """The values of a weight in units of the scales that min-max gives each channel or block.

    Args:
        stats: of a weight with values.
        format: one that :func:`why_not_together` has nothing against.
        symmetric: zero point in the middle.
        axis: of the channels, or along which blocks run.
        block: values that share a scale; None per channel.

    Returns:
        None where the scales of the format do not follow one share of all ranges.
    """
    rows = rows_of(stats, axis, block is not None)
    size, symmetric = block or rows.shape[1], symmetric or not format.has_zero_point
    spans = spans_of(stats, axis, block)
    ranges, rule = spans.reshape(-1, 2), scale_rule(format, symmetric=symmetric)
    grid = grid_from_range(ranges[:, 0], ranges[:, 1], format, symmetric=symmetric)
    if rule is None or (rule.series and not symmetric) or not _follows(grid, rule, ranges, symmetric):
        return None
    signs = symmetric and has_signs(format)
    turned = np.where((grid.zero_point == 0)[:, None] & signs, -1.0, 1.0)
    scale = grid.scale.astype(np.float64)[:, None]
    some, ends = (ranges != 0).any(1, keepdims=True), _ends(grid, symmetric)
    unit = float(np.square(scale[some]).max(initial=0.0)) or 1.0
    weights = np.where(some, np.square(scale) / unit, 0.0) * np.ones(2)
    whole = _RatioParts(rows, spans, size, ends, turned / scale * np.ones(2), weights)
    octaves: Octaves | None = None
    groups: list[tuple[WeightedBins, tuple[float, float]]] = []
    tails: Tails | None = None
    if rule.series is not None:
        octaves = _octaves(whole, rule, format)
    elif not (symmetric or whole.few) and len(np.unique(grid.zero_point)) > _ZEROS and grid.qmax - grid.qmin > _FEW:
        groups, tails = _in_parts(whole)
    else:
        zero = np.zeros_like(grid.zero_point) if signs else grid.zero_point
        groups = _by_zero_point(whole, zero)
    bars = _bars(whole, symmetric and rule.series is None, [each for each, _ in groups])
    low, high = ends[0] / np.abs(ends[0]).max() if symmetric else (-1.0, 1.0)
    own = grid.scale.reshape(spans.shape[:2])
    return RatioBins(bars, (float(low), float(high)), tuple(groups), tails, octaves, unit, spans, own)


@dataclass(frozen=True, slots=True, eq=False)
class _RatioParts:
    """All channels or blocks: their values, ranges, ends of their grids, factors and weights in units of the scale."""

    rows: NDArray[np.float32]
    spans: Float64
    size: int
    ends: Float64
    factors: Float64
    weights: Float64

    def counted(
        self, factors: Float64, weights: Float64, group: NDArray[np.intp], *, apart: bool = True
    ) -> list[WeightedBins]:
        """The values in these units, by group; the outermost of each channel or block ``apart`` from others."""
        ends = np.sort(self.spans.reshape(-1, 2) * factors, axis=1)
        if self.mirrored:
            ends = np.abs(ends).max(axis=1, keepdims=True) * np.array([-1.0, 1.0])
        ends[(ends == 0) | (not apart)] = np.nan
        return count_groups(self.rows, self.spans, self.size, Units(factors, weights, group, ends))

    def grouped(self, group: NDArray[np.intp]) -> list[WeightedBins]:
        """The values in units of the scale, by group: few as they are, many in bins of at most 1/128 of a value."""
        if not self.few:
            return self.counted(self.factors, self.weights, group)
        units = Units(self.factors, self.weights, group, self.ends)
        return values_of_groups(self.rows, self.spans, self.size, units)

    @property
    def few(self) -> bool:
        """Whether values are judged one by one."""
        return self.rows.size <= FEW_VALUES

    @property
    def mirrored(self) -> bool:
        """Whether all grids are alike, so that both sides of a range count as its farther one."""
        return bool((self.ends == self.ends[0]).all())


def _by_zero_point(whole: _RatioParts, zero: NDArray[np.int32]) -> list[tuple[WeightedBins, tuple[float, float]]]:
    _, index, group = np.unique(zero, return_index=True, return_inverse=True)
    ends = whole.ends[index]
    found = whole.grouped(group.reshape(-1))
    found = found if whole.few else merged(found, _MOST)
    return [(bins, (float(low), float(high))) for bins, (low, high) in zip(found, ends, strict=True)]


def _in_parts(whole: _RatioParts) -> tuple[list[tuple[WeightedBins, tuple[float, float]]], Tails]:
    """Rounding without ends, and what lies near them."""
    one = np.zeros(len(whole.ends), np.intp)
    (bins,) = merged(whole.counted(whole.factors, whole.weights, one, apart=False), _MOST // 2)
    reach = np.abs(whole.spans.reshape(-1, 2) * whole.factors)
    reach = np.where(reach > 0, reach, np.inf)
    (near,) = whole.counted(whole.factors / reach, whole.weights * np.where(np.isfinite(reach), reach, 0) ** 2, one)
    (steps,) = whole.counted(whole.factors / reach, np.where(np.isfinite(reach), whole.weights, 0.0), one)
    return [(bins, (-np.inf, np.inf))], Tails(*_merged_alike(near, steps.weight, _MOST // 2))


def _merged_alike(bins: WeightedBins, more: Float64, most: int) -> tuple[WeightedBins, Float64]:
    """Bins put together, and a second weight of each."""
    (found,) = merged([bins], most)
    upto = np.concatenate([[0.0], np.cumsum(more)])
    starts = np.searchsorted(bins.low, found.low, side="left")
    return found, np.diff(np.append(upto[starts], upto[-1]))


def _octaves(whole: _RatioParts, rule: ScaleRule, format: Format) -> Octaves:
    """The error of each group at every octave, from its bins as they are."""
    assert rule.series is not None
    wanted = rule.wanted(*whole.spans.reshape(-1, 2).T)
    above = rule.series.octaves(np.where(wanted > 0, wanted, rule.series.reach))[1]
    group, n = np.empty(len(above), np.intp), len(above)
    most = next(groups for upto, groups in ((512, n), (_MANY, 256), (n, 64)) if n <= upto)
    group[np.argsort(above, kind="stable")] = np.arange(n) * most // n
    bounds = np.stack([np.full(most, np.inf), np.full(most, -np.inf)], 1)
    np.minimum.at(bounds[:, 0], group, above)
    np.maximum.at(bounds[:, 1], group, above)
    errors = np.zeros((most, OCTAVES, 3))
    for k, bins in enumerate(whole.grouped(group)):
        for octave in range(OCTAVES):
            errors[k, octave] = error_at(bins, format, whole.ends[0] * 2.0**-octave, 2.0**-octave)
    return Octaves(bounds, errors, rule.series.open)


def _bars(whole: _RatioParts, mirrored: bool, groups: list[WeightedBins]) -> WeightedBins:
    """Values as shares of the farthest end of a mirrored grid, else of what its channel reaches on its side."""
    if mirrored and len(groups) == 1 and not whole.few:
        share = 1.0 / float(np.abs(whole.ends[0]).max())
        return merged([groups[0].scaled(share, share)], _BARS)[0]
    reach = np.abs(whole.spans.reshape(-1, 2))
    if whole.mirrored:
        reach = np.repeat(reach.max(1, keepdims=True), 2, axis=1)
    factors = np.sign(whole.factors) / np.where(reach > 0, reach, np.inf)
    ones = np.ones_like(factors)
    (bins,) = whole.counted(factors, ones, np.zeros(len(factors), np.intp))
    return merged([bins], _BARS)[0]


def _follows(grid: Grid, rule: ScaleRule, ranges: Float64, symmetric: bool) -> bool:
    """Whether scales of smaller shares are what the rule says, on some of the ranges with the widest among them."""
    widest = int(np.abs(ranges).max(axis=1).argmax())
    some = np.append(np.linspace(0, len(ranges) - 1, min(len(ranges), _SAMPLE)).astype(np.intp), widest)
    some = some[(ranges[some] != 0).any(1)]
    for share in _TRIED:
        low, high = share * ranges[some].T
        found = grid_from_range(low, high, grid.format, symmetric=symmetric).scale
        told = share * grid.scale[some] if rule.series is None else rule.scales(low, high)
        if len(some) and np.isclose(found, told, rtol=1e-5, atol=0.0).mean() < _ALIKE:
            return False
    return True


def _ends(grid: Grid, symmetric: bool) -> Float64:
    """Both ends of each grid in units of its scale ``(n, 2)``; with scales of either sign the farther is above."""
    table = grid.format.table
    if table is not None:
        return np.tile([float(table.levels[0]), float(table.levels[-1])], (len(grid.scale), 1))
    if symmetric and has_signs(grid.format):
        return np.tile([-float(grid.qmax), -float(grid.qmin)], (len(grid.scale), 1))
    return np.array([grid.qmin, grid.qmax], np.float64) - grid.zero_point[:, None]
