"""Levels learned from values: the iteration of Lloyd and Max, which in one dimension is k-means.

Each value goes to the nearest level, each level moves to the (weighted) mean of its values, until no value changes its
level. That ends at an optimum near the start, so where it starts is what the two methods differ in:

- ``lloyd_max`` starts from evenly spaced levels. (Lloyd 1982, Least squares quantization in PCM; Max 1960, Quantizing
  for minimum distortion)
- ``kmeans`` starts from the best cut of all: values are put into at most 512 groups of neighbours, and dynamic
  programming finds the intervals of groups with the least error. Up to 512 values that is the optimum itself. (Wang and
  Song 2011, Ckmeans.1d.dp: Optimal k-means clustering in one dimension by dynamic programming)

Values are sorted once: a step costs a search for the borders among them, whatever their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats.protocol import Float64

__all__ = ["Sorted", "kmeans", "lloyd_max", "outlier_weights"]

_STEPS = 1000
_GROUPS = 512
_MOST = 2**20
_BEYOND = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """Values in order, with running sums of weights, of weighted values and of weighted squares, ``(n + 1,)`` each."""

    values: Float64
    weights: Float64
    sums: Float64
    squares: Float64

    @classmethod
    def of(cls, values: Float64, weights: Float64 | None = None) -> Sorted:
        """Sorts finite ``values`` ``(n,)``; each counts ``weights`` times, once by default. Of more than a million
        every k-th is taken."""
        step = max(-(-values.size // _MOST), 1)
        values, weights = values[::step], None if weights is None else weights[::step]
        order = np.argsort(values, kind="stable")
        x = values[order].astype(np.float64)
        w = np.ones_like(x) if weights is None else weights[order].astype(np.float64)
        running = (np.concatenate([[0.0], np.cumsum(part)]) for part in (w, w * x, w * x * x))
        return cls(x, *running)

    def settle(self, levels: Float64) -> Float64:
        """Where the iteration from ``levels`` ends; levels that no value goes to are left out."""
        from qexplorer.core.formats.learning.loops import settled

        found: Float64 = settled(self.values, self.weights, self.sums, np.array(levels, np.float64), _STEPS)
        return found

    def groups(self) -> NDArray[np.intp]:
        """Places that cut the values into groups: half of them hold equally many, half are equally wide."""
        n = self.values.size
        if n <= _GROUPS:
            return np.arange(n + 1)
        wide = np.linspace(self.values[0], self.values[-1], _GROUPS // 2)
        return np.unique(
            np.concatenate([np.linspace(0, n, _GROUPS // 2).astype(int), np.searchsorted(self.values, wide)])
        )


def lloyd_max(data: Sorted, count: int) -> Float64:
    """From ``count`` levels in the middle of as many equal parts of the range."""
    low, high = float(data.values[0]), float(data.values[-1])
    return data.settle(low + (high - low) * (np.arange(count) + 0.5) / count)


def kmeans(data: Sorted, count: int) -> Float64:
    """From the best cut of the values' groups into ``count`` intervals."""
    from qexplorer.core.formats.learning.loops import best_cut

    cuts = data.groups()
    w, s, q = (part[cuts] for part in (data.weights, data.sums, data.squares))
    places = np.unique(best_cut(w, s, q, count))
    return data.settle(np.diff(s[places]) / np.diff(w[places]))


def outlier_weights(values: Float64) -> Float64:
    """How often each value counts: once within three standard deviations, beyond by the square of its distance in
    them, so that rare large values get levels of their own."""
    spread = float(values.std()) or 1.0
    return np.asarray(np.maximum(1.0, np.abs(values) / (_BEYOND * spread)) ** 2)
