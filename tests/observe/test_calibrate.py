"""Ranges of whole tensors, whichever calibrator chooses them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qexplorer.core.errors import UnknownName
from qexplorer.core.formats import get_format
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.observe.calibrate import calibrate
from tests.observe.calibrators.tensors import stats_of

INT8 = get_format("int8")
arrays = hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-1e6, 1e6, width=32))


@given(arrays, st.sampled_from(CALIBRATORS.names()), st.booleans())
def test_every_range_is_finite_ordered_and_within_the_data(x: Any, name: str, symmetric: bool) -> None:
    """No calibrator reaches beyond the largest magnitude seen, and none returns a reversed or infinite range."""
    low, high = calibrate(stats_of(x), name, format=INT8, symmetric=symmetric)
    reach = float(abs(x).max()) * (1 + 1e-6)
    assert np.isfinite([low, high]).all()
    assert low <= high
    assert max(abs(low), abs(high)) <= reach


def test_minmax_is_the_range_itself() -> None:
    """Nothing is clipped."""
    assert calibrate(stats_of([-0.5, 2.0, 1.0]), "minmax", format=INT8, symmetric=False) == (-0.5, 2.0)


def test_a_tensor_without_values_and_an_unknown_name() -> None:
    """Nothing observed gives the empty range; a name that does not exist is told with those that do."""
    assert calibrate(stats_of(np.array([np.nan])), "mse", format=INT8, symmetric=True) == (0.0, 0.0)
    with pytest.raises(UnknownName, match="percentile"):
        calibrate(stats_of([1.0]), "percentil", format=INT8, symmetric=True)


SKEWED = (np.exp(np.random.default_rng(3).standard_normal(20_000) / 2) - 1).astype(np.float32)
SHAPES = {"skewed": SKEWED, "above": np.abs(SKEWED), "shifted": SKEWED + 3}


@pytest.mark.parametrize("name", CALIBRATORS.names())
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_turned_over_have_their_range_turned_over(name: str, symmetric: bool, shape: str) -> None:
    """No calibrator treats what is below zero otherwise than what is above, one-sided tensors included."""
    low, high = calibrate(stats_of(SHAPES[shape]), name, format=INT8, symmetric=symmetric)
    under, over = calibrate(stats_of(-SHAPES[shape]), name, format=INT8, symmetric=symmetric)
    width = high - low
    assert (under, over) == pytest.approx((-high, -low), abs=0.02 * width)


@pytest.mark.parametrize("symmetric", [True, False])
def test_what_calibrators_keep_where_nobody_says_how_much(symmetric: bool) -> None:
    """The percentile keeps 99.99 of 100 (Wu et al. 2020), the ratio nine tenths of both ends (QuaRot)."""
    x = np.random.default_rng(4).standard_normal(200_000).astype(np.float32)
    high = calibrate(stats_of(x), "percentile", format=INT8, symmetric=symmetric)[1]
    wanted = np.percentile(np.abs(x), 99.99) if symmetric else np.percentile(x, 99.995)
    assert high == pytest.approx(wanted, rel=0.02)
    assert calibrate(stats_of([-2.0, 4.0]), "ratio", format=INT8, symmetric=symmetric) == pytest.approx((-1.8, 3.6))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_side_without_values_has_no_range(sign: int, symmetric: bool) -> None:
    """Of values on one side of zero the other end is zero, by percentile and by divergence."""
    x = sign * np.abs(np.random.default_rng(5).standard_normal(20_000))
    for name in ("percentile", "kl") if symmetric else ("kl",):
        ends = calibrate(stats_of(x), name, format=INT8, symmetric=symmetric)
        assert ends[0 if sign > 0 else 1] == 0.0
        assert abs(ends[1 if sign > 0 else 0]) > 2
