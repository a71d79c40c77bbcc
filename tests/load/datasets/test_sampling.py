"""Which calibration samples are used where not all are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.dataset import DataSet, Split
from qexplorer.load.datasets.sampling import CalibrationDraw, calibration_sample, spread_order


def _data(labels: np.ndarray | None, n: int) -> DataSet:
    split = Split({"x": np.arange(n)}, labels)
    task = "classification" if labels is not None else "similarity"
    return DataSet("sorted", split, split.head(3), True, (), "0", task=task)


@given(st.integers(2, 400), st.integers(1, 12), st.integers(1, 200))
def test_a_draw_is_seeded_distinct_and_in_proportion(n: int, classes: int, samples: int) -> None:
    """No sample twice, the same ones every time, every class within two of its share and there if there is room."""
    labels = np.sort(np.random.default_rng(n).integers(0, classes, n))
    data = _data(labels, n)
    drawn, again = calibration_sample(data, samples), calibration_sample(data, samples)
    taken = drawn.split.inputs["x"]
    assert np.array_equal(taken, again.split.inputs["x"])
    assert drawn.used == len(set(taken.tolist())) == min(samples, n)
    assert drawn.available == n
    assert np.array_equal(drawn.split.labels, labels[taken])
    found = np.bincount(labels[taken], minlength=classes)
    there = np.bincount(labels, minlength=classes)
    if samples >= np.count_nonzero(there):
        assert np.all(found[there > 0] >= 1)
        room = np.count_nonzero(there) + 1  # rare classes that get one may take it from the others
        assert np.all(found >= there * min(samples, n) / n - room)


def test_as_many_samples_as_classes_are_one_of_each() -> None:
    """Three of a hundred are of classes of their own: of four samples they are three, and of three none has to be."""
    labels = np.r_[np.zeros(97, np.int64), 1, 2, 3]
    drawn = calibration_sample(_data(labels, 100), 4).split.labels
    assert drawn is not None
    assert sorted(drawn.tolist()) == [0, 1, 2, 3]
    assert calibration_sample(_data(labels, 100), 0).used == 0


@given(st.integers(0, 300), st.integers(1, 400))
def test_each_stratum_is_spread_evenly_over_the_order(n: int, classes: int) -> None:
    """The k-th of the m members of a stratum stands at (k + 1/2) / m of the order, in the order of the drawing."""
    strata = np.random.default_rng(classes).integers(-5, classes, n)
    drawn = spread_order(n, None)
    place = np.empty(n)
    for stratum in set(strata.tolist()):
        members = [i for i in drawn if strata[i] == stratum]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    expected = sorted(drawn, key=lambda i: place[i])
    assert spread_order(n, strata).tolist() == expected


def test_data_sorted_by_class_are_seen_whole() -> None:
    """512 of 5,000 sorted samples of ten classes hold 51 or 52 of each, and even the first 20 hold all ten."""
    drawn = calibration_sample(_data(np.repeat(np.arange(10), 500), 5000), 512)
    assert drawn.split.labels is not None
    assert set(np.bincount(drawn.split.labels)) == {51, 52}
    assert len(set(drawn.split.labels[:20].tolist())) == 10


def test_a_class_of_one_sample_is_in_the_draw() -> None:
    """One sample in a thousand is drawn among 20, because it is a class."""
    labels = np.r_[np.zeros(999, np.int64), 1]
    drawn = calibration_sample(_data(labels, 1000), 20)
    assert drawn.split.labels is not None
    assert 1 in drawn.split.labels


def test_without_classes_a_draw_reaches_over_the_whole() -> None:
    """Of 1,000 unlabelled samples, 100 come from all tenths of the file."""
    drawn = calibration_sample(_data(None, 1000), 100)
    assert np.all(np.bincount(drawn.split.inputs["x"] // 100, minlength=10) >= 3)


@pytest.mark.parametrize(
    ("n", "samples", "labelled", "text"),
    [
        (5000, 512, True, "512 of 5,000 calibration samples, drawn with a fixed seed, classes in proportion"),
        (5000, 512, False, "512 of 5,000 calibration samples, drawn with a fixed seed"),
        (512, 512, True, "all 512 calibration samples"),
        (7, 512, False, "all 7 calibration samples"),
    ],
)
def test_how_many_of_how_many_is_said(n: int, samples: int, labelled: bool, text: str) -> None:
    """The words have both numbers and how samples were chosen; all of them stay in their order."""
    drawn = calibration_sample(_data(np.arange(n) % 10 if labelled else None, n), samples)
    assert drawn.text == text
    if samples >= n:
        assert np.array_equal(drawn.split.inputs["x"], np.arange(n))


def test_rare_classes_do_not_crowd_the_beginning() -> None:
    """Of 900 samples of one class and two each of fifty, the first hundred hold about ninety of the common one."""
    strata = np.concatenate([np.zeros(900, np.int64), np.repeat(np.arange(1, 51), 2)])
    order = spread_order(strata.size, strata)
    assert sorted(order.tolist()) == list(range(1000))
    assert np.count_nonzero(strata[order[:100]] == 0) >= 90
    assert np.count_nonzero(strata[order[:500]] == 0) == 450


def test_of_no_samples_none_are_used() -> None:
    """A model without data has a draw that says so."""
    draw = CalibrationDraw(Split({}), 0, False)
    assert (draw.used, draw.text) == (0, "all 0 calibration samples")
