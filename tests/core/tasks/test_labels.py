"""Which labels each task takes, what it keeps them as, and which cannot belong to a model's answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import DataError
from qexplorer.core.model import TensorInfo
from qexplorer.core.plugins import TASKS
from qexplorer.core.tasks.label_checks import are_whole, is_one_hot, same_shape, shape_text, whole_numbers

ROWS = np.array([[0, 1], [1, 0]])
MASKS = np.zeros((2, 3, 4), np.int64)


@pytest.mark.parametrize(
    ("labels", "tasks"),
    [
        (None, {"similarity"}),
        (np.arange(3), {"classification"}),
        (np.arange(3.0), {"classification"}),
        (np.arange(3)[:, None], {"classification"}),
        (np.arange(3.0)[:, None], {"classification"}),
        (ROWS, {"classification"}),
        (ROWS.astype(np.float32), {"classification"}),
        (np.array([[0, 2], [1, 0]]), {"sequences"}),
        (np.array([[1, 1], [1, 0]]), {"sequences"}),
        (np.array([[1.0, 1.0], [1.0, 0.0]]), {"regression"}),
        (np.array([0.5, 1.0]), {"regression"}),
        (np.array([[0.5], [1.0]]), {"regression"}),
        (MASKS, {"segmentation"}),
        (MASKS[:, None], {"segmentation"}),
        (MASKS[..., None], {"segmentation"}),
        (np.zeros((2, 3, 4, 5), np.int64), set()),
        (MASKS.astype(np.float32), {"regression"}),
    ],
)
def test_labels_mean_one_task_or_none(labels: np.ndarray[Any, Any] | None, tasks: set[str]) -> None:
    """By their type, their shape, and whether they are one-hot rows."""
    assert {task.name for task in TASKS if task.means(labels)} == tasks


@pytest.mark.parametrize(
    ("task", "labels", "kept"),
    [
        ("classification", np.array([[2.0], [0.0]]), np.array([2, 0])),
        ("classification", ROWS, np.array([1, 0])),
        ("regression", np.array([[2], [0]]), np.array([2.0, 0.0])),
        ("regression", ROWS, ROWS.astype(np.float64)),
        ("segmentation", MASKS[:, None], MASKS),
        ("segmentation", np.zeros((2, 1, 3, 1), np.uint8), np.zeros((2, 3, 1), np.int64)),
        ("segmentation", MASKS[..., None].astype(np.float32), MASKS),
        ("sequences", np.array([[1.0, -100.0]]), np.array([[1, -100]])),
    ],
)
def test_labels_are_kept_in_one_form(task: str, labels: np.ndarray[Any, Any], kept: np.ndarray[Any, Any]) -> None:
    """Classes, tokens and masks as int64, measurements as float64; an axis of length 1 is left out."""
    found = TASKS.get(task).checked(labels, "data")
    assert found.dtype == kept.dtype
    np.testing.assert_array_equal(found, kept)


@pytest.mark.parametrize(
    ("task", "labels", "words"),
    [
        ("classification", np.zeros((3, 2), int), r"the labels have shape \(3, 2\).* \(3,\) or one-hot"),
        ("classification", np.array([0, -1]), "label 1 is -1"),
        ("classification", np.array([0.0, 0.5]), "label 1 is 0.5"),
        ("segmentation", np.zeros((3, 2), int), r"the labels have shape \(3, 2\)"),
        ("segmentation", MASKS + 0.5, "float64"),
        ("sequences", np.zeros(3, int), r"shape \(3,\)"),
        ("sequences", ROWS + 0.5, "float64"),
        (
            "sequences",
            np.array([[0, 1], [2, -1]]),
            r"label \[1, 1\] is -1.*0, 1, 2, ..., or -100 for what is not judged",
        ),
    ],
)
def test_labels_of_another_kind_are_refused(task: str, labels: np.ndarray[Any, Any], words: str) -> None:
    """With the place of the first that is wrong."""
    with pytest.raises(DataError, match=words) as caught:
        TASKS.get(task).checked(labels, "the data")
    assert caught.value.where == "the data"


def output(*shape: int | str) -> list[TensorInfo]:
    """A model's first output."""
    return [TensorInfo("y", "float32", shape)]


FITS = [
    ("classification", np.array([0, 2]), output("n", 3)),
    ("classification", np.array([0, 9]), output("n", 1)),
    ("classification", np.array([0, 9]), output("n", "c")),
    ("classification", np.array([0, 9]), output("n", 3, 1)),
    ("classification", np.array([0, 9]), []),
    ("classification", np.array([], int), output("n", 3)),
    ("regression", np.zeros(2), output("n", 1)),
    ("regression", np.zeros(2), output("n")),
    ("regression", np.zeros((2, 3)), output("n", 3, 1)),
    ("regression", np.zeros((2, 3)), output("n", "k")),
    ("regression", np.zeros((2, 3)), []),
    ("segmentation", np.full((2, 4, 5), 2), output("n", 3, 4, 5)),
    ("segmentation", np.full((2, 4, 5), 255), output("n", 3, 4, 5)),
    ("segmentation", np.full((2, 4, 5), 9), output("n", "c", 4, "w")),
    ("segmentation", np.full((2, 4, 5), 9), output("n", 4, 5)),
    ("segmentation", np.full((2, 4, 5), 9), []),
    ("sequences", np.full((2, 5), 8), output("n", 5, 9)),
    ("sequences", np.full((2, 5), 8), output("n", "t", "v")),
    ("sequences", np.full((2, 5), 8), []),
]


@pytest.mark.parametrize(("task", "labels", "outputs"), FITS)
def test_labels_that_go_with_the_answers(task: str, labels: np.ndarray[Any, Any], outputs: list[TensorInfo]) -> None:
    """The largest class that there is, lengths that are not known, an output that says nothing."""
    TASKS.get(task).check_fit(labels, outputs, "data")


@pytest.mark.parametrize(
    ("task", "labels", "outputs", "words"),
    [
        ("classification", np.array([0, 3]), output("n", 3), "the label 3 is not a class of the model, .* 0 to 2"),
        ("classification", np.array([0, 2]), output("n", 2), "the label 2 is not a class"),
        ("regression", np.zeros((2, 3)), output("n", 1), r"shape \(n, 3\), the first output has \(n, 1\)"),
        ("regression", np.zeros(2), output("n", 3), r"shape \(n,\), the first output has \(n, 3\)"),
        ("segmentation", np.full((2, 4, 5), 3), output("n", 3, 4, 5), "the class 3, and the model has 3 .* 0 to 2"),
        ("segmentation", np.full((2, 4, 5), 0), output("n", 3, 5, 5), r"masks have shape \(n, 4, 5\).*\(n, 3, 5, 5\)"),
        ("segmentation", np.full((2, 4, 5), 0), output("n", 4), "the masks have shape"),
        ("segmentation", np.full((2, 4, 5), 0), output("n", 4, 6), "the masks have shape"),
        ("sequences", np.full((2, 5), 9), output("n", 5, 9), "the token 9, and the model has 9.*0 to 8"),
        ("sequences", np.full((2, 5), 0), output("n", 6, 9), r"shape \(n, 5\), the first output has \(n, 6, 9\)"),
        ("sequences", np.full((2, 5), 0), output("n", 5), r"the first output has \(n, 5\)"),
    ],
)  # fmt: skip
def test_labels_that_cannot_belong_to_the_answers(
    task: str, labels: np.ndarray[Any, Any], outputs: list[TensorInfo], words: str
) -> None:
    """Other lengths, and classes or tokens that the model does not have."""
    with pytest.raises(DataError, match=words) as caught:
        TASKS.get(task).check_fit(labels, outputs, "the data")
    assert caught.value.where == "the data"


def test_what_labels_have_in_common() -> None:
    """Whole numbers in whatever type, one-hot rows of two or more, lengths that both sides know."""
    assert [are_whole(np.array(each)) for each in ([True], [1.0, 2.0], [1.5], ["1"])] == [True, True, False, False]
    assert [is_one_hot(np.array(each)) for each in ([[1]], [0, 1], [[0, 0]], [[1, -1, 1]])] == [False] * 4
    assert is_one_hot(np.array([[0, 1]]))
    assert whole_numbers(np.array([[3.0, -1.0]]), "class", "data", lowest=0, besides=-1).tolist() == [[3, -1]]
    with pytest.raises(DataError, match=r"class numbers 2, 3, 4, \.\.\."):
        whole_numbers(np.array([1]), "class", "data", lowest=2)
    assert same_shape((3, 4), ("h", 4))
    assert not same_shape((3, 4), (3, 5))
    assert not same_shape((3,), (3, 4))
    assert [shape_text(each) for each in (("n",), ("b", 3, "w"))] == ["(n,)", "(n, 3, ?)"]


def test_what_is_split_in_proportion_and_shown_one_by_one() -> None:
    """Classes are; measurements, masks and tokens are drawn plainly, and no answer of theirs is one class."""
    labels = np.array([1, 0, 1])
    for task in TASKS:
        strata = task.strata(labels)
        assert (strata is None) is (task.name != "classification")
        assert strata is None or strata.tolist() == [1, 0, 1]
        assert task.classes(output("n", 3)) is (task.name in ("classification", "agreement"))
        assert task.needs_labels is (task.name not in ("similarity", "agreement"))
