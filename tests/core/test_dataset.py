"""Samples with what belongs to them, what both parts have in common, and arrays as a file takes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split, as_declared

SPLIT = Split({"a": np.arange(5), "b": np.arange(10).reshape(5, 2)}, np.arange(5) + 10, np.arange(5) + 20, np.ones(5))


def _data(calibration: Split, evaluation: Split, shared: int | None) -> DataSet:
    return DataSet("given", calibration, evaluation, not shared, ("x", "y"), "digest", shared=shared)


def test_samples_are_taken_with_all_that_belongs_to_them() -> None:
    """Every input, labels, groups and labels as they were read, each of one place; the last batch is the rest."""
    taken = SPLIT.take(np.array([3, 0]))
    assert (taken.n, taken.inputs["a"].tolist(), taken.inputs["b"].tolist()) == (2, [3, 0], [[6, 7], [0, 1]])
    rest = (taken.labels, taken.groups, taken.read_labels)
    assert [None if each is None else each.tolist() for each in rest] == [[13, 10], [23, 20], [1.0, 1.0]]
    assert SPLIT.head(2).inputs["a"].tolist() == [0, 1]
    assert SPLIT.head(9).n == 5
    assert [batch.inputs["a"].tolist() for batch in SPLIT.batches(2)] == [[0, 1], [2, 3], [4]]
    bare = Split({"": np.arange(3)}).take(slice(1, None))
    assert (bare.labels, bare.groups, bare.read_labels, bare.n) == (None, None, None, 2)


@pytest.mark.parametrize(
    ("shared", "said"),
    [
        (None, "whether a sample is in both parts was not looked at"),
        (0, "none of the 3 samples that judge is among those that calibrate"),
        (1, "1 of the 3 samples that judge is among those that calibrate too"),
        (2, "2 of the 3 samples that judge are among those that calibrate too"),
        (3, "the same samples calibrate and judge"),
    ],
)
def test_what_both_parts_have_in_common_is_said(shared: int | None, said: str) -> None:
    """As it was counted; where both parts are one it need not be."""
    assert _data(SPLIT.head(2), SPLIT.head(3), shared).parts_text == said
    assert _data(SPLIT, SPLIT, None).parts_text == "the same samples calibrate and judge"


def test_a_data_set_shows_its_parts_and_its_shapes() -> None:
    """The shape is that of a sample, and an input without a name is called one."""
    only = Split({"": np.zeros((4, 3, 2))})
    shown = "DataSet('given': 4 samples calibrate, 2 judge; input (3, 2); 2 named classes)"
    assert repr(_data(only, only.head(2), 0)) == shown
    many = repr(_data(SPLIT, SPLIT.head(3), None))
    assert many == "DataSet('given': 5 samples calibrate, 3 judge; a (), b (2,); 2 named classes)"
    assert repr(replace(_data(only, only, 0), classes=())).endswith("; no named classes)")


@pytest.mark.parametrize(
    ("shape", "rank", "fed"),
    [
        ((1, 2, 3), 2, (2, 3)),  # one sample of an input without an axis for the batch
        ((1,), 0, ()),
        ((1, 2, 3), 3, (1, 2, 3)),  # a batch of one
        ((2, 2, 3), 2, (2, 2, 3)),  # several: the file itself refuses them
        ((1, 2, 3), 1, (1, 2, 3)),
        ((1, 2, 3), None, (1, 2, 3)),  # the file says nothing of it
    ],
)
def test_the_axis_of_the_samples_goes_where_the_file_has_none(
    shape: tuple[int, ...], rank: int | None, fed: tuple[int, ...]
) -> None:
    """An axis of one in front is taken off an input that has one axis less, and off no other."""
    found = as_declared({"x": np.zeros(shape)}, {} if rank is None else {"x": rank})
    assert found["x"].shape == fed
