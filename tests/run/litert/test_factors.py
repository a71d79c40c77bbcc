"""Constant factors in front of a layer go into the scales of its weight, where they cost no bit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.factors import absorb_factors

SCALES, CODES = [0.5, 0.25], np.array([[1, -2, 3], [4, 5, -6]], np.float32)


def absorbed(operator: str, inputs: list[str], constant: object = 3.0, *, reads: int = 1) -> GraphEdit:
    """``layer(operator(inputs))`` after the rewrite, where ``c`` is the constant; the product may be read twice."""
    nodes = [
        helper.make_node("Weight", ["codes"], ["w"], scales=SCALES),
        helper.make_node(operator, inputs, ["p"]),
        helper.make_node("FullyConnected", ["p", "w"], ["y"]),
        *[helper.make_node("Relu", ["p"], ["z"])] * (reads - 1),
    ]
    info = helper.make_tensor_value_info
    outputs = [info("y", TensorProto.FLOAT, None), *[info("z", TensorProto.FLOAT, None)] * (reads - 1)]
    stored = [numpy_helper.from_array(CODES, "codes"), numpy_helper.from_array(np.asarray(constant, np.float32), "c")]
    graph = helper.make_graph(nodes, "g", [info("x", TensorProto.FLOAT, ["n", 3])], outputs, stored)
    edit = GraphEdit(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    absorb_factors(edit)
    return edit


def weight_of(edit: GraphEdit) -> tuple[str, list[float], np.ndarray]:
    """What the layer reads, the scales of its weight, and the weight's values."""
    layer = next(node for node in edit.nodes if node.op_type == "FullyConnected")
    weight: onnx.NodeProto = edit.makers()[layer.input[1]]
    scales = next(helper.get_attribute_value(each) for each in weight.attribute if each.name == "scales")
    values = edit.array(weight.input[0])
    assert values is not None
    return layer.input[0], list(scales), values


@pytest.mark.parametrize(
    ("operator", "inputs", "constant", "factor"),
    [
        ("Mul", ["x", "c"], 3.0, 3.0),
        ("Mul", ["c", "x"], [3.0], 3.0),
        ("Div", ["x", "c"], 4.0, 0.25),
    ],
)
def test_a_positive_factor_goes_into_the_scales(
    operator: str, inputs: list[str], constant: object, factor: float
) -> None:
    """The layer reads what was multiplied, and scales and values of its weight are as many times larger."""
    reads, scales, values = weight_of(absorbed(operator, inputs, constant))
    assert reads == "x"
    assert scales == [step * factor for step in SCALES]
    assert np.array_equal(values, CODES * factor)


@pytest.mark.parametrize(
    ("operator", "inputs", "constant", "reads"),
    [
        ("Mul", ["x", "c"], -3.0, 1),
        ("Mul", ["x", "c"], 0.0, 1),
        ("Mul", ["x", "c"], np.inf, 1),
        ("Mul", ["x", "c"], [1.0, 2.0, 3.0], 1),
        ("Div", ["c", "x"], 3.0, 1),
        ("Add", ["x", "c"], 3.0, 1),
        ("Mul", ["x", "c"], 3.0, 2),
    ],
)
def test_what_is_no_factor_of_this_layer_alone_stays(
    operator: str, inputs: list[str], constant: object, reads: int
) -> None:
    """Scales are positive and finite; a vector, a dividend, a sum and a product that others read are left."""
    before, scales, values = weight_of(absorbed(operator, inputs, constant, reads=reads))
    assert (before, scales) == ("p", SCALES)
    assert np.array_equal(values, CODES)
