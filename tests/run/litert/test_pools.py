"""Averages over windows are taken of the values that the graph has, whatever grid follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.pools import average_in_float
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions
from tests.run.litert_here import HERE, keep, session_of

FINE, COARSE = {"scale": 0.01, "zero_point": 3, "type": "int8"}, {"scale": 0.5, "zero_point": 0, "type": "int8"}


def parted(
    before: dict[str, object] | None, behind: dict[str, object] | None, outputs: str = "y"
) -> tuple[list[str], int]:
    """Operators in order and how many sentences are said, of an average between two grids (None: none)."""
    node = helper.make_node
    nodes = [
        node("Exp", ["x"], ["a"]) if before is None else node("Grid", ["x"], ["a"], **before),
        node("AveragePool", ["a"], ["p"], kernel_shape=[2]),
        node("Exp", ["p"], ["y"]) if behind is None else node("Grid", ["p"], ["y"], **behind),
    ]
    info = helper.make_tensor_value_info
    ends = [[info(name, TensorProto.FLOAT, None) for name in names] for names in ("x", outputs)]
    model = helper.make_model(helper.make_graph(nodes, "g", *ends), opset_imports=[helper.make_opsetid("", 21)])
    edit, differences = GraphEdit(model), list[str]()
    average_in_float(edit, differences)
    return [node.op_type for node in edit.nodes], len(differences)


def test_an_average_stays_on_codes_only_where_all_is_on_one_grid() -> None:
    """Codes on either side are kept apart; that an integer kernel is given up is said."""
    assert parted(COARSE, COARSE) == (["Grid", "AveragePool", "Grid"], 0)
    assert parted(None, None) == (["Exp", "AveragePool", "Exp"], 0)
    assert parted(COARSE, FINE) == (["Grid", "Apart", "AveragePool", "Apart", "Grid"], 1)
    assert parted(COARSE, None) == (["Grid", "Apart", "AveragePool", "Exp"], 0)
    assert parted(None, FINE) == (["Exp", "AveragePool", "Apart", "Grid"], 0)
    assert parted(COARSE, COARSE, outputs="py") == (["Grid", "Apart", "AveragePool", "Apart", "Grid"], 0)


@pytest.mark.skipif(not HERE, reason="litert is not installed")
def test_an_average_is_rounded_once_and_not_cut_off(
    tmp_path: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter would average on one of the two grids, eleven steps of the finer one away."""
    keep(session_workspace, monkeypatch)
    node, info = helper.make_node, helper.make_tensor_value_info
    constants = {"s0": np.float32(0.05), "z0": np.uint8(131), "s1": np.float32(0.013), "z1": np.uint8(90)}
    nodes = [node("QuantizeLinear", ["x", "s0", "z0"], ["q"]), node("DequantizeLinear", ["q", "s0", "z0"], ["g"])]
    nodes += [node("Sin", ["x"], ["f"])]
    for name in "gf":
        nodes += [node("AveragePool", [name], [f"p{name}"], f"p{name}", kernel_shape=[4, 4], strides=[4, 4])]
        nodes += [node("QuantizeLinear", [f"p{name}", "s1", "z1"], [f"q{name}"])]
        nodes += [node("DequantizeLinear", [f"q{name}", "s1", "z1"], [f"y{name}"])]
    outputs = [info(f"y{name}", TensorProto.FLOAT, ["n", 3, 2, 2]) for name in "gf"]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "averages", [info("x", TensorProto.FLOAT, ["n", 3, 8, 8])], outputs, stored)
    path = tmp_path / "averages.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    feeds = {"x": np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)}
    expected = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)
    session = session_of(path)
    for found, simulated in zip(session.run(feeds), expected, strict=True):
        np.testing.assert_allclose(found, simulated, rtol=0, atol=2e-6)
    assert session.notes == ("'pg' is computed in float: LiteRT's AveragePool on codes cannot do its grid",)
