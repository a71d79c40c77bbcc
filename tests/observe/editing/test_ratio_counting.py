"""Bins put together hold what they held."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.observe.editing.ratio_counting import (
    Units,
    WeightedBins,
    count_groups,
    merged,
    values_of_groups,
)


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


def _given(blocks: int) -> tuple[np.ndarray, np.ndarray, Units, np.ndarray, np.ndarray]:
    """Six rows of 40 values in two groups, cut into blocks: their units, and by hand each value's unit and weight."""
    random = np.random.default_rng(4)
    rows = random.standard_normal((6, 40)).astype(np.float32)
    rows[0] = np.abs(rows[0])
    size = 40 // blocks
    parts = rows.reshape(6, blocks, size)
    spans = np.stack([np.minimum(parts.min(2), 0), np.maximum(parts.max(2), 0)], -1).astype(np.float64)
    n = 6 * blocks
    factors, weights = random.uniform(0.5, 2, (n, 2)), random.uniform(1, 5, (n, 2))
    group = (np.arange(n) % 2).astype(np.intp)
    side = (parts.reshape(n, size) >= 0).astype(int)
    at = np.arange(n)[:, None]
    units = Units(factors, weights, group, np.full((n, 2), np.nan))
    return rows, spans, units, parts.reshape(n, size) * factors[at, side], weights[at, side]


@pytest.mark.parametrize("blocks", [1, 4])
@pytest.mark.parametrize("count", [count_groups, values_of_groups], ids=["bins", "values"])
def test_each_group_has_its_own_values_in_its_own_units(count: Any, blocks: int) -> None:
    """Below zero by one factor and above by another; bins cover their values, which all count with their weights."""
    rows, spans, units, values, weights = _given(blocks)
    found = count(rows, spans, 40 // blocks, units)
    assert len(found) == 2
    for k, bins in enumerate(found):
        own, counts = values[units.group == k].reshape(-1), weights[units.group == k].reshape(-1)
        assert bins.count.sum() == own.size
        assert bins.weight.sum() == pytest.approx(counts.sum())
        assert (bins.low.min(), bins.high.max()) == pytest.approx((own.min(), own.max()), rel=1e-6)
        assert (np.diff(bins.low) >= 0).all()
        for low, high, number, weight in zip(bins.low, bins.high, bins.count, bins.weight, strict=True):
            near = 1e-6 * max(abs(low), abs(high))
            inside = (own >= low - near) & (own <= high + near)
            assert inside.sum() >= number
            assert high - low <= max(abs(low), abs(high)) / 128 + 1e-6
            if number == 1 and inside.sum() == 1:
                assert weight == pytest.approx(counts[inside][0])


def test_values_on_an_end_are_on_it_exactly_and_by_themselves() -> None:
    """What scaling made of the outermost value is the end itself, in every channel of a group, and one bin."""
    rows, spans, units, values, _ = _given(1)
    ends = np.tile([values.min() - 1.0, 3.0], (6, 1))
    factors = units.factors.copy()
    factors[:, 1] = 3.0 / rows.max(1).astype(np.float64)
    told = Units(factors, units.weights, units.group, ends)
    for off, held in ((0.0, 3), (4e-6, 3), (1e-3, 0)):  # what float32 may do, and more
        near = Units(factors, units.weights, units.group, ends * (1 + off))
        for bins in values_of_groups(rows, spans, 40, near):
            assert (bins.high == 3.0 * (1 + off)).sum() == held
            assert bins.alone.all()
    for bins in count_groups(rows, spans, 40, told):
        (last,) = np.flatnonzero(bins.alone)
        assert (bins.low[last], bins.high[last], bins.count[last]) == (3.0, 3.0, 3)


def test_bins_are_stretched_by_the_side_that_they_lie_on() -> None:
    """Below zero by one factor, above by another; edges at zero stay there, and nothing is lost."""
    edges = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    ones = np.ones(4)
    found = WeightedBins(edges[:-1], edges[1:], ones, 2 * ones, np.zeros(4, bool)).scaled(0.5, 3.0)
    assert found.low.tolist() == [-1.0, -0.5, 0.0, 3.0]
    assert found.high.tolist() == [-0.5, 0.0, 3.0, 6.0]
    assert (found.count.sum(), found.weight.sum()) == (4, 8)
