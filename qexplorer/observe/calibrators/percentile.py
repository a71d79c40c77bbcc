"""A given share of the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.formats import Format
from qexplorer.core.grid import Float32, Granularity
from qexplorer.core.plugin_kinds.calibrator import Calibrator, CalibratorOptions, Range, Role, Wanted
from qexplorer.observe.rows import frozen

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = ["Percentile", "PercentileOptions"]

Float64 = NDArray[np.float64]
_FEW = 64  # of so many values the largest are found one by one; more are cheaper to sort


class PercentileOptions(CalibratorOptions):
    """How much is kept.

    Attributes:
        percentile: per cent of the values.
    """

    once_beside_all: ClassVar[frozenset[str]] = frozenset({"percentile"})

    percentile: float = Field(
        99.99,
        ge=50.0,
        le=100.0,
        title="Per cent kept",
        description="Per cent of the values that stay inside the range.",
        json_schema_extra={"step": 0.01},
    )


class Percentile(Calibrator[PercentileOptions]):
    """Clips what is rare."""

    name = "percentile"
    title = "Percentile"
    description = "Keeps a given share of the values and clips the rest, half on each side of an asymmetric grid."
    source = "Wu et al. 2020, Integer quantization for deep learning inference, section 3.3"
    options = PercentileOptions

    def refuses(self, format: Format, granularity: Granularity, role: Role) -> str | None:  # noqa: ARG002
        """A share of few values is one of them."""
        return "needs more values than a block has" if granularity is Granularity.BLOCK else None

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: PercentileOptions) -> Range:
        """Quantiles of the histogram: of the magnitudes for a symmetric grid."""
        histogram, part = stats.histogram, options.percentile / 100.0
        if wanted.symmetric:
            end = histogram.magnitude_quantile(part)
            return (-end if histogram.minimum < 0 else 0.0), (end if histogram.maximum > 0 else 0.0)
        tail = (1.0 - part) / 2.0
        return histogram.quantile(tail), histogram.quantile(1.0 - tail)

    def row_ranges(
        self,
        rows: Float32,
        block: int,  # noqa: ARG002
        wanted: Wanted,
        options: PercentileOptions,
    ) -> Float64:
        """Quantiles with linear interpolation between neighbours, from the few largest values of each row."""
        part = options.percentile / 100.0
        if wanted.symmetric:
            ends = _upper_quantile(np.abs(rows), part)
            return np.stack([-ends, ends], -1)[:, None]
        tail = 1.0 - (1.0 - part) / 2.0
        low, high = -_upper_quantile(-rows, tail), _upper_quantile(rows, tail)
        return np.stack([np.minimum(low, 0.0), np.maximum(high, 0.0)], -1)[:, None]


def _upper_quantile(rows: Float32, part: float) -> Float64:
    from qexplorer.observe.grid_kernels import rows_top

    n = rows.shape[1]
    place = (1.0 - part) * (n - 1)  # counted from the largest
    k = int(place) + 2
    if k > _FEW:
        return np.asarray(np.quantile(rows, part, axis=1), np.float64)
    top = np.empty((len(rows), min(k, n)), np.float32)
    rows_top(frozen(rows), top)
    above, below = top[:, int(place)].astype(np.float64), top[:, min(int(place) + 1, n - 1)].astype(np.float64)
    return np.asarray(above + (below - above) * (place - int(place)), np.float64)


ENTRIES = (Percentile(),)
