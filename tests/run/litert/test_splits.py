"""Splits that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.run.litert_here import HERE, keep, session_of


@pytest.mark.skipif(not HERE, reason="litert is not installed")
def test_a_split_into_one_part_is_converted(
    tmp_path: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exports of recurrent layers hold such splits; LiteRT's converter fails at torch's, whose result is a list of
    one."""
    keep(session_workspace, monkeypatch)
    info = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Split", ["x"], ["part"], axis=1, num_outputs=1),
        helper.make_node("Neg", ["part"], ["y"]),
    ]
    ends = [[info(name, TensorProto.FLOAT, ["n", 3])] for name in ("x", "y")]
    graph = helper.make_graph(nodes, "split", *ends)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "s.onnx")
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(session_of(tmp_path / "s.onnx").run({"x": given})[0], -given)
