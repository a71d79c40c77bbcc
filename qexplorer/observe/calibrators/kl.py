"""The least Kullback-Leibler divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.formats import Format
from qexplorer.core.grid import Float32, Granularity
from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions, Range, Role, Wanted, WithoutOptions
from qexplorer.observe.calibrators.divergence import least_divergence, least_divergence_of_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qexplorer.observe.stats import TensorStats

__all__ = ["Divergence"]


class Divergence(WithoutOptions):
    """Keeps the shape of the distribution."""

    name = "kl"
    title = "KL divergence"
    description = "The range whose quantized distribution diverges least from the real one, zeros left aside."
    source = "Migacz 2017, 8-bit inference with TensorRT"

    def refuses(self, format: Format, granularity: Granularity, role: Role) -> str | None:  # noqa: ARG002
        """A few values have no distribution, and the search shifts a range over equal steps."""
        if not format.is_uniform:
            return f"needs evenly spaced levels, and those of {format.name} are not"
        return "needs more values than a block has" if granularity is Granularity.BLOCK else None

    def tensor_range(self, stats: TensorStats, wanted: Wanted, options: CalibratorOptions) -> Range:  # noqa: ARG002
        """The search over the tensor's histogram."""
        return least_divergence(stats.histogram, wanted)

    def row_ranges(
        self,
        rows: Float32,
        block: int,  # noqa: ARG002
        wanted: Wanted,
        options: CalibratorOptions,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """The search over a histogram of each channel's magnitudes."""
        return least_divergence_of_rows(rows, wanted)[:, None]


ENTRIES = (Divergence(),)
