"""Operators of ONNX Runtime's own, written in standard ones when a file is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from qexplorer.load.normal.contrib import in_standard_operators
from tests.load.model_graphs import model, weight
from tests.load.normalized import load, operators, same

MICROSOFT = "com.microsoft"
PARTS = {"w": weight(4, 6), "v": weight(6, 3, seed=1), "b": weight(6, seed=2), "s": weight(6, seed=3)}


def _between(*nodes: onnx.NodeProto, opset: int = 17, outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    """``h = x @ w`` in front of the nodes, ``y = z @ v`` behind them."""
    around = [helper.make_node("MatMul", ["x", "w"], ["h"]), *nodes, helper.make_node("MatMul", ["z", "v"], ["y"])]
    opsets = [helper.make_opsetid(MICROSOFT, 1)]
    return model(around, {"x": ["n", 2, 4]}, list(outputs), PARTS, opset=opset, opsets=opsets)


def _ours(op: str, inputs: list[str], outputs: list[str], **settings: float) -> onnx.NodeProto:
    return helper.make_node(op, inputs, outputs, name="own", domain=MICROSOFT, **settings)


@pytest.mark.parametrize(
    ("node", "standard"),
    [
        (_ours("QuickGelu", ["h"], ["z"]), ["Mul", "Sigmoid", "Mul"]),
        (_ours("QuickGelu", ["h"], ["z"], alpha=1.0), ["Mul", "Sigmoid", "Mul"]),
        (_ours("Gelu", ["h"], ["z"]), ["Gelu"]),
        (_ours("BiasGelu", ["h", "b"], ["z"]), ["Add", "Gelu"]),
        (_ours("FastGelu", ["h"], ["z"]), ["Gelu"]),
        (_ours("FastGelu", ["h", "b"], ["z"]), ["Add", "Gelu"]),
        (_ours("SkipLayerNormalization", ["h", "h", "s"], ["z"], epsilon=0.01), ["Add", "LayerNormalization"]),
    ],
)
def test_an_operator_of_onnx_runtime_is_written_in_standard_ones(
    node: onnx.NodeProto, standard: list[str], tmp_path: Path
) -> None:
    """They compute the same, and the last of them keeps the name that the node had."""
    before = _between(node)
    loaded, after = load(before, tmp_path)
    assert operators(after) == ["MatMul", *standard, "MatMul"]
    assert after.graph.node[-2].name == "own"
    assert loaded.notes == ("converted from opset 17 to 21",)
    same(before, after, x=5 * weight(3, 2, 4))


def test_a_normalization_without_an_epsilon_has_that_of_onnx_runtime(tmp_path: Path) -> None:
    """1e-12, and not the 1e-5 of ONNX's own: small values tell them apart."""
    before = _between(_ours("SkipLayerNormalization", ["h", "h", "s"], ["z"]))
    after = load(before, tmp_path)[1]
    assert operators(after) == ["MatMul", "Add", "LayerNormalization", "MatMul"]
    same(before, after, x=1e-3 * weight(3, 2, 4))


def test_a_sum_that_a_skip_gives_out_stays_an_output(tmp_path: Path) -> None:
    """The fourth output of SkipLayerNormalization, the sum with its bias, is read by others and by whoever runs it."""
    node = _ours("SkipLayerNormalization", ["h", "h", "s", "b", "b"], ["z", "", "", "sum"])
    before = _between(node, outputs=("y", "sum"))
    loaded, after = load(before, tmp_path)
    assert operators(after) == ["MatMul", "Add", "Add", "LayerNormalization", "MatMul"]
    assert [port.name for port in loaded.outputs] == ["y", "sum"]
    same(before, after, x=weight(3, 2, 4))


def test_what_an_older_opset_lacks_is_left() -> None:
    """Gelu came with opset 20, so that a file that stays at 17 keeps the operator; one without any stays as it is."""
    for proto in (_between(_ours("Gelu", ["h"], ["z"])), _between(helper.make_node("Relu", ["h"], ["z"]), opset=21)):
        assert in_standard_operators(proto) is proto


def test_the_numbers_beside_it_have_its_type() -> None:
    """Behind float16, the factor of QuickGelu is float16."""
    half = [helper.make_node("Cast", ["h"], ["c"], to=10), _ours("QuickGelu", ["c"], ["g"])]
    proto = _between(*half, helper.make_node("Cast", ["g"], ["z"], to=1), opset=21)
    found = in_standard_operators(proto)
    factor = next(item for item in found.graph.initializer if item.name not in PARTS)
    assert (factor.data_type, float(onnx.numpy_helper.to_array(factor))) == (10, float(np.float16(1.702)))


@pytest.mark.parametrize(("outputs", "read"), [(["z", "mean"], "mean"), (["z", "", "deviation"], "deviation")])
def test_a_normalization_whose_statistics_are_read_stays(outputs: list[str], read: str) -> None:
    """Nothing in the standard gives them; where nobody reads them they are no obstacle."""
    node = _ours("SkipLayerNormalization", ["h", "h", "s"], outputs)
    shown = in_standard_operators(_between(node, opset=21, outputs=("y", read)))
    assert operators(shown) == ["MatMul", "SkipLayerNormalization", "MatMul"]
    unread = in_standard_operators(_between(node, opset=21))
    assert operators(unread) == ["MatMul", "Add", "LayerNormalization", "MatMul"]


def test_a_function_of_what_nobody_knows_the_type_of_stays() -> None:
    """Its factor would have to have that type."""
    theirs = helper.make_node("Theirs", ["h"], ["c"], domain="some.body")
    proto = _between(theirs, _ours("QuickGelu", ["c"], ["z"]), opset=21)
    proto.opset_import.append(helper.make_opsetid("some.body", 1))
    assert "QuickGelu" in operators(in_standard_operators(proto))
