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
