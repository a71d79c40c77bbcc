"""Weights that are looked up in a table, as values."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.tables import rewrite_tables


def test_scales_of_blocks_are_repeated_along_their_own_axis() -> None:
    """Two blocks of two columns in each of three rows: every value is its level times its own block's scale."""
    levels = np.array([-1.0, 0.0, 0.5, 1.0], np.float32)
    codes = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [2, 2, 3, 3]], np.uint8)
    scales = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    nodes = [
        helper.make_node("Cast", ["codes"], ["places"], to=TensorProto.INT32),
        helper.make_node("Gather", ["levels", "places"], ["values"], axis=0),
        helper.make_node("Cast", ["blocks"], ["wide"], to=TensorProto.INT32),
        helper.make_node("Gather", ["scales", "wide"], ["factors"], axis=1),
        helper.make_node("Mul", ["values", "factors"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    constants = {"codes": codes, "levels": levels, "blocks": np.array([0, 0, 1, 1], np.uint8), "scales": scales}
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], stored)
    edit = GraphEdit(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    differences: list[str] = []
    rewrite_tables(edit, differences)
    assert [node.op_type for node in edit.nodes] == ["MatMul"]
    np.testing.assert_array_equal(edit.array("w"), levels[codes] * np.repeat(scales, 2, axis=1))
    assert differences == ["'codes' is looked up in a table: stored as float32"]


@pytest.mark.parametrize(
    ("kind", "to", "left"),
    [
        (TensorProto.INT4, TensorProto.INT8, 0),
        (TensorProto.UINT4, TensorProto.UINT8, 0),
        (TensorProto.INT4, TensorProto.FLOAT, 1),
        (TensorProto.UINT4, TensorProto.INT32, 0),
        (TensorProto.INT4, TensorProto.INT32, 1),
    ],
)
def test_packed_codes_are_unpacked_into_bytes(kind: int, to: int, left: int) -> None:
    """Of which rows are taken, or by which a table is read; any other Cast stays."""
    codes = helper.make_tensor("codes", kind, [2, 2], [1, 2, 3, 4])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Cast", ["codes"], ["y"], to=to)], "g", ends[:1], ends[1:], [codes])
    edit = GraphEdit(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    rewrite_tables(edit, [])
    assert len(edit.nodes) == left
    found = edit.array("y")
    assert (found is None) == bool(left)
    assert found is None or found.tolist() == [[1, 2], [3, 4]]
