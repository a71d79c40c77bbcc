"""The least squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions, Range, Wanted, WithoutOptions
from qexplorer.observe.calibrators.least_squares import least_squares, least_squares_of_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qexplorer.observe.stats import TensorStats

__all__ = ["LeastSquares"]


class LeastSquares(WithoutOptions):
    """Weighs rounding against clipping."""

    name = "mse"
    title = "Mean squared error"
    description = "The range with the least squared error, rounding and clipping together."
    source = "Choukroun et al. 2019, Low-bit quantization of neural networks for efficient inference"

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: CalibratorOptions) -> Range:  # noqa: ARG002
        """The search over the tensor's histogram."""
        return least_squares(stats.histogram, wanted)

    def row_ranges(
        self,
        rows: Float32,
        block: int,
        wanted: Wanted,
        options: CalibratorOptions,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """The search over the values of each channel or block themselves."""
        return least_squares_of_rows(rows, block, wanted)


ENTRIES = (LeastSquares(),)
