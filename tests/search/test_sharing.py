"""A weight that several layers read is one choice everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from qexplorer.api.given import load
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import index_of
from qexplorer.quantize.plan import make_plan
from qexplorer.search.mixing.tables import sharing
from qexplorer.search.repair.remedies import REMEDIES
from qexplorer.search.repair.repair_types import Diagnosis, Fault
from qexplorer.search.sensitivity.finding import find_sensitivity
from qexplorer.search.sensitivity.question import Inquiry
from tests.quantize.given_data import given


def test_a_weight_turned_over_is_one_choice(shared_workspace: Path, tmp_path: Path) -> None:  # noqa: ARG001
    """An embedding that is the last layer as well has one format: a report tells it, a remedy is for both."""
    rng = np.random.default_rng(0)
    path, table = tmp_path / "tied.onnx", rng.normal(0, 1, (24, 16)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["embed", "ids"], ["rows"], name="first"),
        helper.make_node("MatMul", ["rows", "middle"], ["turned"], name="second"),
        helper.make_node("Transpose", ["embed"], ["table"], name="turn", perm=[1, 0]),
        helper.make_node("MatMul", ["turned", "table"], ["y"], name="third"),
    ]
    weights = {"embed": table, "middle": rng.normal(0, 1, (16, 16)).astype(np.float32)}
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4, 24])
    graph = helper.make_graph(nodes, "tied", [ids], [y], [numpy_helper.from_array(v, k) for k, v in weights.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    model = load(path)
    plan = make_plan(model, Recipe.parse("w8"), None)
    assert sharing(plan, index_of(model).tied) == [["first", "third"], ["second"]]
    tokens = rng.integers(0, 24, (16, 4))
    report = find_sensitivity(model, given({"ids": tokens}), Inquiry(Recipe.parse("w4"), 16))
    assert [layer.shares for layer in report.layers] == [("third",), (), ("first",)]
    for remedy in (REMEDIES[Fault.UNEQUAL][0], REMEDIES[Fault.UNEQUAL][-1]):
        fault = Diagnosis("third", "MatMul", Fault.UNEQUAL, "", shares=report.layers[2].shares)
        changed = remedy.change(Recipe.parse("w4-tensor"), fault)
        assert changed is not None
        assert [rule.match for rule in changed.layers] == ["third", "first"]
