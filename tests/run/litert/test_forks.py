"""Parts of one tensor, of which some are rounded, keep to themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.forks import part_in_float
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions
from tests.run.litert_here import HERE, keep, session_of

FINE, COARSE = {"scale": 0.01, "zero_point": 3, "type": "int8"}, {"scale": 0.5, "zero_point": 0, "type": "int8"}


def _apart(*nodes: onnx.NodeProto, outputs: str = "y") -> list[str]:
    """What is kept apart in a graph from ``x``, which is cut into ``a`` and ``b``, to ``outputs``."""
    cut = helper.make_node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2)
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names] for names in ("x", outputs)
    ]
    graph = helper.make_graph([cut, *nodes], "g", *ends)
    edit = GraphEdit(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]))
    part_in_float(edit)
    return [node.input[0] for node in edit.nodes if node.op_type == "Apart"]


def test_a_rounding_is_kept_apart_where_another_part_is_not_rounded_alike() -> None:
    """The other part may be float, an output, or on another grid, behind further moves too; where all parts lie on one
    grid, or what is cut lies on one already, nothing is added."""
    node = helper.make_node
    fine, add = node("Grid", ["a"], ["ga"], **FINE), node("Add", ["ga", "gb"], ["y"])
    assert _apart(fine, node("Exp", ["b"], ["gb"]), add) == ["a"]
    assert _apart(fine, node("Grid", ["b"], ["gb"], **FINE), add) == []
    assert _apart(fine, node("Grid", ["b"], ["gb"], **COARSE), add) == ["a", "b"]
    assert _apart(fine, node("Grid", ["b"], ["gb"], **FINE), add, outputs="by") == ["a", "b"]
    chosen = node("LeakyRelu", ["a"], ["c"])
    assert _apart(chosen, node("Grid", ["c"], ["ga"], **FINE), node("Exp", ["c"], ["gb"]), add) == ["c"]
    assert _apart(chosen, node("Grid", ["c"], ["ga"], **FINE), node("Exp", ["b"], ["gb"]), add) == []
    turned = node("Transpose", ["b"], ["t"])
    assert _apart(fine, turned, node("Grid", ["t"], ["gb"], **FINE), add) == []
    assert _apart(fine, turned, node("Exp", ["t"], ["gb"]), add) == ["a"]
    whole = [node("Grid", ["x"], ["g"], **FINE), node("Split", ["g"], ["c", "d"], axis=1, num_outputs=2)]
    assert _apart(*whole, node("Grid", ["c"], ["ga"], **COARSE), node("Exp", ["d"], ["gb"]), add) == []


@pytest.mark.skipif(not HERE, reason="litert is not installed")
def test_a_state_in_float_is_not_rounded_with_its_neighbour(
    tmp_path: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter would round the whole input, whose second part stays in float, and cannot take a split into one."""
    keep(session_workspace, monkeypatch)
    constants = {"s": np.float32(0.05), "z": np.uint8(128)}
    nodes = [
        helper.make_node("Split", ["x"], ["hidden", "cell"], axis=1, num_outputs=2),
        helper.make_node("QuantizeLinear", ["hidden", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Split", ["cell"], ["part"], axis=1, num_outputs=1),
        helper.make_node("Tanh", ["part"], ["t"]),
        helper.make_node("Mul", ["d", "t"], ["y"]),
    ]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    ends = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", c])] for n, c in (("x", 8), ("y", 4))]
    graph, path = helper.make_graph(nodes, "state", *ends, stored), tmp_path / "state.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    feeds = {"x": np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)}
    expected = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)[0]
    np.testing.assert_allclose(session_of(path).run(feeds)[0], expected, rtol=0, atol=2e-6)
