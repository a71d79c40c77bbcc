"""Which look-ups take whole rows of a stored matrix by ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.graph.embeddings import SHORTEST_ROW, embedding_table
from qexplorer.graph.index import GraphIndex


def _found(shape: tuple[int, ...] = (5, SHORTEST_ROW), *, kind: Any = np.float32, **changed: Any) -> str | None:
    """What a look-up in a table of ``shape`` is; ``changed`` replaces its inputs or is an attribute of it."""
    reads = changed.pop("reads", ["table", "ids"])
    op, domain = changed.pop("op", "Gather"), changed.pop("domain", "")
    places = helper.make_node("Cast", ["x"], ["places"], to=TensorProto.INT64)
    look_up = helper.make_node(op, reads, ["rows"], domain=domain, **changed)
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8]),
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"]),
    ]
    table = numpy_helper.from_array(np.zeros(shape, kind), "table")
    made = [helper.make_tensor_value_info("rows", TensorProto.FLOAT, None)]
    graph = helper.make_graph([places, look_up], "g", ends, made, [table])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return embedding_table(look_up, GraphIndex(proto))


def test_rows_of_a_stored_matrix_taken_by_ids_are_an_embedding() -> None:
    """From eight values a row on; the axis of rows is the first, said or not."""
    assert SHORTEST_ROW == 8
    assert _found() == _found(axis=0) == "table"


@pytest.mark.parametrize(
    "other",
    [
        {"shape": (20, 7)},
        {"shape": (5, 8, 2)},
        {"shape": (64,)},
        {"kind": np.int64},
        {"axis": 1},
        {"op": "GatherElements"},
        {"domain": "mine"},
        {"reads": ["x", "ids"]},
        {"reads": ["table", "places"]},
    ],
    ids=lambda other: "_".join(map(str, (*other, *other.values()))).replace(" ", ""),
)
def test_other_look_ups_are_none(other: dict[str, Any]) -> None:
    """Short rows, other ranks and types, other axes and operators, what is not stored, places computed from floats."""
    assert _found(**other) is None
