"""AWQ: its factors, the float function stays, the error is never more, and what it wins back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.algorithms.awq import Awq, AwqOptions, importance
from qexplorer.quantize.changes.drafts import GraphDraft, Materials
from tests.quantize.given_data import data_of, quantized
from tests.quantize.outlier_graphs import block, decibels, tokens
from tests.quantize.support import case, model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


def _draft(proto: onnx.ModelProto, recipe: str = "w4-b8", **options: Any) -> GraphDraft:
    draft = GraphDraft(model_of(proto, "block"), Recipe.parse(recipe), Materials(data=tokens()), Awq())
    Awq().change_graph(draft, AwqOptions(**options))
    return draft


def _answers(proto: onnx.ModelProto) -> np.ndarray:
    return run(proto, {"x": np.asarray(tokens().calibration.inputs["x"])})[0]


def test_the_closed_form_of_its_factors() -> None:
    """``mean|X|^r`` over the root of its largest times its smallest; power 0 changes nothing."""
    np.testing.assert_allclose(importance(np.array([16.0, 1.0, 4.0]), 0.5), [2.0, 0.5, 1.0])
    np.testing.assert_allclose(importance(np.array([16.0, 1.0, 4.0]), 0.0), 1.0)
    assert np.isfinite(importance(np.array([0.0, 1.0]), 0.9)).all()
    both = importance(np.array([4.0, 1.0]), 0.5, np.array([0.25, 1.0]))
    np.testing.assert_allclose(both[0] / both[1], 4.0, rtol=1e-3)


@pytest.mark.parametrize("shape", [{}, {"fused": True}, {"after": True}], ids=str)
@pytest.mark.parametrize("recipe", ["w4-b8", "w3", "w4-tensor", "w4a8"])
def test_the_float_function_stays(shape: dict[str, bool], recipe: str) -> None:
    """Answers are the same up to the rounding of floats."""
    proto = block(**shape)
    draft = _draft(proto, recipe)
    assert draft.proto != draft.model.proto()
    before = _answers(proto)
    np.testing.assert_allclose(_answers(draft.proto), before, rtol=1e-3, atol=1e-4 * np.abs(before).max())


def test_weights_that_read_large_channels_are_scaled_up() -> None:
    """The channel that a normalization makes large gets the largest factor, and the plan says where it went."""
    draft = _draft(block())
    old, new = GraphIndex(draft.model.proto()), GraphIndex(draft.proto)
    ratio = new.array(new.nodes["up"].input[1])[:, 0] / old.array(old.nodes["up"].input[1])[:, 0]
    assert int(np.argmax(ratio)) == 9
    assert "in the constants of 'second_norm'" in draft.remarks["up"][0]


@pytest.mark.parametrize("recipe", ["w4-b8", "w4", "w3", "w3-tensor"])
def test_the_error_that_is_searched_is_never_more_than_without(recipe: str) -> None:
    """Every layer that was changed has less error at its outputs than before, by what the plan says."""
    draft = _draft(block(), recipe)
    changed = [text for clauses in draft.remarks.values() for text in clauses if "divided" in text]
    assert len(changed) >= 3
    for text in changed:
        after, before = text.split("outputs is ")[1].split(" of their size, ")
        assert float(after) < float(before.split(" ")[0])


@pytest.mark.parametrize("recipe", ["w4-b8", "w3-b8"])
def test_it_wins_back_what_rounding_of_important_weights_costs(recipe: str) -> None:
    """With outlier channels in front of the weights, answers are 2 dB and more nearer to float."""
    model, data = model_of(block(), "block"), tokens()
    wanted, feeds = _answers(model.proto()), {"x": np.asarray(data.calibration.inputs["x"])}
    found = [
        decibels(run(onnx.load(quantized(model, f"{recipe}{ends}", data).path), feeds)[0], wanted)
        for ends in ("", "-awq")
    ]
    assert found[1] > found[0] + 2


def test_a_chain_of_convolutions_is_scaled_without_a_node() -> None:
    """Factors pass a Relu and a pooling into the convolution in front; the first layer, which has none, is left, and
    what a Mul stands in front of is the product at the end."""
    one = case("cnn")
    draft = GraphDraft(one.model, Recipe.parse("w3-tensor"), Materials(data=data_of(one)), Awq())
    Awq().change_graph(draft, AwqOptions())
    kept = [node.op_type for node in draft.proto.graph.node if node.op_type not in ("Mul", "Gemm")]
    assert kept == [node.op_type for node in one.model.proto().graph.node][:-1]
    assert [node.op_type for node in draft.proto.graph.node][-2:] == ["Mul", "Gemm"]
    assert "in the constants of 'conv0'" in draft.remarks["conv3"][0]
    before, after = run(one.model.proto(), one.feeds)[0], run(draft.proto, one.feeds)[0]
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4 * np.abs(before).max())
    said = " ".join(text for clauses in draft.remarks.values() for text in clauses)
    assert "would part convolutions from their integer kernels" in said


def test_it_and_smoothquant_exclude_each_other() -> None:
    """Both choose what stands between the same layers."""
    with pytest.raises(RecipeError, match="exclude each other, because both choose the factors"):
        Recipe.parse("w8a8-smoothquant-awq")
