"""The moving average of per-sample ranges, kept so that two averages can be joined exactly.

``v`` starts at the first sample's range and then moves by ``v = (1 - c) v + c x`` with each further sample (Jacob et
al. 2018, section 3.1; c = 0.01 as in PyTorch and ONNX Runtime). It is an average over samples, not over batches, so
the batch size has no influence on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOMENTUM", "MovingRange"]

MOMENTUM = 0.01


@dataclass(frozen=True, slots=True)
class MovingRange:
    """The moving average of ranges over ``count`` samples, in the order they came.

    Attributes:
        count: samples seen.
        first_low: lower end of the first sample's range.
        first_high: its upper end.
        low: average of the lower ends.
        high: average of the upper ends.
    """

    count: int = 0
    first_low: float = 0.0
    first_high: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def then(self, later: MovingRange) -> MovingRange:
        """The average over these samples followed by ``later``'s: exactly what one pass would have given.

        The later average started at its own first sample; that start is taken out and this average put in its place.
        """
        if not self.count or not later.count:
            return later if later.count else self
        kept = (1.0 - MOMENTUM) ** later.count
        low = later.low + kept * (self.low - later.first_low)
        high = later.high + kept * (self.high - later.first_high)
        return MovingRange(self.count + later.count, self.first_low, self.first_high, low, high)

    @classmethod
    def of(cls, low: NDArray[np.floating], high: NDArray[np.floating]) -> MovingRange:
        """The average over samples with the ranges ``low`` and ``high``, each ``(n,)``; samples with no finite value
        (reversed ranges) are left out."""
        seen = low <= high
        low, high = low[seen].astype(np.float64), high[seen].astype(np.float64)
        n = len(low)
        if not n:
            return cls()
        weight = MOMENTUM * (1.0 - MOMENTUM) ** np.arange(n - 1, -1, -1)
        weight[0] /= MOMENTUM
        return cls(n, float(low[0]), float(high[0]), float(low @ weight), float(high @ weight))
