"""Bins of values in units of their own scales, by group."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.observe.editing.few_bins import merged_at
from qexplorer.observe.histogram import BINS, Histogram
from qexplorer.observe.rows import in_parts

__all__ = ["FEW_VALUES", "Units", "WeightedBins", "count_groups", "merged", "values_of_groups"]

FEW_VALUES = 16384
"""So many values are judged one by one: an even spread inside bins is not near enough to what so few of them do."""

Float64 = NDArray[np.float64]
_NARROW = 0.02  # outermost values further apart than that are counted as all others
_ONE = 1e-5  # and those that differ by rounding alone are one value


@dataclass(frozen=True, slots=True, eq=False)
class WeightedBins:
    """Bins whose values' squared errors count differently, ascending.

    Attributes:
        low: float64 ``(n,)``, lower edges.
        high: float64 ``(n,)``, upper edges; equal to ``low`` for bins that are one value.
        count: float64 ``(n,)``, values.
        weight: float64 ``(n,)``, sum of what the squared error of each value counts.
        alone: bool ``(n,)``, bins that are an end of the grid, and stay by themselves.
    """

    low: Float64
    high: Float64
    count: Float64
    weight: Float64
    alone: NDArray[np.bool_]

    def scaled(self, below: float, above: float) -> WeightedBins:
        """The same values times one factor below zero and another above."""
        factor = np.where(self.high > 0, above, below)
        return WeightedBins(self.low * factor, self.high * factor, self.count, self.weight, self.alone)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """In what the values of ``n`` channels or blocks are counted; the first axis is theirs.

    Attributes:
        factors: float64 ``(n, 2)``, what values below zero, and others, are multiplied by.
        weights: float64 ``(n, 2)``, what a squared error in these units counts.
        group: the group of each, ``(n,)``.
        ends: float64 ``(n, 2)``, where its outermost values lie, which are a bin by themselves if
            those of the group are near each other; NaN for none.
    """

    factors: Float64
    weights: Float64
    group: NDArray[np.intp]
    ends: Float64


def count_groups(rows: NDArray[np.float32], spans: Float64, size: int, units: Units) -> list[WeightedBins]:
    """The values of each group in units, in bins of at most 1/128 of their value.

    Args:
        rows: float32 ``(rows, n)``.
        spans: float64 ``(rows, blocks, 2)``, smallest and largest value of each.
        size: values of a row that share a scale.
        units: of ``rows * blocks`` channels or blocks.
    """
    from qexplorer.observe.editing.ratio_kernels import WINDOW, counts_in_units

    factors = units.factors.astype(np.float32)
    groups = int(units.group.max(initial=0)) + 1
    extremes = _extremes(spans.reshape(-1, 2) * factors, units.group, groups)
    ends = units.ends.copy()
    outer = np.stack([_extremes(ends[:, [side, side]], units.group, groups) for side in (0, 1)])
    near = np.abs(outer[..., 1] - outer[..., 0]) <= _NARROW * np.abs(outer).max(-1)
    ends[~near.T[units.group]] = np.nan
    single = np.abs(outer[..., 1] - outer[..., 0]) <= _ONE * np.abs(outer).max(-1)
    outer = np.where(single[..., None], outer.mean(-1, keepdims=True), outer)
    largest = np.asarray(np.abs(extremes).max(initial=0.0), np.float32)
    first = max(int(largest.view(np.uint32) >> 16) - WINDOW + 2, 0)
    laid: Any = [factors, units.weights, units.group.astype(np.int32), ends.astype(np.float32)]
    laid = [each.reshape(*spans.shape[:2], *each.shape[1:]) for each in laid]
    shape, lock = (groups, 2 * WINDOW + 2), Lock()
    counts, sums = np.zeros(shape, np.int64), np.zeros(shape)

    def count(part: slice) -> None:
        own, weighed = np.zeros(shape, np.int64), np.zeros(shape)
        factors, weights, group, outermost = (each[part] for each in laid)
        counts_in_units(rows[part], size, factors, weights, group, outermost, first, own, weighed)
        with lock:
            np.add(counts, own, out=counts)
            np.add(sums, weighed, out=sums)

    in_parts(rows.size, len(rows), count)
    places = np.concatenate([np.arange(2 * WINDOW - 1, WINDOW, -1), np.arange(WINDOW)])
    prefixes = np.where(places > WINDOW, places - WINDOW + 0x8000 + first, places + first)
    edges = _edges(np.where(places > 0, prefixes, 0))
    each = zip(counts, sums, outer.transpose(1, 0, 2), extremes, strict=True)
    return [_bins_of(own, weighed, places, edges, *ends) for own, weighed, *ends in each]


def values_of_groups(rows: NDArray[np.float32], spans: Float64, size: int, units: Units) -> list[WeightedBins]:
    """The values of each group in units, each in a bin by itself; those on an end of their channel or block are one.

    Args:
        rows: float32 ``(rows, n)``, few values.
        spans: float64 ``(rows, blocks, 2)``, smallest and largest value of each.
        size: values of a row that share a scale.
        units: of ``rows * blocks`` channels or blocks.
    """
    n = rows.shape[1]
    own = (np.arange(len(rows))[:, None] * spans.shape[1] + np.arange(n) // size).reshape(-1)
    values, side = rows.reshape(-1).astype(np.float64), (rows.reshape(-1) >= 0).astype(np.intp)
    found, weights = values * units.factors[own, side], units.weights[own, side]
    for end in units.ends.T:
        np.copyto(found, end[own], where=np.abs(found - end[own]) <= _ONE * np.abs(end[own]))
    group, out = units.group[own], []
    for k in range(int(units.group.max(initial=0)) + 1):
        at = np.flatnonzero(group == k)
        at = at[np.argsort(found[at], kind="stable")]
        own_values = found[at]
        out.append(WeightedBins(own_values, own_values, np.ones(len(at)), weights[at], np.ones(len(at), np.bool_)))
    return out


def _edges(prefixes: NDArray[np.intp]) -> tuple[Float64, Float64]:
    """The smallest and the largest value with each of these prefixes, which ascend as their values do."""
    counts = np.zeros(BINS, np.int64)
    counts[prefixes] = 1
    bins = Histogram(counts, minimum=-np.inf, maximum=np.inf).bins
    return bins.low, bins.high


def _extremes(values: Float64, group: NDArray[np.intp], groups: int) -> Float64:
    """Smallest and largest of the values ``(n, 2)`` of each group ``(groups, 2)``, NaN left out."""
    found = np.full((groups, 2), np.nan)
    np.fmin.at(found[:, 0], group, values.min(axis=1))
    np.fmax.at(found[:, 1], group, values.max(axis=1))
    return found


def _bins_of(
    counts: NDArray[np.int64],
    sums: Float64,
    places: NDArray[np.intp],
    edges: tuple[Float64, Float64],
    outer: Float64,
    extremes: Float64,
) -> WeightedBins:
    """One group's bins; those of its ends ``outer`` are as wide as these differ."""
    kept = np.flatnonzero(counts[places])
    low, high = (np.clip(edge[kept], *extremes) for edge in edges)
    last = len(counts) - 2
    some = np.flatnonzero(counts[last:])
    place = np.concatenate([places[kept], last + some])
    low, high = np.concatenate([low, outer[some, 0]]), np.concatenate([high, outer[some, 1]])
    order = np.lexsort((high, low))
    place = place[order]
    return WeightedBins(low[order], high[order], counts[place].astype(np.float64), sums[place], place >= last)


def merged(groups: list[WeightedBins], most: int) -> list[WeightedBins]:
    """The bins of all groups put together until about ``most`` are left in all, so that little changes."""
    sizes = [len(each.low) for each in groups]
    fields = ("low", "high", "count", "weight", "alone")
    low, high, count, weight, alone = (np.concatenate([getattr(g, name) for g in groups]) for name in fields)
    if not len(count):
        return groups
    begin = np.cumsum([0, *sizes[:-1]])[np.asarray(sizes) > 0]
    apart = alone.copy()
    apart[begin] = True
    apart[1:] |= alone[:-1]
    starts = merged_at(low, high, weight, most, apart)
    ends = np.append(starts[1:], len(count)) - 1
    parts = (low[starts], high[ends], np.add.reduceat(count, starts), np.add.reduceat(weight, starts), alone[starts])
    cuts = np.searchsorted(starts, np.cumsum(sizes[:-1]))
    return [WeightedBins(*own) for own in zip(*(np.split(part, cuts) for part in parts), strict=True)]
