"""The percentile against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.calibrators.percentile import PercentileOptions
from tests.observe.calibrators.tensors import normal, stats_of

INT8 = get_format("int8")


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9])
def test_the_percentile_keeps_that_share_of_the_values(percentile: float) -> None:
    """Half of the rest is clipped on each side of an asymmetric range; a symmetric one counts magnitudes."""
    x, kept = normal() + np.float32(0.5), PercentileOptions(percentile=percentile)
    low, high = calibrate(stats_of(x), "percentile", format=INT8, symmetric=False, options=kept)
    tail = (100 - percentile) / 2
    assert (low, high) == pytest.approx(tuple(np.percentile(x, [tail, 100 - tail])), rel=0.01)
    low, high = calibrate(stats_of(x), "percentile", format=INT8, symmetric=True, options=kept)
    assert high == pytest.approx(np.percentile(abs(x), percentile), rel=0.01)
    assert low == -high
