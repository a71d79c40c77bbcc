"""Answers that are NaN or infinite: one sentence where the float network gives them, and where rounding does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import qexplorer as qx
from qexplorer.core.errors import BackendError, DataError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.sensitivity import finding
from qexplorer.search.sensitivity.distances import LaidBeside, Yardstick
from qexplorer.search.sensitivity.finding import find_sensitivity, yardstick_of
from qexplorer.search.sensitivity.question import Inquiry

_YARD = Yardstick(floats=(0,), axis=None, probabilities=False)


@pytest.fixture
def logarithm(tmp_path: Path) -> tuple[Model, qx.DataSet]:
    """A network that takes logarithms of what a coarse grid rounds to zero."""
    weight = np.full((16, 8), 1e-3, np.float32)
    weight[:, 0] = 1.0
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["products"], name="products"),
        helper.make_node("Log", ["products"], ["y"], name="logarithm"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weight, "weight")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "log.onnx")
    np.savez(tmp_path / "above_zero.npz", x=np.linspace(1, 2, 1600, dtype=np.float32).reshape(100, 16))
    return qx.load(tmp_path / "log.onnx"), qx.data(tmp_path / "above_zero.npz")


def test_a_layer_whose_rounding_gives_no_numbers_is_told_and_not_ranked(
    logarithm: tuple[Model, qx.DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report has no number for it, its reason, and a note; a recipe that is measured is refused by its name."""
    monkeypatch.setattr(finding, "goes_apart", lambda _: False)
    model, data = logarithm
    recipe = Recipe.parse("w4-tensor")
    report = find_sensitivity(model, data, Inquiry(recipe=recipe))
    (layer,) = report.layers
    assert layer.exact() is None
    assert report.whole is None
    assert all("answers NaN or infinity on" in each for each in (*layer.reasons.values(), report.notes[-1]))
    assert layer.reasons
    verifier = Verifier(model, data, None, data.calibration, yardstick_of(model, data))
    with pytest.raises(BackendError, match=r"^w4-tensor: rounded, the network answers NaN or infinity on \d+ of"):
        verifier.evaluated(recipe)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_float_network_that_gives_no_numbers_is_one_sentence(wrong: float) -> None:
    """Nothing is laid beside its answers."""
    answers = np.ones((4, 3), np.float32)
    answers[1, 2] = wrong
    with pytest.raises(DataError, match="output 1: the float network answers NaN or infinity on 1 of 4 samples; leave"):
        LaidBeside().add(_YARD, [np.ones((4, 3), np.float32)], [answers], None)
