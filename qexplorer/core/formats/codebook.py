"""Codebooks: levels that are learned from the weight itself, and stored with it.

Values are divided by their scale (of the tensor, the channel or the block). Per channel each channel has levels of its
own, with its scale in them (Kim et al. 2024, SqueezeLLM: Dense-and-sparse quantization, section 4, has them so), where
its codes take at least as many bytes as they do; shorter channels, tensors and blocks share one set. No calibrator
clips them: a level goes where values are. A file has levels as float32, and sizes count them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from qexplorer.core.formats.learning.lloyd import Sorted, kmeans, lloyd_max, outlier_weights
from qexplorer.core.formats.levels import LevelRows
from qexplorer.core.formats.protocol import Float32, Float64
from qexplorer.core.formats.table import TableFormat

__all__ = ["Codebook"]


@dataclass(frozen=True, slots=True)
class Codebook(TableFormat):
    """As many levels as codes, wherever they have the least squared error.

    Attributes:
        width: bits of a code.
        method: ``kmeans`` from the best cut, ``lloyd`` from evenly spaced levels, or ``outliers``: k-means in which
            values beyond three standard deviations count more.
        shared: whether all channels have the same levels, however long they are.
        learned: whether the levels are those of a weight; before that they are evenly spaced.
    """

    width: int = 4
    method: Literal["kmeans", "lloyd", "outliers"] = "kmeans"
    shared: bool = False
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
        """The codebook that all ``values`` share, of any shape and divided by their scales."""
        x = np.asarray(values, np.float64).reshape(-1)
        return self.with_levels(self._found(x)) if x.size else replace(self, learned=True)

    def learn_rows(self, values: Float32) -> LevelRows | None:
        """Levels for each row ``(C, n)``, divided by its scale; None for one row, short ones, and where all share."""
        rows, n = values.shape
        if self.shared or rows < 2 or n * self.width < 8 * self._book_bytes:
            return None
        return LevelRows.of([self._found(row) for row in values.astype(np.float64)])

    def _found(self, x: Float64) -> Float32:
        weights = outlier_weights(x) if self.method == "outliers" else None
        data = Sorted.of(x, weights)
        found = (lloyd_max if self.method == "lloyd" else kmeans)(data, 2**self.width)
        levels = np.unique(found.astype(np.float32))
        return levels if levels.size > 1 else np.unique(np.array([0.0, levels[0] or 1.0], np.float32))

    @property
    def _book_bytes(self) -> int:
        """Of one set of levels."""
        return 4 * (len(self.values) if self.learned else 1 << self.width)

    def with_levels(self, levels: Float32) -> Codebook:
        """The codebook with these levels, ascending."""
        return replace(self, values=tuple(map(float, levels)), learned=True)

    def packed_bytes(self, values: int, scales: int) -> int:
        """Codes, scales, and a float32 for each level."""
        return TableFormat.packed_bytes(self, values, scales) + self._book_bytes


def _even(bits: int) -> tuple[float, ...]:
    return tuple(map(float, np.linspace(-1.0, 1.0, 2**bits, dtype=np.float32)))


ENTRIES = (
    Codebook("codebook", _even(4), {"codebook": "4-bit codes of levels learned by each channel, weights"}),
    Codebook("codebook3", _even(3), {"codebook3": "3-bit codes of levels learned by each channel, weights"}, width=3),
    Codebook("codebook2", _even(2), {"codebook2": "2-bit codes of levels learned by each channel, weights"}, width=2),
    Codebook("codebook_shared", _even(4), shared=True),
    Codebook("codebook_lloyd", _even(4), method="lloyd"),
    Codebook("codebook_outlier", _even(4), method="outliers"),
)
