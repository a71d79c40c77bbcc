"""The percentile against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.plugin_kinds.calibrator import Wanted
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.calibrators.percentile import Percentile, PercentileOptions
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


@pytest.mark.parametrize("percentile", [60.0, 99.0, 100.0])
@pytest.mark.parametrize("symmetric", [True, False])
def test_channels_have_numpys_quantiles(percentile: float, symmetric: bool) -> None:
    """Of few values and of many, between neighbours as NumPy interpolates."""
    rows, kept = normal(606).reshape(6, 101), PercentileOptions(percentile=percentile)
    found = Percentile().row_ranges(rows, 101, Wanted(INT8, symmetric), kept)[:, 0]
    tail = (100 - percentile) / 2
    high = np.percentile(abs(rows) if symmetric else rows, percentile if symmetric else 100 - tail, axis=1)
    low = -high if symmetric else np.percentile(rows, tail, axis=1)
    np.testing.assert_allclose(found, np.stack([low, high], -1), rtol=1e-6)
