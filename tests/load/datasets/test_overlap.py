"""Samples that judge and calibrate: counted, not asserted."""

from __future__ import annotations

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.core.dataset import Split
from qexplorer.load.datasets.overlap import shared_samples
from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.datasets.split import dataset_from

X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)


@pytest.mark.parametrize("leaked", [0, 1, 17, 40])
def test_leaked_samples_are_counted(leaked: int) -> None:
    """Samples of the file's own calibration part that judge too are found, said, and nothing claims to be held out."""
    evaluation = np.concatenate([X[:leaked], X[20 + leaked : 60]])
    calibration = X[:20] if leaked <= 20 else np.concatenate([X[:20], evaluation])
    raw = RawData("own", Split({"": evaluation}), Split({"": calibration}))
    data = dataset_from(raw, Preprocessing())
    assert data.shared == leaked
    assert data.held_out is (leaked == 0)
    expected = {
        0: "none of the 40 samples that judge is among those that calibrate",
        1: "1 of the 40 samples that judge is among those that calibrate too",
        17: "17 of the 40 samples that judge are among those that calibrate too",
        40: "the same samples calibrate and judge",
    }
    assert data.parts_text == expected[leaked]


def test_every_input_counts_and_labels_do_not() -> None:
    """A sample is the same if all its inputs are, whatever it is called; the order of inputs does not matter."""
    one = Split({"a": X[:3], "b": X[3:6]}, np.array([0, 1, 2]))
    same = Split({"b": X[3:6], "a": X[:3]}, np.array([2, 2, 2]))
    other = Split({"a": X[:3], "b": X[4:7]}, np.array([0, 1, 2]))
    assert (shared_samples(one, same), shared_samples(one, other)) == (3, 0)


def test_a_leaked_sample_that_judges_twice_counts_twice() -> None:
    """Each of the judging samples is asked about, whatever the others are."""
    assert shared_samples(Split({"": X[:5]}), Split({"": X[[2, 2, 7]]})) == 2


def test_repeated_samples_in_a_file_that_is_split_are_found() -> None:
    """A file that holds every sample twice cannot be split into parts that share none."""
    data = dataset_from(RawData("twice", Split({"": np.concatenate([X, X])})), Preprocessing())
    assert data.shared is not None
    assert data.shared > 0
    assert not data.held_out


@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize("name", ["digits", "glyphs", "tumour"])
def test_samples_hold_out_what_judges(name: str) -> None:
    """No sample that judges a trained sample model is among those that calibrate it."""
    data = qx.data(name)
    assert (data.shared, data.held_out) == (0, True)
