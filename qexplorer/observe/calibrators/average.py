"""Moving average of each sample's range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions, Range, Role, Wanted
from qexplorer.observe.calibrators.minmax import MinMax

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = ["MovingAverage"]


class MovingAverage(MinMax):
    """Follows the samples; a weight is one sample, whose average is its smallest and largest value."""

    name = "average"
    title = "Moving average"
    description = "Moving average of each sample's smallest and largest value: rare extremes count little."
    source = "Jacob et al. 2018, section 3.1"

    def adds_nothing(self, role: Role) -> str | None:
        """A weight has no samples to average over."""
        return "a weight is seen once, so its average is its smallest and largest value" if role == "weight" else None

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: CalibratorOptions) -> Range:  # noqa: ARG002
        """The average that was kept while the samples passed."""
        return stats.average


ENTRIES = (MovingAverage(),)
