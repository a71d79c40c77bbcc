"""Reading kernels from an optimized graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.onnxruntime.kernel_table import KernelTreatment, treatment
from qexplorer.run.onnxruntime.kernels import kernels_of
from qexplorer.run.protocol import SessionOptions
from tests.measure.models import make_cnn, save


def graph_of(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A graph of ``nodes``, unchecked."""
    return helper.make_model(helper.make_graph(list(nodes), "g", [], []))


def test_a_pooling_counts_as_integer_only_where_it_sees_codes() -> None:
    """The same MaxPool is integer behind a QLinearConv and its reshape, and float behind a Conv."""
    on_codes = graph_of(
        helper.make_node("QLinearConv", ["x"], ["a"], domain="com.microsoft"),
        helper.make_node("Transpose", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"]),
        helper.make_node("MaxPool", ["c"], ["d"]),
    )
    on_floats = graph_of(helper.make_node("Conv", ["x"], ["a"]), helper.make_node("MaxPool", ["a"], ["b"]))
    assert kernels_of(on_codes).integer == {"MaxPool": 2, "QLinearConv": 1}
    assert kernels_of(on_codes).other == {"Transpose": 1}
    assert kernels_of(on_floats).float == {"Conv": 1, "MaxPool": 1}


def test_dequantized_values_are_no_codes() -> None:
    """Behind DequantizeLinear a Relu is float again, and the conversion itself computes nothing."""
    found = kernels_of(
        graph_of(
            helper.make_node("QuantizeLinear", ["x"], ["q"]),
            helper.make_node("DequantizeLinear", ["q"], ["f"]),
            helper.make_node("Relu", ["f"], ["y"]),
        )
    )
    assert (found.integer, found.float) == ({}, {"Relu": 1})
    assert found.other == {"DequantizeLinear": 1, "QuantizeLinear": 1}


def test_bodies_of_control_flow_are_counted() -> None:
    """What an If runs in its branches is part of the list."""
    body = helper.make_graph([helper.make_node("MatMulInteger", ["a", "b"], ["c"])], "then", [], [])
    found = kernels_of(graph_of(helper.make_node("If", ["p"], ["y"], then_branch=body, else_branch=body)))
    assert found.integer == {"MatMulInteger": 2}


def test_unknown_operators_are_float() -> None:
    """An operator that the table does not list is never passed off as integer."""
    assert treatment("SomethingNew") is KernelTreatment.FLOAT


def test_four_bit_weights_are_named_and_exact(tmp_path: Path) -> None:
    """Blocked int4 weights run as MatMulNBits, listed with its width under float, exactly as dequantized."""
    rng = np.random.default_rng(0)
    codes = rng.integers(-8, 8, (64, 16)).astype(np.int8)
    scale = rng.uniform(0.01, 0.1, (2, 16)).astype(np.float32)
    packed = helper.make_tensor("w", TensorProto.INT4, codes.shape, codes.astype(int).ravel().tolist())
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["wf"], "dq", axis=0, block_size=32),
        helper.make_node("MatMul", ["x", "wf"], ["y"], "mm"),
    ]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", k]) for n, k in (("x", 64), ("y", 16)))
    model = save(tmp_path, helper.make_graph(nodes, "g", [x], [y], [packed, numpy_helper.from_array(scale, "s")]), "w4")
    session = OnnxRuntimeCpu().load(model.path, SessionOptions())
    given = rng.normal(size=(3, 64)).astype(np.float32)
    expected = given @ (codes * np.repeat(scale, 32, axis=0))
    assert np.allclose(session.run({"x": given})[0], expected, atol=1e-4)
    assert session.kernels().float == {"MatMulNBits (int4 weights)": 1}


def test_reading_kernels_leaves_no_file(tmp_path: Path, monkeypatch: object) -> None:
    """The optimized model goes to a private folder that is gone afterwards."""
    import tempfile

    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))  # type: ignore[attr-defined]
    model = make_cnn(tmp_path)
    assert OnnxRuntimeCpu().load(model.path, SessionOptions()).kernels().float["Conv"] == 2
    assert list(folder.iterdir()) == []
