"""Constant factors beside a layer: into the scales of its weight, where they cost no bit, or held apart from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.factors import absorb_factors
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions
from tests.run.litert_here import HERE, keep, session_of

WIDTH = 6
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


def between_factors(folder: Path, dynamic: bool) -> Path:
    """A layer on int8 weights between products with a vector each, its own input dynamic or float."""
    random = np.random.default_rng(4)
    codes = random.integers(-127, 128, (WIDTH, 5)).astype(np.int8)
    values = {
        "before": random.normal(size=WIDTH).astype(np.float32),
        "after": random.normal(size=5).astype(np.float32),
        "codes": codes,
        "zero": np.int8(0),
        "step": np.float32(0.01),
    }
    if dynamic:
        layer = [
            helper.make_node("DynamicQuantizeLinear", ["m"], ["q", "scale", "point"]),
            helper.make_node("MatMulInteger", ["q", "codes", "point", "zero"], ["sums"]),
            helper.make_node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["scale", "step"], ["both"]),
            helper.make_node("Mul", ["floats", "both"], ["p"]),
        ]
    else:
        layer = [
            helper.make_node("DequantizeLinear", ["codes", "step"], ["w"]),
            helper.make_node("MatMul", ["m", "w"], ["p"]),
        ]
    nodes = [
        helper.make_node("Mul", ["x", "before"], ["m"]),
        *layer,
        helper.make_node("Relu", ["p"], ["r"]),
        helper.make_node("Mul", ["r", "after"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    stored = [numpy_helper.from_array(np.asarray(v), name) for name, v in values.items()]
    inputs, outputs = [info("x", TensorProto.FLOAT, ["n", WIDTH])], [info("y", TensorProto.FLOAT, None)]
    path = folder / "between.onnx"
    graph = helper.make_graph(nodes, "between", inputs, outputs, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return path


@pytest.mark.skipif(not HERE, reason="litert is not installed")
@pytest.mark.parametrize("dynamic", [False, True])
def test_factors_beside_a_layer_leave_its_weights_on_their_codes(
    tmp_path: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch, dynamic: bool
) -> None:
    """Dynamic layers behind a normalization's scale run on integers, and no answer is that of other weights."""
    keep(session_workspace, monkeypatch)
    path, x = between_factors(tmp_path, dynamic), np.random.default_rng(0).normal(size=(48, WIDTH)).astype(np.float32)
    session, reference = session_of(path), OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED))
    # row by row, as LiteRT finds the ranges of a dynamic layer
    expected = np.concatenate([reference.run({"x": row[None]})[0] for row in x])
    np.testing.assert_allclose(session.run({"x": x})[0], expected, rtol=0, atol=1e-5 * np.ptp(expected))
    if dynamic:
        assert session.kernels().integer == {"FULLY_CONNECTED (dynamic)": 1}
