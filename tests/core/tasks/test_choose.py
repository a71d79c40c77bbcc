"""Which task data is for: the one that it names, else the one that its labels mean; nothing stands in for neither."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.errors import DataError, UnknownName
from qexplorer.core.model import TensorInfo
from qexplorer.core.tasks.choose import inferred_task, task_of


def data(labels: Array | None, task: str | None) -> DataSet:
    """Four samples with these labels."""
    split = Split({"x": np.zeros((4, 2), np.float32)}, labels)
    return DataSet("four", split, split, held_out=False, classes=(), digest="0" * 16, task=task)


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        (None, "similarity"),
        (np.arange(4), "classification"),
        (np.eye(4, dtype=np.int64), "classification"),
        (np.linspace(0.5, 1.7, 4), "regression"),
        (np.zeros((4, 3, 3), np.int64), "segmentation"),
    ],
)
def test_labels_mean_a_task(labels: Array | None, meant: str) -> None:
    """None, classes as numbers or one-hot rows, measurements, masks."""
    assert task_of(data(labels, None)).name == meant


def test_what_data_names_goes_before_what_its_labels_look_like() -> None:
    """Whole numbers can be measurements."""
    assert task_of(data(np.arange(4), "regression")).name == "regression"


def test_classes_are_read_only_where_every_output_names_one() -> None:
    """Beside an output of classes one of measurements is judged by its signal; no output at all names none."""
    named = TensorInfo("y", "float32", ("n", 10), classes=True)
    other = TensorInfo("z", "float32", ("n", 4))
    task = task_of(data(None, None))
    found = [
        (task.classes(outputs), task.primary(outputs)) for outputs in ([named, named], [named, other], [other], [])
    ]
    assert found == [(True, "agreement"), *[(False, "sqnr")] * 3]


def test_a_task_that_there_is_not_is_refused() -> None:
    """Nothing is inferred in the place of a name that is not known."""
    with pytest.raises(UnknownName, match="telepathy"):
        task_of(data(np.arange(4), "telepathy"))


def test_labels_that_mean_nothing_are_refused() -> None:
    """Five dimensions are no task; the sentence says what each task takes."""
    with pytest.raises(DataError, match="mean no task that is known") as caught:
        inferred_task(np.zeros((2, 2, 2, 2, 2), np.int64), "file")
    assert "regression" in str(caught.value)
