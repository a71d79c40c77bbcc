"""Compiles every inner loop once and keeps it on disk: ``python -m qexplorer.observe.warm``, after an installation.

Without it each loop is compiled when it is first used: about 2 s once on the way to the first calibration, 5 s in all.
"""

from __future__ import annotations

import numpy as np

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator_choice import short_calibrators
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.collecting.accumulate import Accumulator, ChannelLayout
from qexplorer.observe.editing.ratio_bins import ratio_bins
from qexplorer.observe.editing.ratio_error import error_at_share
from qexplorer.observe.error import error_exact, error_from_histogram
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.observe.weights import array_stats

__all__ = ["warm"]


def warm() -> None:
    """Calls every loop on a few values, with the types that it is always called with."""
    values = np.linspace(-1.0, 1.0, 128, dtype=np.float32).reshape(8, 16)
    Accumulator(ChannelLayout(-1)).add(values, len(values))
    stats = array_stats("warm", values, 0)
    for calibrator in short_calibrators():  # those that need no option, which is all of ours
        calibrate(stats, calibrator, format=get_format("int8"), symmetric=False)
        spec = WeightSpec(granularity=Granularity.CHANNEL, calibrator=calibrator)
        error_exact(values, weight_grid(values, spec, 0))
    for name in ("nf4", "mxfp4"):
        bins = ratio_bins(stats, get_format(name), symmetric=True, axis=1, block=8)
        if bins is not None:
            error_at_share(bins, get_format(name), 0.5, 1.0, values.size)
    for name in ("int8", "nf4", "codebook2"):
        grid = weight_grid(values, WeightSpec(format=name, granularity=Granularity.TENSOR), 0)
        error_from_histogram(stats.histogram, grid)
        error_exact(values, grid)


if __name__ == "__main__":
    warm()
