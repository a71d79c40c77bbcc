"""A session that gives out tensors from inside a graph, and what it says where it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.core.errors import BackendError
from qexplorer.observe.collecting.tap import Tap, one_sentence, open_session
from tests.observe.graphs import as_model, residual_cnn


def test_what_cannot_be_loaded_is_told_with_its_name() -> None:
    """Bytes that are no model, and a graph that reads what nobody makes."""
    node = helper.make_node("Relu", ["nothing"], ["y"])
    bad = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
    for data in (b"rubbish", helper.make_model(bad, ir_version=10).SerializeToString()):
        with pytest.raises(BackendError, match=r"^the net: ONNX Runtime gave up: .+") as raised:
            open_session(data, 1, "the net")
        assert "\n" not in str(raised.value)
    assert one_sentence(ValueError("a\nb")) == "ONNX Runtime gave up: a b"


def test_the_optimized_graph_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    """With all optimizations the convolution swallows its activation; without, nodes stay as they are."""
    data, found = residual_cnn().SerializeToString(), {}
    for optimize in (True, False):
        path = tmp_path / f"{optimize}.onnx"
        session = open_session(
            data, 1, "net", save=path, optimize=optimize, settings={"session.x64quantprecision": "1"}
        )
        assert session.get_session_options().intra_op_num_threads == 1
        assert session.get_session_options().get_session_config_entry("session.x64quantprecision") == "1"
        found[optimize] = [node.op_type for node in onnx.load(path).graph.node]
    assert found[False] == [node.op_type for node in residual_cnn().graph.node]
    assert len([op for op in found[True] if op == "Relu"]) < len([op for op in found[False] if op == "Relu"])


def test_tensors_come_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    """Inputs, unknown types and whole numbers are left out; without any nothing runs."""
    model = as_model(residual_cnn(), tmp_path)
    x = np.random.default_rng(0).normal(size=(2, 3, 12, 10)).astype(np.float32)
    for blocked in (True, False):
        tap = Tap(model, ["y", "x", "r1"], threads=1, blocked=blocked)
        assert [tensor.name for tensor in tap.tensors] == ["y", "r1"]
        assert blocked or not any(tensor.lanes for tensor in tap.tensors)
        assert tap.run({"x": x})[0].shape[0] == 2
    assert Tap(model, ["x"], threads=1).run({"x": x}) == []


def test_a_batch_that_does_not_fit_is_told(tmp_path: Path) -> None:
    """In one sentence with the name of the model."""
    model = as_model(residual_cnn(), tmp_path)
    with pytest.raises(BackendError, match=f"^{model.name}: ONNX Runtime gave up: "):
        Tap(model, ["y"], threads=1).run({"x": np.zeros((1, 7, 12, 10), np.float32)})
