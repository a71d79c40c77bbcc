"""Codebooks: levels that are learned from the weight itself, and stored with it.

Values are divided by their scale (of the tensor, the channel or the block), and one set of levels is learned for the
whole weight. No calibrator clips them: a level goes where values are. A file has the levels of each weight as float32,
and sizes count them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from qexplorer.core.formats.lloyd import Sorted, kmeans, lloyd_max, outlier_weights
from qexplorer.core.formats.protocol import Float32
from qexplorer.core.formats.table import TableFormat

__all__ = ["Codebook"]


@dataclass(frozen=True, slots=True)
class Codebook(TableFormat):
    """As many levels as codes, wherever they have the least squared error.

    Attributes:
        width: bits of a code.
        method: ``kmeans`` from the best cut, ``lloyd`` from evenly spaced levels, or ``outliers``: k-means in which
            values beyond three standard deviations count more.
        learned: whether the levels are those of a weight; before that they are evenly spaced.
    """

    width: int = 4
    method: Literal["kmeans", "lloyd", "outliers"] = "kmeans"
    learned: bool = False

    learns: ClassVar[bool] = True

    @property
    def bits(self) -> int:
        """As many as were asked for, also where a weight has fewer values than that."""
        return self.width

    def levels(self) -> Float32 | None:
        """Those that were learned; None before."""
        return self.table.levels if self.learned else None

    def learn(self, values: Float32) -> Codebook:
        """The codebook of ``values`` of any shape, divided by their scales; this one where they are all alike."""
        x = np.asarray(values, np.float64).reshape(-1)
        weights = outlier_weights(x) if self.method == "outliers" and x.size else None
        if not x.size or x.min() == x.max():
            return replace(self, learned=True)
        data = Sorted.of(x, weights)
        found = (lloyd_max if self.method == "lloyd" else kmeans)(data, 2**self.width)
        levels = np.unique(found.astype(np.float32))
        return self.with_levels(levels) if levels.size > 1 else replace(self, learned=True)

    def with_levels(self, levels: Float32) -> Codebook:
        """The codebook with these levels, ascending."""
        return replace(self, values=tuple(map(float, levels)), learned=True)

    def packed_bytes(self, values: int, scales: int) -> int:
        """Codes, scales, and a float32 for each level."""
        return TableFormat.packed_bytes(self, values, scales) + 4 * (1 << self.width)


def _even(bits: int) -> tuple[float, ...]:
    return tuple(map(float, np.linspace(-1.0, 1.0, 2**bits, dtype=np.float32)))


ENTRIES = (
    Codebook("codebook", _even(4), {"codebook": "4-bit codes of levels learned by k-means, weights only"}),
    Codebook("codebook3", _even(3), {"codebook3": "3-bit codes of learned levels, weights only"}, width=3),
    Codebook("codebook2", _even(2), {"codebook2": "2-bit codes of learned levels, weights only"}, width=2),
    Codebook("codebook_lloyd", _even(4), method="lloyd"),
    Codebook("codebook_outlier", _even(4), method="outliers"),
)
