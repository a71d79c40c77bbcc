"""Values that a tensor does not have: drawn ones, and outliers; and the channel that it would be better without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.formats import get_format
from qexplorer.observe.editing.outlier import with_outliers
from qexplorer.observe.editing.spoiler import spoiler
from qexplorer.observe.editing.synthetic import DISTRIBUTIONS, synthetic
from qexplorer.observe.weights import array_stats


def test_distributions_are_what_they_are_called() -> None:
    """Kurtosis, zeros and outliers tell the distributions apart, and they are drawn alike every time."""
    found = {name: synthetic(name, 20_000).histogram for name in DISTRIBUTIONS}
    assert found["normal"].kurtosis == pytest.approx(3, abs=0.2)
    assert found["laplace"].kurtosis == pytest.approx(6, abs=1)
    assert found["bimodal"].kurtosis < 1.5
    assert found["relu"].zeros == pytest.approx(10_000, rel=0.05)
    assert found["relu"].minimum == 0
    assert found["outliers"].outliers(6) == 20
    for name in ("normal", "laplace", "bimodal"):
        assert found[name].std == pytest.approx(1, rel=0.05)


def test_a_distribution_that_is_not_there() -> None:
    """An unknown name and a number of values that is none give one sentence."""
    with pytest.raises(InputError, match="no distribution 'cauchy'"):
        synthetic("cauchy")
    with pytest.raises(InputError, match="at least 1 value"):
        synthetic("normal", 0)


def test_outliers_widen_the_range_and_nothing_else() -> None:
    """One value in 10,000 lies at so many times the largest magnitude, on its side."""
    stats = synthetic("normal", 20_000)
    far = with_outliers(stats, 8.0)
    reach = max(-stats.histogram.minimum, stats.histogram.maximum)
    assert max(-far.histogram.minimum, far.histogram.maximum) == pytest.approx(8 * reach)
    assert far.histogram.count == 20_002
    assert far.histogram.bins.count.sum() == 20_002
    assert far.array is None
    assert with_outliers(stats, 1.0) is stats


@pytest.mark.parametrize("sign", [1, -1])
def test_statistics_with_outliers_are_those_of_values_with_them(sign: int) -> None:
    """Counts, ends, sums and the averaged range: as if two values eight times as far out had been there."""
    plain = (sign * np.abs(np.random.default_rng(1).standard_normal(24_000))).astype(np.float32)
    plain[:100] *= -0.25
    far = with_outliers(array_stats("x", plain, None), 8.0)
    value = sign * 8 * np.abs(plain).max()
    direct = array_stats("x", np.concatenate([plain, np.full(2, value, np.float32)]), None)
    assert np.array_equal(far.histogram.counts, direct.histogram.counts)
    for name in ("minimum", "maximum", "mean", "std"):
        assert getattr(far.histogram, name) == pytest.approx(getattr(direct.histogram, name), rel=1e-6), name
    assert far.average == pytest.approx(direct.average)


@pytest.mark.parametrize(("times", "spoils"), [(1.3, False), (1.38, False), (1.45, True), (2.0, True)])
def test_half_a_bit_makes_a_spoiler(times: float, spoils: bool) -> None:
    """The step alone says so of an activation: from sqrt 2 times as wide on, 3 dB."""
    values = np.tile(np.linspace(-1, 1, 64, dtype=np.float32), (4, 1))
    values[2] *= -times
    stats = array_stats("w", values, 0)
    found = spoiler(replace(stats, array=None), get_format("int8"), symmetric=True)
    assert found is not None
    assert (found.channel, found.spoils) == (2, spoils)
    assert found.gain_db == pytest.approx(20 * np.log10(times), rel=1e-5)


def test_of_a_few_values_one_is_an_outlier() -> None:
    """One in 10,000 of twenty would be none."""
    assert with_outliers(synthetic("normal", 20), 8.0).histogram.count == 21


def test_the_spoiler_is_named() -> None:
    """The channel that is eight times as wide as the others costs them 18 dB; among equals none spoils."""
    values = np.random.default_rng(0).uniform(-1, 1, (16, 512)).astype(np.float32)
    values[5] *= 8
    found = spoiler(array_stats("w", values, 0), get_format("int8"), symmetric=True)
    assert found is not None
    assert (found.channel, found.spoils) == (5, True)
    assert found.times == pytest.approx(8, rel=0.02)
    assert found.gain_db == pytest.approx(18.1, abs=0.3)
    values[5] /= 8
    equal = spoiler(array_stats("w", values, 0), get_format("int8"), symmetric=True)
    assert equal is not None
    assert not equal.spoils


def test_one_channel_spoils_nothing() -> None:
    """Without a second channel that holds anything there is nobody to spoil a scale for."""
    values = np.zeros((4, 8), np.float32)
    values[2] = 1
    assert spoiler(array_stats("w", values, 0), get_format("int8"), symmetric=True) is None
    assert spoiler(synthetic("normal", 100), get_format("int8"), symmetric=True) is None
