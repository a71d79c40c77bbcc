"""The table of operators against ONNX Runtime: which of them really have integer kernels, and which move codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from qexplorer.load.operators import QUANTIZABLE, OperatorKind
from tests.load.model_graphs import model, weight

IMAGE = [1, 4, 8, 8]
# Attributes and constant inputs after the data that make a valid node of each operator.
FORMS: dict[str, tuple[dict[str, object], dict[str, np.ndarray]]] = {
    "AveragePool": ({"kernel_shape": [2, 2]}, {}),
    "MaxPool": ({"kernel_shape": [2, 2]}, {}),
    "PRelu": ({}, {"slope": weight(4, 1, 1)}),
    "ReduceMean": ({}, {"axes": np.array([2, 3])}),
    "ReduceMax": ({}, {"axes": np.array([2, 3])}),
    "Reshape": ({}, {"shape": np.array([1, 256])}),
    "Transpose": ({"perm": [0, 2, 3, 1]}, {}),
    "Squeeze": ({}, {"axes": np.array([0])}),
    "Unsqueeze": ({}, {"axes": np.array([0])}),
    "Slice": ({}, {"starts": np.array([0]), "ends": np.array([2]), "axes": np.array([1])}),
    "Gather": ({"axis": 1}, {"indices": np.array([0, 2])}),
    "Expand": ({}, {"shape": np.array([2, 4, 8, 8])}),
    "Tile": ({}, {"repeats": np.array([2, 1, 1, 1])}),
    "Split": ({"axis": 1, "num_outputs": 2}, {}),
    "DepthToSpace": ({"blocksize": 2}, {}),
    "Resize": ({"mode": "nearest"}, {"": np.zeros(0, np.float32), "scales": np.array([1, 1, 2, 2], np.float32)}),
    "Concat": ({"axis": 1}, {}),
}
WEIGHTED: dict[str, tuple[list[int], np.ndarray, int]] = {
    "Conv": (IMAGE, np.ones((6, 4, 3, 3), np.int8), 0),
    "ConvTranspose": (IMAGE, np.ones((4, 6, 3, 3), np.int8), 1),
    "Gemm": ([2, 8], np.ones((8, 5), np.int8), 1),
    "MatMul": ([2, 8], np.ones((8, 5), np.int8), 1),
}


class Qdq:
    """Collects nodes and weights of a graph with Q/DQ pairs."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def pair(self, name: str, scale: float) -> str:
        """Q and DQ after ``name``; returns the name behind them."""
        out = f"{name}_d"
        self.weights |= {f"{name}_s": np.array(scale, np.float32), f"{name}_z": np.array(128, np.uint8)}
        self.nodes.append(helper.make_node("QuantizeLinear", [name, f"{name}_s", f"{name}_z"], [f"{name}_q"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", f"{name}_s", f"{name}_z"], [out]))
        return out


def graph_with_pairs(op: str) -> onnx.ModelProto:
    """One node with Q/DQ on each activation input, on the weight and on each output."""
    rule, qdq = QUANTIZABLE[op], Qdq()
    attributes, constants = FORMS.get(op, ({}, {}))
    shape, inner, axis = WEIGHTED.get(op, (IMAGE, None, 0))
    names = ["x", "x2"] if rule.activation_inputs in ((0, 1), None) else ["x"]
    scale = 0.05
    inputs = [qdq.pair(name, scale) for name in names]
    if inner is not None:
        channels = inner.shape[axis]
        qdq.weights |= {"w": inner, "ws": np.full(channels, 0.01, np.float32), "wz": np.zeros(channels, np.int8)}
        qdq.nodes.append(helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=axis))
        inputs.append("wd")
    qdq.weights |= {name: array for name, array in constants.items() if name}
    outputs = ["y", "y2"] if op == "Split" else ["y"]
    qdq.nodes.append(helper.make_node(op, [*inputs, *constants], outputs, **attributes))
    own = rule.kind in (OperatorKind.ARITHMETIC, OperatorKind.WEIGHTED)
    ends = [qdq.pair(name, 0.07 if own else scale) for name in outputs]
    return model(qdq.nodes, dict.fromkeys(names, shape), ends, qdq.weights)


def kernels(proto: onnx.ModelProto, folder: Path) -> list[str]:
    """Operator types of ONNX Runtime's optimized graph that are neither Q nor DQ nor moving data for layout."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node]


@pytest.mark.parametrize("op", [name for name, rule in QUANTIZABLE.items() if rule.kind is not OperatorKind.ABSORBED])
def test_table_agrees_with_the_runtime(op: str, tmp_path: Path) -> None:
    """An operator runs on codes in ONNX Runtime exactly if the table says so."""
    rule = QUANTIZABLE[op]
    found = kernels(graph_with_pairs(op), tmp_path)
    outputs = 2 if op == "Split" else 1
    if rule.kind is OperatorKind.PASSTHROUGH:  # one Q at the start, one DQ for each output, nothing between
        on_codes = found.count("QuantizeLinear") == 1 and found.count("DequantizeLinear") == outputs
        assert op in found
    else:
        on_codes = any(name in ("QGemm", f"QLinear{op}") for name in found)
    assert on_codes == rule.integer


@pytest.mark.parametrize(("zero_point", "absorbed"), [(0, True), (10, False)])
def test_relu_is_absorbed_where_the_grid_begins_at_zero(zero_point: int, absorbed: bool, tmp_path: Path) -> None:
    """Conv, Relu and Q become one integer convolution where the zero point is the lowest code, and only there."""
    proto = graph_with_pairs("Conv")
    position = next(i for i, node in enumerate(proto.graph.node) if node.op_type == "Conv")
    proto.graph.node[position].output[0] = "before"
    proto.graph.node.insert(position + 1, helper.make_node("Relu", ["before"], ["y"]))
    for tensor in proto.graph.initializer:
        if tensor.name == "y_z":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(zero_point, np.uint8), "y_z"))
    assert ("QLinearConv" in kernels(proto, tmp_path)) == absorbed


def test_every_rule_is_filed_under_its_operator() -> None:
    """The table's keys are its rules' operators, and only weighted operators have weights."""
    for op, rule in QUANTIZABLE.items():
        assert rule.op == op
        assert (rule.weight_input is not None) == (rule.kind is OperatorKind.WEIGHTED)
