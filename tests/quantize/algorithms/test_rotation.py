"""Hadamard rotation: the float function stays, where it is worked in, and what it wins back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.algorithms.rotation import Rotation, RotationOptions
from qexplorer.quantize.changes.drafts import GraphDraft, Materials
from tests.quantize.given_data import data_of, quantized
from tests.quantize.outlier_graphs import OUTLIERS, block, decibels, tokens
from tests.quantize.support import case, model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


FEEDS = {"x": np.asarray(tokens().calibration.inputs["x"])}


def _draft(proto: onnx.ModelProto, recipe: str = "w8a8-tensor", **options: Any) -> GraphDraft:
    draft = GraphDraft(model_of(proto, "block"), Recipe.parse(recipe), Materials(data=tokens()), Rotation())
    Rotation().change_graph(draft, RotationOptions(**options))
    return draft


@pytest.mark.parametrize("shape", [{}, {"fused": True}, {"after": True}], ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"always": True}, {"always": True, "block": 8}, {"always": True, "insert": False}], ids=str
)
def test_the_float_function_stays(shape: dict[str, bool], options: dict[str, Any]) -> None:
    """Whole, in blocks, by products in front or in weights alone: answers are the same up to the rounding of floats."""
    proto = block(**shape)
    draft = _draft(proto, **options)
    assert draft.proto != draft.model.proto()
    before = run(proto, FEEDS)[0]
    np.testing.assert_allclose(run(draft.proto, FEEDS)[0], before, rtol=2e-3, atol=2e-4 * np.abs(before).max())


@pytest.mark.parametrize("name", ["attention", "mlp", "two", "shared"])
def test_other_graphs_compute_what_they_did(name: str) -> None:
    """Gemm stored either way, with alpha and a bias for all; vectors, shared weights and graph inputs."""
    one = case(name)
    draft = GraphDraft(one.model, Recipe.parse("w4a8"), Materials(data=data_of(one)), Rotation())
    Rotation().change_graph(draft, RotationOptions(always=True))
    for before, after in zip(run(one.model.proto(), one.feeds), run(draft.proto, one.feeds), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4 * np.abs(before).max())


def test_it_is_worked_into_the_values_of_an_attention_head_by_head() -> None:
    """No node is needed between values and the last product; no channel of the values is an outlier any more."""
    draft = _draft(block(), always=True, insert=False)
    old, new = GraphIndex(draft.model.proto()), GraphIndex(draft.proto)
    assert list(old.nodes) == list(new.nodes)
    assert "2 blocks, in the weight of 'value'" in draft.remarks["together"][0]
    before, after = (np.linalg.norm(view.array(view.nodes["value"].input[1]), axis=0) for view in (old, new))
    at = OUTLIERS["values"]
    assert before[at] / np.median(before) > 20
    assert after[:8].max() / after[:8].min() < 3, "the outlier is in the first head, which shares it"
    np.testing.assert_allclose(after[8:] @ after[8:], before[8:] @ before[8:], rtol=1e-4)
    assert "no layer in front can take it" in draft.remarks["up"][0]


def test_a_product_in_front_stays_in_float_and_serves_all_that_read_the_tensor() -> None:
    """Query, key and value share one; its matrix is no weight of the recipe."""
    found = quantized(model_of(block(), "block"), "w8a8-tensor-rotation", tokens())
    put_in = [layer for layer in found.plan.layers if "'rotation' put it in" in layer.reason]
    assert [layer.name for layer in put_in] == ["query/rotation", "up/rotation"]
    assert all(layer.treatment == "float" for layer in put_in)
    assert {found.plan.layer(name).treatment for name in ("query", "key", "value", "up")} == {"quantized"}


@pytest.mark.parametrize("shape", [{}, {"fused": True}], ids=str)
def test_it_wins_back_what_outlier_channels_cost(shape: dict[str, bool]) -> None:
    """With one scale for the outliers and all others, 8 bits are 3 dB and more nearer to float with it."""
    model, data = model_of(block(10.0, **shape), "block"), tokens()
    wanted = run(model.proto(), FEEDS)[0]
    found = [
        decibels(run(onnx.load(quantized(model, recipe, data).path), FEEDS, simulated=True)[0], wanted)
        for recipe in ("w8a8-tensor", "w8a8-tensor-rotation", "w8a8-tensor-smoothquant-rotation")
    ]
    assert found[1] > found[0] + 3
    assert found[2] > found[0] + 6


def test_without_outliers_it_leaves_layers_alone_and_says_so() -> None:
    """Where no error becomes less, nothing is put in, and convolutions are not taken."""
    draft = _draft(block(1.0), "w8a8")
    assert not any("/rotation" in node.name for node in draft.proto.graph.node)
    assert any("would" in text for text in draft.remarks["query"])


def test_its_place_is_behind_what_scales_channels() -> None:
    """The order is checked, and the reason told."""
    with pytest.raises(RecipeError, match="'smoothquant' goes before 'rotation', because behind a rotation channels"):
        Recipe.parse("w8a8-rotation-smoothquant")
