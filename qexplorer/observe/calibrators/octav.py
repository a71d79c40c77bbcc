"""The clipping that is best for the squared error, by a fixed point instead of a search.

With values dense beside the steps the error of a bound ``s`` is, where ``n`` steps cover the width ``w`` of the range
and exact zeros have none, ``w^2 / (12 n^2) P(|x| <= s) + E[(|x| - s)^2; |x| > s]``. Setting the derivative to zero
gives the next bound: ``s <- (E[|x|; |x| > s] - c m h) / (P(|x| > s) + c^2 h)``, ``h = P(0 < |x| <= s) / (12 n^2)``,
where ``c`` ends lie at the bound and ``m`` is how far the others reach, so that ``w = c s + m``. Of a symmetric grid
``c = 2`` and ``m = 0``, which is equation 6 of the paper with n = 2^B; here n is what the grid has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.formats import Format
from qexplorer.core.grid import Float32, Granularity
from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions, Range, Role, Wanted, WithoutOptions
from qexplorer.observe.calibrators.spans import row_spans
from qexplorer.observe.rows import in_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qexplorer.observe.histogram import Histogram
    from qexplorer.observe.stats import TensorStats

__all__ = ["Octav"]

_STEPS = 50
_SETTLED = 1e-6


class Octav(WithoutOptions):
    """Newton's method on the derivative of the error."""

    name = "octav"
    title = "OCTAV"
    description = "The clipping with the least squared error by a fixed-point iteration: near MSE, and much cheaper."
    source = (
        "Sakr et al. 2022, Optimal clipping and magnitude-aware differentiation for improved quantization-aware "
        "training"
    )

    def refuses(self, format: Format, granularity: Granularity, role: Role) -> str | None:  # noqa: ARG002
        """The error of rounding is told from the number of equal steps."""
        return None if format.is_uniform else f"needs evenly spaced levels, and those of {format.name} are not"

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: CalibratorOptions) -> Range:  # noqa: ARG002
        """The fixed point on the tensor's histogram."""
        histogram = stats.histogram
        low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
        if low == high:
            return low, high
        ends = (max(-low, high),) * 2 if wanted.symmetric else (-low, high)
        bound = _fixed_point(histogram, ends, wanted.steps)
        return max(low, -bound), min(high, bound)

    def row_ranges(
        self,
        rows: Float32,
        block: int,
        wanted: Wanted,
        options: CalibratorOptions,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """The fixed point on the values of each channel or block."""
        from qexplorer.observe.few_kernels import rows_fixed_point

        ranges = row_spans(rows, block)
        if wanted.symmetric:
            ends = np.maximum(-ranges[..., 0], ranges[..., 1])
            ranges = np.stack([-ends, ends], -1)
        steps = float(wanted.steps)
        in_parts(rows.size, len(rows), lambda part: rows_fixed_point(rows[part], block, ranges[part], steps))
        return ranges


def _fixed_point(histogram: Histogram, ends: tuple[float, float], steps: int) -> float:
    """The bound on both magnitudes ``ends``; beyond the larger one nothing is clipped."""
    bins = histogram.bins.folded()
    held = bins.high > 0
    low, high, count = bins.low[held], bins.high[held], bins.count[held]
    width = np.where(high > low, high - low, 1.0)
    total = float((count * (low + high)).sum() / 2)
    bound = total / max(float(count.sum()), 1.0)
    for _ in range(_STEPS):
        part = np.where(high > low, np.clip((high - bound) / width, 0.0, 1.0), high > bound)  # of each bin beyond it
        beyond = count * part
        sums = beyond * np.where(part < 1.0, (np.maximum(low, bound) + high) / 2, (low + high) / 2)
        fixed = [end for end in ends if end < bound]
        cut = 2 - len(fixed)
        share = float((count - beyond).sum()) / (12.0 * steps * steps)
        below = float(beyond.sum()) + cut * cut * share
        following = (float(sums.sum()) - cut * sum(fixed) * share) / below if below > 0 else bound
        following = min(max(following, 0.0), max(ends))
        if abs(following - bound) <= _SETTLED * bound:
            break
        bound = following
    return bound


ENTRIES = (Octav(),)
