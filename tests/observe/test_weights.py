"""Statistics of a weight's channels, along whichever axis they run."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.observe.weights import array_stats

VALUES = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_channel_has_the_statistics_of_its_values(axis: int) -> None:
    """First, in the middle and last; the histogram is of all values."""
    found = array_stats("w", VALUES, axis)
    wide = np.moveaxis(VALUES, axis, 0).reshape(VALUES.shape[axis], -1).astype(np.float64)
    assert found.channels is not None
    assert (found.axis, found.shape, found.kind, found.histogram.count) == (axis, (4, 3, 5), "weight", 60)
    np.testing.assert_array_equal(found.channels.count, VALUES.size // VALUES.shape[axis])
    np.testing.assert_array_equal(found.channels.minimum, wide.min(1))
    np.testing.assert_array_equal(found.channels.maximum, wide.max(1))
    np.testing.assert_allclose(found.channels.mean, wide.mean(1), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.channels.std, wide.std(1), rtol=1e-6)
    assert found.average == (float(VALUES.min()), float(VALUES.max()))


def test_values_of_a_vector_are_channels_of_one_value_each() -> None:
    """Along its only axis."""
    vector = np.array([3.0, -1.0, 0.5], np.float32)
    found = array_stats("b", vector, 0)
    assert found.channels is not None
    assert found.channels.count.tolist() == [1, 1, 1]
    for part in (found.channels.minimum, found.channels.maximum, found.channels.mean):
        assert part.tolist() == [3.0, -1.0, 0.5]
    assert found.channels.std.tolist() == [0, 0, 0]


def test_without_an_axis_or_values_there_are_no_channels() -> None:
    """One number and an empty weight have a range all the same."""
    assert array_stats("s", np.float32(2.5), None).channels is None
    assert array_stats("s", np.asarray(2.5, np.float32), None).average == (2.5, 2.5)
    assert array_stats("e", np.zeros((0, 3), np.float32), None).average == (0.0, 0.0)
