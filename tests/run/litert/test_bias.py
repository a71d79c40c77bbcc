"""A constant added behind a layer becomes its bias where that rounds nothing that the graph does not round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.bias import rewrite_bias
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions
from tests.run.litert_here import HERE, keep, session_of

STEP_X, STEP_W = 0.25, 0.125
CODES = np.array([[3, -7], [5, 2], [-4, 6]], np.int8)


def behind(bias: list[float], reader: str, *, again: bool = False, shown: bool = False) -> list[str]:
    """Operators behind a layer on codes with this constant added, read by ``reader``; after the rewrite.

    Its own answers may be read ``again`` by something else, or be ``shown`` as an output.
    """
    nodes = [
        helper.make_node("Grid", ["x"], ["g"], scale=STEP_X, zero_point=0, type="int8"),
        helper.make_node("Weight", ["values"], ["w"], scales=[STEP_W], axis=-1, bits=8),
        helper.make_node("FullyConnected", ["g", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["a"]),
        helper.make_node(reader, ["a"], ["y"]),
        *([helper.make_node("Abs", ["m"], ["z"])] if again else []),
    ]
    info = helper.make_tensor_value_info
    outputs = ["y", *(["m"] if shown else []), *(["z"] if again else [])]
    ends = [[info(name, TensorProto.FLOAT, None) for name in names] for names in (["x"], outputs)]
    values = (CODES.T * STEP_W).astype(np.float32)
    stored = [numpy_helper.from_array(values, "values"), numpy_helper.from_array(np.array(bias, np.float32), "b")]
    model = helper.make_model(helper.make_graph(nodes, "g", *ends, stored), opset_imports=[helper.make_opsetid("", 21)])
    edit = GraphEdit(model)
    rewrite_bias(edit)
    return [node.op_type for node in edit.nodes][2:]


def test_a_bias_off_the_grid_stays_apart_where_no_codes_follow() -> None:
    """On codes a bias lies on scale_x * scale_w; a layer that ends in float would round it for nothing."""
    on_grid, off_grid = [STEP_X * STEP_W * 9, -STEP_X * STEP_W], [0.3, -0.01]
    assert behind(off_grid, "Sigmoid") == ["FullyConnected", "Bound", "Add", "Sigmoid"]
    assert behind(on_grid, "Sigmoid") == ["FullyConnected", "Sigmoid"]
    assert behind(off_grid, "Grid") == ["FullyConnected", "Grid"]
    one_off_grid = [STEP_X * STEP_W * 9, 0.3]
    assert behind(one_off_grid, "Sigmoid") == ["FullyConnected", "Bound", "Add", "Sigmoid"]


@pytest.mark.parametrize(
    ("code", "kept"), [(9.0, True), (9.0001, False), (1_000_000.375, True), (99_999.95, True), (99_990.5, False)]
)
def test_what_float32_leaves_of_a_bias_is_no_rounding(code: float, kept: bool) -> None:
    """A millionth of its size: large biases are stored no finer."""
    found = behind([STEP_X * STEP_W * code, 0.0], "Sigmoid")
    assert found == (["FullyConnected", "Sigmoid"] if kept else ["FullyConnected", "Bound", "Add", "Sigmoid"])


@pytest.mark.parametrize("bias", [[0.3, -0.01], [STEP_X * STEP_W * 9, 0.0]])
@pytest.mark.parametrize("reader", ["Sigmoid", "Grid"])
def test_a_sum_whose_products_somebody_else_sees_stays(bias: list[float], reader: str) -> None:
    """Nothing is put between, and nothing is taken in."""
    assert behind(bias, reader, shown=True) == ["FullyConnected", "Add", reader]
    assert behind(bias, reader, again=True) == ["FullyConnected", "Add", reader, "Abs"]


def test_a_bias_beyond_int32_stays_apart() -> None:
    """It would overflow as the bias of a layer on codes, whatever reads the sum."""
    step = STEP_X * STEP_W
    assert behind([step * 2.0**30, 0.0], "Grid") == ["FullyConnected", "Grid"]
    for beyond in (step * 2.0**32, -step * 2.0**32):
        assert behind([beyond, 0.0], "Grid") == ["FullyConnected", "Add", "Grid"]


def in_float_behind_codes(folder: Path) -> Path:
    """A layer on codes whose sums get a float bias and a sigmoid."""
    stored = {
        "sx": np.float32(STEP_X),
        "zx": np.uint8(128),
        "codes": CODES,
        "sw": np.float32(STEP_W),
        "b": np.array([0.3, -0.01], np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "sx", "zx"], ["d"], "d"),
        helper.make_node("DequantizeLinear", ["codes", "sw"], ["w"], "w"),
        helper.make_node("MatMul", ["d", "w"], ["m"], "m"),
        helper.make_node("Add", ["m", "b"], ["a"], "a"),
        helper.make_node("Sigmoid", ["a"], ["y"], "y"),
    ]
    info = helper.make_tensor_value_info
    ends = [info("x", TensorProto.FLOAT, ["n", 3])], [info("y", TensorProto.FLOAT, ["n", 2])]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "tail", *ends, constants)
    path = folder / "tail.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return path


@pytest.mark.skipif(not HERE, reason="litert is not installed")
def test_a_float_tail_has_its_own_bias(
    tmp_path: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public noise suppressor was refused for it: rounded, the bias alone moves these answers by 0.003."""
    keep(session_workspace, monkeypatch)
    path, x = in_float_behind_codes(tmp_path), np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    expected = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED)).run({"x": x})[0]
    np.testing.assert_allclose(session_of(path).run({"x": x})[0], expected, rtol=0, atol=1e-6)
