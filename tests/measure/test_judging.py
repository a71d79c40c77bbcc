"""One variant judged in a child: what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import qexplorer as qx
from qexplorer.core.dataset import DataSet, Split
from qexplorer.measure.judging import judge_variant
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import float_variant, subject_of


def test_answers_that_are_drawn_are_refused_by_the_node(tmp_path: Path) -> None:
    """A model that samples gives other answers in each call: no number is shown, and the node that draws is named."""
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes = [node("RandomNormalLike", ["x"], ["r"], "sampled"), node("Add", ["x", "r"], ["y"])]
    shape = ["n", 4]
    ends = [value("x", TensorProto.FLOAT, shape)], [value("y", TensorProto.FLOAT, shape)]
    proto = helper.make_model(helper.make_graph(nodes, "g", *ends), opset_imports=[helper.make_opsetid("", 21)])
    proto.ir_version = 10
    onnx.save(proto, str(tmp_path / "policy.onnx"))
    model = qx.load(tmp_path / "policy.onnx")
    part = Split({"x": np.zeros((4, 4), np.float32)}, None)
    data = DataSet("zeros", part, part, False, (), "0" * 64, task="similarity")
    subject = subject_of(model, data, None)
    with scratch() as folder:
        judged = judge_variant(float_variant(model), "onnxruntime", subject, keep_samples(folder, subject.inputs))
    assert (judged.refused or "").startswith("'sampled' (RandomNormalLike) draws random numbers for output 'y'")
    assert not judged.usable
