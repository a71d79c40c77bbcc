"""Class names of data get the numbers that they have in the model, or there is no accuracy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Model, TensorInfo
from qexplorer.load.datasets.classes import as_listed, check_listed
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
    assert found.evaluation is found.calibration
    assert found.digest != "digest"
    assert any("Its 3 classes were matched by name with the 5 of the model." in note for note in found.notes)


def test_parts_that_differ_keep_their_own_labels() -> None:
    """Where other samples judge than calibrate, each part's labels are renumbered, or both have none."""
    data = _data("eel", "bee", "cat", "eel")
    data = replace(data, evaluation=data.evaluation.head(3), held_out=True)
    found = fit_to_model(data, _model(("ant", "bee", "cat", "dog", "eel")))
    labels = [part.labels for part in (found.calibration, found.evaluation)]
    assert [None if each is None else each.tolist() for each in labels] == [[4, 1, 2, 4], [4, 1, 2]]
    none = fit_to_model(data, _model())
    assert (none.calibration.n, none.evaluation.n) == (4, 3)
    assert none.calibration.labels is none.evaluation.labels is None


def test_names_in_the_models_own_order_stay_as_they_are() -> None:
    """The same names, or an order that somebody gave and no names to match: labels and digest are kept, no word."""
    data = _data("b", "a", "c")
    given = replace(data, alphabetical=False)
    for one, model in ((data, _model(("a", "b", "c"), outputs=3)), (given, _model())):
        found = fit_to_model(one, model)
        assert found.evaluation.labels is not None
        assert found.evaluation.labels.tolist() == [1, 0, 2]
        assert (found.classes, found.digest, found.notes) == (data.classes, "digest", ())
        assert found.alphabetical is one.alphabetical


def test_a_list_as_long_as_the_output_is_asked_for() -> None:
    """Three names for five classes are refused with both numbers; an output of unknown length takes any list."""
    check_listed("abcde", _model())
    unknown = replace(_model(), outputs=(TensorInfo("y", "float32", ("n", None)),))
    check_listed("abc", unknown)
    with pytest.raises(DataError, match="the list names 3 classes, and the model's first output 'y' has 5"):
        check_listed("abc", _model())


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
    labels, classes, made_up = numbered(["99999", "0"], (), "given")
    assert (labels.tolist(), classes, made_up) == ([99999, 0], (), False)
    for names in (["1", "100000"], ["01", "2"], ["2", "x"]):
        labels, classes, made_up = numbered(names, (), "given")
        assert (labels.tolist(), classes, made_up) == ([0, 1], tuple(names), True)


def test_a_label_that_is_not_in_the_list_is_refused_with_the_first_ten_of_it() -> None:
    """Labels are the places in the list, which has an order of its own; more than ten names end in dots."""
    labels, classes, made_up = numbered(["b", "a"], ["c", "b", "a"], "given")
    assert (labels.tolist(), classes, made_up) == ([1, 2], ("c", "b", "a"), False)
    with pytest.raises(DataError, match=r"the label 'z' is not among the classes; allowed: c, b, a$"):
        numbered(["z"], ["c", "b", "a"], "given")
    with pytest.raises(DataError, match=r"allowed: a, b, c, d, e, f, g, h, i, j, \.\.\.$"):
        numbered(["z"], "abcdefghijk", "given")


def test_a_list_gives_the_numbers() -> None:
    """A list in the model's order stands in for names in the model; a name that is not in it is refused."""
    data = _data("eel", "bee")
    raw = RawData("given", data.evaluation, None, data.classes, alphabetical=True)
    listed = as_listed(raw, ["ant", "bee", "cat", "dog", "eel"])
    assert listed.evaluation.labels is not None
    assert (listed.evaluation.labels.tolist(), listed.alphabetical) == ([4, 1], False)
    with pytest.raises(DataError, match="not all of them are in the list"):
        as_listed(raw, ["ant", "bee"])
    assert as_listed(raw, ()) is raw
    both = as_listed(replace(raw, calibration=raw.evaluation.head(1)), ["x", "y", "bee", "eel"])
    assert both.calibration is not None
    assert both.calibration.labels is not None
    assert both.calibration.labels.tolist() == [3]
    numbers = as_listed(replace(raw, classes=()), ["one", "two"])
    assert numbers.evaluation.labels is raw.evaluation.labels
    assert numbers.classes == ("one", "two")


def test_of_many_names_five_are_shown() -> None:
    """A sentence has five names and how many more there are."""
    raw = RawData("given", _data("a").evaluation, None, tuple("abcdefg"), alphabetical=True)
    shown = r"the data has the classes 'a', 'b', 'c', 'd', 'e' and 2 more, .*allowed: 'a', 'b', 'c', 'd', 'e'; "
    with pytest.raises(DataError, match=shown):
        as_listed(raw, "abcde")


@pytest.mark.parametrize("names", [(), ("ant", "bee", "cat", "dog", "eel")])
def test_labels_that_are_numbers_are_the_models(names: tuple[str, ...]) -> None:
    """Where the data names no classes nothing is matched, and nothing is said."""
    data = replace(_data("c", "a", "b"), classes=(), alphabetical=False)
    found = fit_to_model(data, _model(names))
    assert found.evaluation.labels is not None
    assert found.evaluation.labels.tolist() == [2, 0, 1]
    assert (found.classes, found.digest, found.notes) == ((), "digest", ())
