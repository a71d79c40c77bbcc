"""Calibration samples in parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.search.set_apart import APART, calibration_parts


@pytest.fixture(scope="module")
def data() -> DataSet:
    """A hundred numbered samples, a tenth of them of the second class."""
    split = Split({"x": np.arange(100.0)[:, None]}, (np.arange(100) % 10 == 0).astype(np.int64))
    return DataSet("numbers", split, split, False, ("often", "rarely"), "numbered")


def _rows(part: DataSet) -> set[float]:
    return set(part.calibration.inputs["x"][:, 0])


def test_parts_share_no_sample_and_leave_none_out(data: DataSet) -> None:
    """Three parts of the sizes that were asked for, with the rare class in each."""
    parts = calibration_parts(data, (0.15, APART))
    assert [part.calibration.n for part in parts] == [55, 15, 30]
    assert set.union(*(_rows(part) for part in parts)) == set(range(100))
    for part in parts:
        labels = part.calibration.labels
        assert labels is not None
        assert labels.mean() == pytest.approx(0.1, abs=0.04)


def test_a_digest_names_the_rows(data: DataSet) -> None:
    """Two searches that see different samples keep what they find apart; two that see the same ones share it."""
    two, three = calibration_parts(data, (APART,)), calibration_parts(data, (0.15, APART))
    again = calibration_parts(data, (APART,))
    known: dict[str, set[float]] = {}
    for part in (*two, *three):
        assert known.setdefault(part.digest, _rows(part)) == _rows(part)
    assert len(known) == 5
    assert [part.digest for part in again] == [part.digest for part in two]


def test_too_few_samples_are_one_sentence(data: DataSet) -> None:
    """Each part has eight, so that two need sixteen."""
    few = replace(data, calibration=data.calibration.take(np.arange(15)))
    with pytest.raises(DataError, match="needs at least 16 calibration samples, and there are 15"):
        calibration_parts(few, (APART,))
