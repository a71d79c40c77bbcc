"""Outlier splitting: halves that round alike, the float function stays, and what it wins back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.algorithms.outlier_split import OutlierSplit, OutlierSplitOptions, doubled, halved
from qexplorer.quantize.changes.drafts import GraphDraft, Materials
from tests.quantize.given_data import data_of, given, quantized
from tests.quantize.graphs import Builder
from tests.quantize.outlier_graphs import block, decibels, tokens
from tests.quantize.support import case, model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


FEEDS = {"x": np.asarray(tokens().calibration.inputs["x"])}


def _recipe(base: str, **options: Any) -> str:
    yaml = Recipe.parse(f"{base}-outlier_split").to_yaml()
    return yaml.replace("- outlier_split", f"- outlier_split: {options}") if options else yaml


def _draft(model: Any, data: Any, recipe: str, **options: Any) -> GraphDraft:
    draft = GraphDraft(model, Recipe.parse(recipe), Materials(data=data), OutlierSplit())
    OutlierSplit().change_graph(draft, OutlierSplitOptions(**options))
    return draft


def test_the_largest_channels_are_doubled_again_and_again() -> None:
    """Each copy goes to what is largest then: 9 beside 4 and 2 is cut in three before 4 is cut in two."""
    assert doubled(np.array([2.0, 9.0, 4.0]), 3).tolist() == [0, 1, 2, 1, 1, 2]


def test_halves_round_to_what_the_whole_rounds_to() -> None:
    """Equation 6: the codes of both halves add up to the code of the weight, for every weight of a grid's step."""
    grid = grid_from_range(-8, 7, get_format("int4"), symmetric=True)
    weight = np.linspace(-10, 10, 401, dtype=np.float32)[:, None]
    order = np.array([*range(401), *range(401)], np.intp)
    parts = halved(weight, order, 0, np.asarray(grid.scale))
    np.testing.assert_allclose(parts[:401] + parts[401:], weight, atol=1e-5)
    both = fake_quantize(parts, grid)
    wanted = np.round(weight / grid.scale) * grid.scale
    steps = weight / grid.scale
    inside = ((np.abs(weight) < 7) & (np.abs(np.abs(steps - np.round(steps)) - 0.5) > 1e-3)).reshape(-1)  # no ties
    assert inside.sum() > 200
    assert np.abs((both[:401] + both[401:]) - wanted)[inside].max() < 1e-5 + float(grid.scale) * 1e-3
    plain = halved(weight, order, 0, np.zeros((), np.float32))
    naive = fake_quantize(plain, grid)
    assert np.abs((naive[:401] + naive[401:]) - wanted)[inside].max() > 0.5 * float(grid.scale)


def _heavy(op: str) -> onnx.ModelProto:
    """A layer of which one input channel has weights ten times the others."""
    b = Builder(3)
    x = b.input("x", ("n", 16, 6, 6) if op == "Conv" else ("n", 6, 16) if op == "MatMul" else ("n", 16))
    weight = (b.random.normal(size=(16, 12)) * 0.1).astype(np.float32)
    weight[5] *= 10
    if op == "Conv":
        y = b.node(op, x, b.constant(np.ascontiguousarray(weight.T)[:, :, None, None]), b.normal(12), name="layer")
    elif op == "Gemm":
        y = b.node(op, x, b.constant(np.ascontiguousarray(weight.T)), b.normal(12), name="layer", transB=1, alpha=0.5)
    else:
        y = b.node(op, x, b.constant(weight), name="layer")
    b.output(y, {"Conv": 4, "MatMul": 3, "Gemm": 2}[op])
    return b.model()


@pytest.mark.parametrize("op", ["Conv", "MatMul", "Gemm"])
def test_weights_are_split_behind_a_gather_that_moves_codes(op: str) -> None:
    """The function stays, the layer keeps its integer kernel with a few more columns, and has less error."""
    proto = _heavy(op)
    model = model_of(proto, "heavy")
    shape = [48, *(d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim[1:])]
    feeds = {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    data = given(feeds)
    draft = _draft(model, data, "w4a8-tensor-minmax", part="weights", share=0.2)
    wanted = run(proto, feeds)[0]
    np.testing.assert_allclose(run(draft.proto, feeds)[0], wanted, rtol=1e-4, atol=1e-4)
    assert "doubled and halved 1 of its 16 channels" in draft.remarks["layer"][0]
    found = [
        quantized(model, r, data)
        for r in ("w4a8-tensor-minmax", _recipe("w4a8-tensor-minmax", part="weights", share=0.2))
    ]
    assert [q.plan.layer("layer").treatment for q in found] == ["quantized", "quantized"]
    assert found[1].plan.layer("layer/doubled").treatment in ("passthrough", "float")
    plain, split = (decibels(run(onnx.load(q.path), feeds, simulated=True)[0], wanted) for q in found)
    assert split > plain + 3


@pytest.mark.parametrize("shape", [{}, {"fused": True}, {"after": True}], ids=str)
@pytest.mark.parametrize("size", [10.0, 40.0])
def test_outlier_channels_of_activations_are_multiplied_in_float(shape: dict[str, bool], size: float) -> None:
    """The function stays; products keep their grids, and the answers are 1.5 dB and more nearer to float."""
    model, data = model_of(block(size, **shape), "block"), tokens()
    draft = _draft(model, data, "w8a8-tensor")
    wanted = run(model.proto(), FEEDS)[0]
    np.testing.assert_allclose(run(draft.proto, FEEDS)[0], wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    assert "multiplies 1 of its 16 channels in float" in draft.remarks["up"][0]
    found = [quantized(model, recipe, data) for recipe in ("w8a8-tensor", "w8a8-tensor-outlier_split")]
    assert found[1].plan.layer("up").treatment == "quantized"
    assert found[1].plan.layer("up/outliers_product").treatment == "float"
    plain, split = (decibels(run(onnx.load(q.path), FEEDS, simulated=True)[0], wanted) for q in found)
    assert split > plain + 1.5


def test_a_product_with_alpha_and_the_weight_turned_over() -> None:
    """Gemm: its float part is multiplied by alpha, and its bias is added once."""
    proto = _heavy("Gemm")
    x = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32)
    x[:, 3] *= 50
    draft = _draft(model_of(proto, "gemm"), given({"x": x}), "w8a8-tensor")
    assert "in float" in draft.remarks["layer"][0]
    np.testing.assert_allclose(run(draft.proto, {"x": x})[0], run(proto, {"x": x})[0], rtol=1e-3, atol=1e-4)
    assert draft.proto.graph.output[0].name == proto.graph.output[0].name


def test_where_there_is_nothing_to_split_layers_are_left() -> None:
    """Without outliers, without codes of activations, and convolutions: nothing changes and the plan says why."""
    one = case("cnn")
    draft = _draft(one.model, data_of(one), "w8a8-tensor")
    assert not set(GraphIndex(draft.proto).nodes) - set(GraphIndex(one.model.proto()).nodes)
    assert any("the operator Conv is not taken" in text for clauses in draft.remarks.values() for text in clauses)
    weights = _draft(model_of(block(), "block"), tokens(), "w4")
    assert "its activations are not quantized" in weights.remarks["up"][0]
