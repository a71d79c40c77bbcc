"""Dynamic layers: which operator on integers each becomes, and what is written once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from onnx import helper

from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.emit.dynamic import dynamic_kernel
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import TensorPlan
from tests.quantize.graphs import Builder
from tests.quantize.support import case, model_of, run


def _weight(name: str = "int8", carrier: str = "int8", *, low: Any = -1.0, block: int | None = None) -> TensorPlan:
    """A weight of two channels, or of blocks; ``low`` moves their zero points."""
    ends = np.broadcast_to(np.asarray(low), (2, 1) if block else (2,)), np.ones((2, 1) if block else 2)
    symmetric = bool(np.all(np.asarray(low) == -1.0))
    grid = grid_from_range(*ends, get_format(name), symmetric=symmetric, axis=1 if block else 0, block=block)
    return TensorPlan("w", "weight", grid, "", carrier)


@pytest.mark.parametrize(
    ("op", "attributes", "biased", "weight", "kernel"),
    [
        ("MatMul", {}, False, _weight(), "MatMulInteger"),
        ("MatMul", {}, False, _weight(low=[-1.0, -3.0]), "MatMulInteger"),
        ("Gemm", {}, True, _weight(), "MatMulInteger"),
        ("Gemm", {"transB": 1}, True, _weight(), "MatMulInteger"),
        ("Gemm", {"transA": 1}, True, _weight(), None),
        ("Gemm", {"alpha": 0.5}, False, _weight(), None),
        ("Gemm", {"beta": 0.5}, True, _weight(), None),
        ("Gemm", {"beta": 0.5}, False, _weight(), "MatMulInteger"),
        ("Conv", {}, True, _weight(), "ConvInteger"),
        ("Conv", {}, True, _weight(low=[-3.0, -3.0]), "ConvInteger"),
        ("Conv", {}, True, _weight(low=[-1.0, -3.0]), None),
        ("ConvTranspose", {}, True, _weight(), None),
        ("MatMul", {}, False, _weight("uint8", "uint8"), "MatMulInteger"),
        ("MatMul", {}, False, _weight("int4"), "MatMulInteger"),
        ("MatMul", {}, False, _weight("int4", "int4"), None),
        ("MatMul", {}, False, _weight("int16", "int16"), None),
        ("MatMul", {}, False, _weight(block=8), None),
        ("MatMul", {}, False, _weight("fp8_e4m3"), None),
    ],
)
def test_a_layer_becomes_an_operator_on_integers_where_there_is_one(
    op: str, attributes: dict[str, Any], biased: bool, weight: TensorPlan, kernel: str | None
) -> None:
    """MatMulInteger has a zero point for each column, ConvInteger one for all; nothing is scaled or turned inside."""
    node = helper.make_node(op, ["x", "w", "b"][: 3 if biased else 2], ["y"], **attributes)
    assert dynamic_kernel(op, weight, node) == kernel


@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize(
    ("graph", "recipe", "ranges", "decoded"),
    [("attention", "w8a8-dynamic", 3, 0), ("concat", "w8a8-dynamic", 2, 0), ("concat", "w8a8-dynamic-asym", 2, 2 + 3)],
)
def test_the_range_of_a_tensor_is_found_once_for_all_its_readers(
    graph: str, recipe: str, ranges: int, decoded: int
) -> None:
    """Three products read the input of an attention, two convolutions that of the other; so it is where they compute in
    float: one DequantizeLinear for each tensor, and one for each weight."""
    one, asked = case(graph), Recipe.parse(recipe)
    nodes = Counter(node.op_type for node in emit(one.model, asked, make_plan(one.model, asked, None)).graph.node)
    assert (nodes["DynamicQuantizeLinear"], nodes["DequantizeLinear"]) == (ranges, decoded)


@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize("first", [0, 1])
def test_a_weight_that_is_read_as_it_is_and_turned_has_codes_of_both(first: int) -> None:
    """Two layers of one square weight, the second of which multiplies by its transpose, answer as in float."""
    b = Builder(3)
    weight, h = b.normal(6, 6, scale=1), b.input("x", ("n", 6))
    for turned in (first, 1 - first):
        h = b.node("Gemm", h, weight, transB=turned, name=f"turned {turned}")
    b.output(h, 2)
    model, asked = model_of(b.model(), f"turned {first} first"), Recipe.parse("w8a8-dynamic-tensor")
    feeds = {"x": b.random.normal(size=(1, 6)).astype(np.float32)}
    proto = emit(model, asked, make_plan(model, asked, None))
    assert [node.op_type for node in proto.graph.node].count("MatMulInteger") == 2
    expected = run(b.model(), feeds)[0]
    assert run(proto, feeds)[0] == pytest.approx(expected, abs=0.03 * float(np.abs(expected).max()))
