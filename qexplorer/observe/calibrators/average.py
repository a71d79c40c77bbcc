"""Moving average of each sample's range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.calibrator import Calibrator, CalibratorOptions, Range, Role, Wanted
from qexplorer.observe.calibrators.spans import row_spans

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qexplorer.observe.stats import TensorStats

__all__ = ["MovingAverage"]


class MovingAverage(Calibrator[CalibratorOptions]):
    """Follows the samples; a weight is one sample."""

    name = "average"
    title = "Moving average"
    description = "Moving average of each sample's smallest and largest value: rare extremes count little."
    source = "Jacob et al. 2018, section 3.1"
    options = CalibratorOptions

    def adds_nothing(self, role: Role) -> str | None:
        """A weight has no samples to average over."""
        return "a weight is seen once, so its average is its smallest and largest value" if role == "weight" else None

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: CalibratorOptions) -> Range:  # noqa: ARG002
        """The average that was kept while the samples passed."""
        return stats.average

    def row_ranges(
        self,
        rows: Float32,
        block: int,
        wanted: Wanted,  # noqa: ARG002
        options: CalibratorOptions,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Smallest and largest value of each channel or block: the average of one sample."""
        return row_spans(rows, block)


ENTRIES = (MovingAverage(),)
