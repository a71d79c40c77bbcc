"""Bins put together hold what they held."""

from __future__ import annotations

import numpy as np

from qexplorer.observe.editing.ratio_counting import WeightedBins, merged


def _bins(n: int, seed: int) -> WeightedBins:
    """Bins that touch, of unlike weights; the outermost stay by themselves."""
    random = np.random.default_rng(seed)
    edges, alone = np.sort(random.normal(size=n + 1)), np.zeros(n, bool)
    alone[[0, -1]] = True
    return WeightedBins(edges[:-1], edges[1:], random.integers(1, 9, n).astype(float), random.random(n), alone)


def test_groups_keep_their_values_their_weight_and_their_ends() -> None:
    """Of 15,000 bins in two groups, an empty one between, 100 are left; no bin reaches from one group into another."""
    empty = WeightedBins(*(np.zeros(0) for _ in range(4)), np.zeros(0, bool))
    groups = [_bins(6000, 0), empty, _bins(9000, 1)]
    found = merged(groups, 100)
    assert 80 <= sum(len(each.low) for each in found) <= 100
    assert len(found[1].low) == 0
    for before, after in zip(groups[::2], found[::2], strict=True):
        assert after.count.sum() == before.count.sum()
        np.testing.assert_allclose(after.weight.sum(), before.weight.sum())
        np.testing.assert_array_equal(after.low[1:], after.high[:-1])
        for name in ("low", "high", "count", "weight", "alone"):
            np.testing.assert_array_equal(getattr(after, name)[[0, -1]], getattr(before, name)[[0, -1]])
        assert after.alone.sum() == 2


def test_few_bins_stay() -> None:
    """What is few enough is left as it is."""
    groups = [_bins(5, 0), _bins(3, 1)]
    for before, after in zip(groups, merged(groups, 8), strict=True):
        np.testing.assert_array_equal(after.low, before.low)
        np.testing.assert_array_equal(after.count, before.count)
