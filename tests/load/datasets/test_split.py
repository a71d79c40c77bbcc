"""How samples are set apart, and what a data set's digest covers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.dataset import Split
from qexplorer.core.errors import DataError
from qexplorer.core.plugins import TASKS
from qexplorer.load.datasets import raw as raw_module
from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.load.datasets.raw import RawData, checked_labels, checked_split, shortened, too_large
from qexplorer.load.datasets.split import dataset_from, stratified_positions

NOTHING = Preprocessing()


@given(st.integers(32, 3000), st.integers(2, 12), st.integers(0, 5))
def test_the_split_is_disjoint_complete_seeded_and_in_proportion(n: int, classes: int, seed: int) -> None:
    """Every sample is in exactly one part, classes differ from their share by at most one, and it can be repeated."""
    labels = np.random.default_rng(seed).integers(0, classes, n)
    first, rest = stratified_positions(n, labels)
    assert sorted([*first, *rest]) == list(range(n))
    assert len(first) == min(512, n // 4)
    share = np.bincount(labels, minlength=classes) * len(first) / n
    assert np.abs(np.bincount(labels[first], minlength=classes) - share).max() <= 1.5
    again, _ = stratified_positions(n, labels)
    np.testing.assert_array_equal(first, again)


CLASSES = TASKS.get("classification")


def _raw(n: int, labelled: bool = True) -> RawData:
    x = np.arange(n * 2, dtype=np.float32).reshape(n, 2)
    return RawData("some", Split({"": x}, np.arange(n) % 3 if labelled else None))


def test_few_samples_are_used_twice_and_that_is_said() -> None:
    """With 31 samples both parts are all of them, and nothing claims to be held out."""
    data = dataset_from(_raw(31), NOTHING)
    assert not data.held_out
    assert data.calibration.n == data.evaluation.n == 31
    assert "nothing is held out" in data.notes[-1]
    assert data.calibration is data.evaluation
    assert dataset_from(_raw(32), NOTHING).held_out


def test_without_labels_there_are_none() -> None:
    """Unlabelled data is split too, and stays unlabelled."""
    data = dataset_from(_raw(100, labelled=False), NOTHING)
    assert (data.calibration.n, data.evaluation.n, data.evaluation.labels) == (25, 75, None)
    assert data.notes[-1] == "25 samples were drawn for calibration (fixed seed); 75 judge."
    labelled = dataset_from(_raw(100), NOTHING).notes[-1]
    assert labelled == "25 samples were drawn for calibration (fixed seed, classes in proportion); 75 judge."


def test_the_digest_covers_values_labels_groups_split_and_preprocessing() -> None:
    """Changing any one of them changes the digest; reading again does not."""
    raw = _raw(100)
    labels, x = raw.evaluation.labels, raw.evaluation.inputs[""]
    assert labels is not None
    changed_x, changed_labels = x.copy(), labels.copy()
    changed_x[50, 1] += 1e-3
    changed_labels[50] += 1
    variants = [
        dataset_from(raw, NOTHING),
        dataset_from(raw, Preprocessing(scale=0.5)),
        dataset_from(dataclasses.replace(raw, evaluation=Split({"": changed_x}, labels)), NOTHING),
        dataset_from(dataclasses.replace(raw, evaluation=Split({"": x}, changed_labels)), NOTHING),
        dataset_from(dataclasses.replace(raw, evaluation=Split({"": x}, labels, labels)), NOTHING),
        dataset_from(dataclasses.replace(raw, evaluation=Split({"": x}, labels, labels.astype(str))), NOTHING),
        dataset_from(dataclasses.replace(raw, evaluation=Split({"other": x}, labels)), NOTHING),
        dataset_from(dataclasses.replace(raw, calibration=raw.evaluation.head(9)), NOTHING),
    ]
    assert len({data.digest for data in variants}) == len(variants)
    assert dataset_from(_raw(100), NOTHING).digest == variants[0].digest


def test_one_hot_and_column_labels_become_class_numbers() -> None:
    """(n, classes) with a single 1 a row, (n, 1), whole floats and booleans are labels too."""
    wanted = np.array([2, 0, 1])
    for labels in (np.eye(3)[wanted], wanted[:, None], wanted.astype(np.float32), wanted.astype(np.uint8)):
        np.testing.assert_array_equal(CLASSES.checked(checked_labels(labels, 3, "f"), "f"), wanted)
    assert CLASSES.checked(np.array([True, False]), "f").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0, 1]), "there are 2 labels for 3 samples"),
        (np.array([0.5, 1, 2]), "label 0 is 0.5"),
        (np.array([0, -1, 2]), "label 1 is -1"),
        (np.array([0, np.nan, 2]), "a label is not a finite number"),
        (np.zeros((3, 4)), r"the labels have shape \(3, 4\)"),
        (np.array(["a", "b", "c"]), "the labels are of type <U1"),
        (np.array(1), "there are one value for 3 samples"),
        (np.zeros((3, 0)), r"the labels have shape \(3, 0\)"),
    ],
)
def test_what_is_no_label_is_refused(labels: np.ndarray, words: str) -> None:
    """Fractions, negatives, NaN, tables and other lengths each get their sentence."""
    with pytest.raises(DataError, match=rf"^f: {words}.*; allowed: \w"):
        CLASSES.checked(checked_labels(labels, 3, "f"), "f")


def test_the_first_nan_is_named_with_its_position() -> None:
    """NaN and infinity are found wherever they are, also in the last piece of a large array."""
    x = np.zeros((3, 1024, 2048), np.float32)
    x[2, 1000, 7] = np.nan
    with pytest.raises(DataError, match=r"f: 'x' has NaN at \[2, 1000, 7\]"):
        checked_split({"": x}, None, None, "f")
    x[2, 1000, 7], x[0, 5, 5] = 0, -np.inf
    with pytest.raises(DataError, match=r"an infinite value at \[0, 5, 5\]"):
        checked_split({"": x}, None, None, "f")


def test_inputs_of_other_lengths_and_types_are_refused() -> None:
    """Two inputs must have one length, and hold numbers."""
    with pytest.raises(
        DataError, match=r"^f: the inputs differ in length: 'a' has 3, 'b' has 4; allowed: the same number of samples"
    ):
        checked_split({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}, None, None, "f")
    with pytest.raises(
        DataError, match=r"^f: 'x' holds values of type complex128; allowed: booleans, integers and floats"
    ):
        checked_split({"": np.zeros((3, 2), np.complex128)}, None, None, "f")
    with pytest.raises(DataError, match=r"^f: 'groups' has shape \(2,\) for 3 samples; allowed: shape \(3,\)"):
        checked_split({"": np.zeros((3, 2))}, None, np.array([1, 2]), "f")
    with pytest.raises(DataError, match=r"^f: 'groups' holds complex128 values; allowed: numbers or text"):
        checked_split({"": np.zeros((3, 2))}, None, np.zeros(3, np.complex128), "f")
    for nothing in (np.zeros((0, 2)), np.zeros((3, 0))):
        with pytest.raises(DataError, match=r"^f: the data is empty; allowed: at least one sample"):
            checked_split({"": nothing}, None, None, "f")


def test_a_single_number_is_that_of_every_sample() -> None:
    """A rate that holds for all stands once in the file; by itself it is no array of samples."""
    found = checked_split({"sound": np.zeros((3, 2)), "rate": np.array(16000)}, None, None, "f")
    assert found.inputs["rate"].tolist() == [16000] * 3
    assert checked_split({"x": np.zeros((1, 2))}, None, None, "f").n == 1
    with pytest.raises(DataError, match=r"^f: 'rate' is a single value; allowed: an array, first axis the samples"):
        checked_split({"rate": np.array(16000)}, None, None, "f")


def test_sizes_are_told_in_units_of_2_to_the_30_bytes() -> None:
    """5.5 GB are over the limit of 4 GB."""
    told = "f: the data takes 5.5 GB when unpacked; allowed: at most 4 GB; give fewer samples"
    assert str(too_large("f", 11 * 2**29)) == told


def test_a_task_that_needs_labels_says_which() -> None:
    """And what can be done without."""
    said = r"^some: there are no labels; allowed: labels for the task classification: .*; choose the task similarity$"
    with pytest.raises(DataError, match=said):
        dataset_from(_raw(40, labelled=False), NOTHING, "classification")


def test_an_array_that_holds_no_number_is_called_by_its_name() -> None:
    """As the file has it."""
    bad = np.array([[0, np.nan]], np.float32)
    with pytest.raises(DataError, match=r"^f: 'pixels' has NaN at \[0, 1\]"):
        checked_split({"pixels": bad}, None, None, "f")
    assert checked_split({"pixels": np.zeros((1, 2), np.int64)}, None, None, "f").n == 1


@pytest.mark.parametrize(
    ("error", "said"), [(ValueError("a\n  b"), "a b"), (KeyError(), "KeyError"), (ValueError("x" * 500), "x" * 120)]
)
def test_what_a_reader_met_is_told_on_one_line(error: Exception, said: str) -> None:
    """By its kind where it says nothing."""
    assert shortened(error) == said


@pytest.mark.parametrize("kind", ["complex64", "complex128", "longdouble", "datetime64[s]", "U1", "S1"])
def test_numbers_are_truths_integers_and_floats_of_eight_bytes_at_most(kind: str) -> None:
    """In samples and in labels alike; the smallest and the largest of those are taken."""
    array = np.zeros(3, kind)
    with pytest.raises(DataError, match=r"^f: 'x' holds values of type .*; allowed: booleans, integers and floats"):
        checked_split({"": array[:, None]}, None, None, "f")
    with pytest.raises(DataError, match=r"^f: the labels are of type .*; allowed: booleans, integers and floats"):
        checked_labels(array, 3, "f")
    for taken in ("bool", "int8", "uint64", "float16", "float64"):
        assert checked_split({"": np.zeros((3, 1), taken)}, np.ones(3, taken), None, "f").n == 3


@pytest.mark.parametrize("place", range(12))
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_found_wherever_it_stands(place: int, bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any piece of the array, with its position."""
    monkeypatch.setattr(raw_module, "_PIECE", 5)
    x = np.zeros((3, 2, 2))
    x.reshape(-1)[place] = bad
    index = ", ".join(map(str, np.unravel_index(place, x.shape)))
    what = "NaN" if np.isnan(bad) else "an infinite value"
    with pytest.raises(DataError, match=rf"^f: 'x' has {what} at \[{index}\]; allowed: finite numbers"):
        checked_split({"": x}, None, None, "f")


@pytest.mark.parametrize(
    ("inputs", "n"),
    [({"a": (3, 2), "b": (3,)}, 3), ({"a": (), "b": (3, 1)}, 3), ({"a": (1, 4)}, 1), ({"a": (1, 4), "b": ()}, 1)],
)
def test_as_many_samples_as_the_arrays_have_rows(inputs: dict[str, tuple[int, ...]], n: int) -> None:
    """Numbers without an axis stand for all of them."""
    found = checked_split({name: np.zeros(shape) for name, shape in inputs.items()}, None, None, "f")
    assert {array.shape[0] for array in found.inputs.values()} == {n}
    assert found.n == n


def test_without_arrays_there_are_no_samples() -> None:
    """And no reason to ask what they hold."""
    with pytest.raises(DataError, match=r"^f: there are no samples; allowed: an array called 'x'"):
        checked_split({}, None, None, "f")
