"""One share of every range: of the tensor's, of each channel's, of each block's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.calibrator import Calibrator, CalibratorOptions, Range, Wanted
from qexplorer.observe.calibrators.spans import row_spans

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qexplorer.observe.stats import TensorStats

__all__ = ["ClipRatio", "ClipRatioOptions"]


class ClipRatioOptions(CalibratorOptions):
    """How much of the range is kept.

    Attributes:
        ratio: share of the smallest and of the largest value; 1 is min-max.
    """

    ratio: float = Field(
        0.9,
        ge=0.01,
        le=1.0,
        title="Share of the range",
        description="Both ends are this share of the smallest and the largest value; 1 clips nothing.",
        json_schema_extra={"step": 0.01},
    )


class ClipRatio(Calibrator[ClipRatioOptions]):
    """Clips every channel or block by the same factor."""

    name = "ratio"
    title = "Clip ratio"
    description = "The same share of every range: one number to turn, whatever the scales of channels or blocks are."
    source = "Ashkboos et al. 2024, QuaRot: Outlier-free 4-bit inference in rotated LLMs, whose ratio is 0.9"
    options = ClipRatioOptions

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: ClipRatioOptions) -> Range:  # noqa: ARG002
        """The share of the smallest and of the largest value."""
        return options.ratio * stats.histogram.minimum, options.ratio * stats.histogram.maximum

    def row_ranges(
        self,
        rows: Float32,
        block: int,
        wanted: Wanted,  # noqa: ARG002
        options: ClipRatioOptions,
    ) -> NDArray[np.float64]:
        """The share of both ends of each channel or block."""
        return options.ratio * row_spans(rows, block)


ENTRIES = (ClipRatio(),)
