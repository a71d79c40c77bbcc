"""Class names of data get the numbers that they have in the model, or there is no accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Model, TensorInfo
from qexplorer.load.datasets.classes import as_listed
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.raw import RawData, numbered


def _model(names: tuple[str, ...] = (), outputs: int = 5) -> Model:
    port, scores = TensorInfo("x", "float32", ("n", 2)), TensorInfo("y", "float32", ("n", outputs))
    return Model("m", Path("m.onnx"), "", "", 21, (port,), (scores,), (), 0, None, 0, 0, classes=names)


def _data(*names: str) -> DataSet:
    labels, classes, made_up = numbered(names, (), "given")
    split = Split({"": np.ones((len(names), 2), np.float32)}, labels)
    return DataSet("given", split, split, False, classes, "digest", task="classification", alphabetical=made_up)


def test_names_are_matched_with_the_models_own() -> None:
    """Three of five classes get the numbers 4, 1 and 2 of the model's list, not 0, 1 and 2; case does not count."""
    model = _model(("ant", "Bee", "cat", "dog", "eel"))
    found = fit_to_model(_data("eel", "bee", "cat", "eel"), model)
    assert found.evaluation.labels is not None
    assert found.evaluation.labels.tolist() == [4, 1, 2, 4]
    assert (found.classes, found.task) == (model.classes, "classification")
    assert found.digest != "digest"
    assert any("matched by name" in note for note in found.notes)


@pytest.mark.parametrize("names", [(), ("u", "v", "w", "x", "z")])
def test_names_that_cannot_be_matched_give_no_accuracy(names: tuple[str, ...]) -> None:
    """Three names for five outputs that have none, or others: no labels, agreement instead, and a note says why."""
    found = fit_to_model(_data("eel", "bee", "cat"), _model(names))
    assert (found.evaluation.labels, found.calibration.labels, found.task) == (None, None, "agreement")
    assert any("cannot be matched, so there is no accuracy" in note for note in found.notes)


def test_as_many_names_as_outputs_are_in_alphabetical_order() -> None:
    """Whoever trains on class folders numbers them so; a note tells it."""
    found = fit_to_model(_data("b", "a", "c"), _model(outputs=3))
    assert found.evaluation.labels is not None
    assert found.evaluation.labels.tolist() == [1, 0, 2]
    assert any("alphabetical order" in note for note in found.notes)


def test_names_that_are_numbers_are_the_numbers() -> None:
    """Folders 0 to 10 are not sorted as text, and 3 and 7 alone are the classes 3 and 7."""
    labels, classes, made_up = numbered(["10", "2", "7"], (), "given")
    assert (labels.tolist(), classes, made_up) == ([10, 2, 7], (), False)


def test_a_list_gives_the_numbers() -> None:
    """A list in the model's order stands in for names in the model; a name that is not in it is refused."""
    data = _data("eel", "bee")
    raw = RawData("given", data.evaluation, None, data.classes, alphabetical=True)
    listed = as_listed(raw, ["ant", "bee", "cat", "dog", "eel"])
    assert listed.evaluation.labels is not None
    assert (listed.evaluation.labels.tolist(), listed.alphabetical) == ([4, 1], False)
    with pytest.raises(DataError, match="not all of them are in the list"):
        as_listed(raw, ["ant", "bee"])
