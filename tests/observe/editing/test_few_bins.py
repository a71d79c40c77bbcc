"""Bins put together for the browser say the same of a grid."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.editing.few_bins import MOST_BINS, few_bins
from qexplorer.observe.editing.synthetic import DISTRIBUTIONS, synthetic
from qexplorer.observe.error import bins_sums


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_least_error_hardly_changes(name: str) -> None:
    """At the range of least error the sum over few bins is within 0.05 % of that over all; no value is lost."""
    histogram = synthetic(name, 400_000).histogram
    all_bins, few = histogram.bins, few_bins(histogram.bins)
    assert len(few.count) <= MOST_BINS
    assert few.count.sum() == all_bins.count.sum()
    assert (few.low[1:] >= few.high[:-1]).all()
    for kind in ("int2", "int8", "nf4"):
        chosen, reach = get_format(kind), max(-histogram.minimum, histogram.maximum)
        grids = [grid_from_range(-s * reach, s * reach, chosen, symmetric=True) for s in np.geomspace(0.01, 1, 60)]
        sums = [sum(bins_sums(all_bins.low, all_bins.high, all_bins.count, grid)[:2]) for grid in grids]
        best = int(np.argmin(sums))
        assert sum(bins_sums(few.low, few.high, few.count, grids[best])[:2]) == pytest.approx(sums[best], rel=5e-4)


def test_heavy_bins_stay_by_themselves() -> None:
    """The zeros of a ReLU keep a bin of no width among merged ones, so that they have no error."""
    values = np.concatenate([np.zeros(50_000), np.random.default_rng(0).lognormal(0, 4, 50_000)])
    few = few_bins(histogram_of(values.astype(np.float32)).bins, 1100)
    assert len(few.count) <= 1100
    assert few.count[0] == 50_000
    assert few.high[0] < 1e-30


def test_a_bin_of_a_hundredth_of_all_values_stays_as_it_is() -> None:
    """Values that were rounded before pile up; what lies beside them is not put together with them."""
    values = np.concatenate([np.full(1000, 3.3), np.random.default_rng(0).lognormal(0, 2, 99_000)])
    bins = histogram_of(values.astype(np.float32)).bins
    few = few_bins(bins, 1100)
    (pile,) = np.flatnonzero((bins.low <= 3.3) & (bins.high > 3.3))
    (kept,) = np.flatnonzero((few.low <= 3.3) & (few.high > 3.3))
    assert len(few.count) <= 1100 < len(bins.count)
    assert (few.low[kept], few.high[kept], few.count[kept]) == (bins.low[pile], bins.high[pile], bins.count[pile])


def test_few_enough_bins_are_kept() -> None:
    """A tensor with few bins is sent as it is."""
    bins = histogram_of(np.arange(10, dtype=np.float32)).bins
    assert few_bins(bins) is bins
