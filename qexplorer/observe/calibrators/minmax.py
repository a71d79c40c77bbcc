"""Min-max: the whole range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions, Range, Wanted, WithoutOptions
from qexplorer.observe.calibrators.spans import row_spans

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qexplorer.observe.stats import TensorStats

__all__ = ["MinMax"]


class MinMax(WithoutOptions):
    """Clips nothing."""

    name = "minmax"
    title = "Min-max"
    description = "The smallest and largest value seen: nothing is clipped, and one outlier makes every step coarse."
    source = "Jacob et al. 2018, section 2.1"

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: CalibratorOptions) -> Range:  # noqa: ARG002
        """Smallest and largest value."""
        return stats.histogram.minimum, stats.histogram.maximum

    def row_ranges(
        self,
        rows: Float32,
        block: int,
        wanted: Wanted,  # noqa: ARG002
        options: CalibratorOptions,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Smallest and largest value of each channel or block."""
        return row_spans(rows, block)


ENTRIES = (MinMax(),)
