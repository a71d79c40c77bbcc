"""Which given nodes a kernel computes, told by tensors and names, on graphs of a few nodes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.onnxruntime.kernels import kernels_in, kernels_of
from qexplorer.run.onnxruntime.mapping import layers_of, plain_names
from qexplorer.run.onnxruntime.placement import engine_kernels, placed_kernels
from qexplorer.run.onnxruntime.probe import _missing_library
from qexplorer.run.onnxruntime.profile import TimedNode, executed, read_events


def _node(op: str, reads: str, makes: str, name: str = "", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, reads.split(), makes.split(), name or makes.split()[0], **attributes)


def _graph(*nodes: onnx.NodeProto, outputs: str = "y", constants: str = "w v") -> onnx.ModelProto:
    """From ``x`` to ``outputs``, with a few constants."""
    x = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])]
    stored = [numpy_helper.from_array(np.ones(1, np.float32), name) for name in constants.split()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()]
    return helper.make_model(helper.make_graph(list(nodes), "g", x, ends, stored))


def _nodes(text: str) -> list[onnx.NodeProto]:
    """Nodes as ``Operator reads > makes name; ...``; without a name they are called after what they make."""
    found = []
    for line in text.split("; "):
        (op, *reads), (makes, *name) = (side.split() for side in line.split(">"))
        found.append(_node(op, " ".join(reads), makes, name[0] if name else ""))
    return found


SUM, SOFT = (f"Conv x w > c conv; Relu c > r relu; {last} r > y last" for last in ("Add", "Softmax"))
TWO = "Conv x w > c conv; Conv x v > d other; Add c d > y both"


@pytest.mark.parametrize(
    ("given", "kernels", "found"),
    [
        # told by what it writes: everything in front of it that no other kernel ends at
        (SUM, "FusedConv x > y", ["conv relu last"]),
        (SUM, "Conv x > c; Add c > y", ["conv", "relu last"]),
        (SOFT, "Conv x > r; Softmax r > y", ["conv relu", "last"]),
        # told by its name alone: and the chain behind it, as far as it can be fused
        (SUM, "Conv x > ? conv", ["conv relu last"]),
        (SUM, "Conv x > ? c_nchwc", ["conv relu last"]),
        (SUM, "Conv x > ? c_nchwc; Add ? > y", ["conv relu", "last"]),
        (SOFT, "Conv x > ? conv_token_12", ["conv relu"]),
        (SOFT, "Conv x > ? conv; Softmax ? > y", ["conv relu", "last"]),
        (SUM, "Conv x > ? unheard_of", [""]),
        # a sum belongs to who runs last of those that it waits for
        (TWO, "Conv x > 1 conv; Conv x > 2 other", ["conv", "other both"]),
        (TWO, "Conv x > 1 other; Conv x > 2 conv", ["other", "conv both"]),
        # what only moves data is its own, or nobody's; behind it the tensor is the same
        ("Conv x w > c conv; Transpose c > y turn", "Conv x > c; Transpose c > y", ["conv", "turn"]),
        (SOFT, "Conv x > ?; ReorderOutput ? > r; Softmax r > y", ["conv relu", "", "last"]),
        (SOFT, "Conv x > ?; Transpose ? > r; Softmax r > y", ["conv relu", "", "last"]),
        # half precision that is computed in float32
        (SOFT, "Conv x > InsertedPrecisionFreeCast_r; Softmax r > y", ["conv relu", "last"]),
        # quantizers are no layers, and what follows from constants alone is computed before
        ("QuantizeLinear x w > q; DequantizeLinear q w > f; Relu f > y relu", "Relu x > y", ["relu"]),
        ("Neg w > n; Mul x n > y mul", "Mul x > y", ["mul"]),
    ],
)
def test_layers_are_found_by_the_best_evidence(given: str, kernels: str, found: list[str]) -> None:
    """A tensor that it writes before a name, and each layer once."""
    assert layers_of(_graph(*_nodes(given)).graph, _nodes(kernels)) == [tuple(each.split()) for each in found]


def test_what_is_seen_by_somebody_else_is_not_fused() -> None:
    """A tensor that is an output of the graph, or has two readers, ends what hangs on a name."""
    kernels = _nodes("Conv x > ? conv")
    assert layers_of(_graph(*_nodes(SUM), outputs="y c").graph, kernels) == [("conv",)]
    assert layers_of(_graph(*_nodes(SUM), outputs="y r").graph, kernels) == [("conv", "relu")]
    assert layers_of(_graph(*_nodes(f"{SUM}; Abs c > z abs"), outputs="y z").graph, kernels) == [("conv",)]


def test_what_stands_around_a_name_is_taken_off_piece_by_piece() -> None:
    """In front and behind, each in turn: the given name may hold such a piece itself."""
    assert list(plain_names("fused conv_nchwc")) == ["fused conv_nchwc", "conv_nchwc", "conv"]
    assert list(plain_names("a/MatMulAddFusion_token_3")) == ["a/MatMulAddFusion_token_3", "a/MatMulAddFusion", "a"]
    assert list(plain_names("InsertedPrecisionFreeCast_a")) == ["InsertedPrecisionFreeCast_a", "a"]
    assert list(plain_names("conv_nchwc_2")) == ["conv_nchwc_2"]


HALF, BRAIN = TensorProto.FLOAT16, TensorProto.BFLOAT16


def test_labels_tell_half_precision_and_bits_of_weights() -> None:
    """By the type that a kernel reads, followed through Casts and scales; what moves or converts needs none."""
    nodes = [
        _node("Cast", "x", "h", to=HALF),
        _node("Conv", "h w", "c"),
        _node("Transpose", "c", "t"),
        _node("Relu", "t", "r"),
        _node("Cast", "r", "f", to=TensorProto.FLOAT),
        _node("Relu", "f", "s"),
        _node("Cast", "x", "b", to=BRAIN),
        _node("Tanh", "b", "u"),
        _node("DequantizeLinear", "q scale", "d"),
        _node("Relu", "d", "v2"),
        _node("MatMulNBits", "x", "n", bits=2),
        _node("MatMulNBits", "x", "o"),
        _node("MatMulBnb4", "x", "p"),
        _node("GatherBlockQuantized", "x", "g", bits=8),
        _node("QLinearAdd", "h", "k"),
        _node("RandomNormal", "", "z", shape=[1]),
        _node("Relu", "given", "y"),
    ]
    proto = _graph(*nodes)
    proto.graph.initializer.append(numpy_helper.from_array(np.float16(1), "scale"))
    proto.graph.input.append(helper.make_tensor_value_info("given", HALF, [1]))
    assert [kernel.label for kernel in kernels_in(proto.graph)] == [
        "Cast",
        "Conv (fp16)",
        "Transpose",
        "Relu (fp16)",
        "Cast",
        "Relu",
        "Cast",
        "Tanh (bf16)",
        "DequantizeLinear",
        "Relu (fp16)",
        "MatMulNBits (int2 weights)",
        "MatMulNBits (int4 weights)",
        "MatMulBnb4 (int4 weights)",
        "GatherBlockQuantized (int8 weights)",
        "QLinearAdd",
        "RandomNormal",
        "Relu (fp16)",
    ]


@pytest.mark.parametrize("op", ["QuantizeLinear", "DynamicQuantizeLinear", "QGemm", "QLinearConv", "QLinearAdd"])
def test_what_carries_codes_is_integer_behind_what_makes_them(op: str) -> None:
    """Through moves, and into the body of an If; a tensor that is only read beside them carries none."""
    body = helper.make_graph([_node("Clip", "m", "inner")], "b", [], [])
    nodes = [
        _node(op, "x", "q"),
        _node("Reshape", "q", "m"),
        _node("MaxPool", "m", "p"),
        _node("ArgMax", "p", "a"),
        _node("If", "x", "i", then_branch=body, else_branch=body),
        _node("Max", "x p", "y"),
    ]
    found = kernels_of(_graph(*nodes))
    counted = {"MaxPool": 1, "ArgMax": 1, "Clip": 2}
    assert {name: count for name, count in found.integer.items() if name != op} == counted
    assert found.float == {"If": 1, "Max": 1}


def test_places_are_told_by_the_names_that_are_left() -> None:
    """Whatever was put around them; a node whose place nobody tells is where it was wanted."""
    optimized = _graph(
        _node("FusedConv", "x", "a", "fused conv_nchwc"),
        _node("Relu", "a", "b", "relu"),
        _node("Cast", "b", "c", "cast"),
        _node("QLinearConv", "c", "d", "codes"),
        _node("Relu", "d", "y", "unknown"),
    )
    cpu = [("CPUExecutionProvider", name, "") for name in ("conv", "cast", "codes", "")]
    found = placed_kernels(optimized, [*cpu, ("CUDAExecutionProvider", "relu", "Relu")], "CUDAExecutionProvider")
    assert found.float == {"FusedConv (on CPU)": 1, "Relu": 1}
    assert found.integer == {"QLinearConv (on CPU)": 1, "Relu": 1}
    assert found.other == {"Cast (on CPU)": 1}


def test_what_an_engine_left_out_is_counted_by_what_it_works_on() -> None:
    """A pool outside the engine computes in float; conversions and moves stand beside."""
    ops = ["MaxPool", "MaxPool", "QLinearConv", "Cast", "Reshape", "Softmax"]
    found = engine_kernels([("A", "", op) for op in ops] + [("E", "", "Conv")] * 3, "E")
    assert found.float == {"MaxPool (on A)": 2, "Softmax (on A)": 1}
    assert found.integer == {"QLinearConv (on A)": 1}
    assert found.other == {"Cast (on A)": 1, "Reshape (on A)": 1, "nodes in a TensorRT engine (types unknown)": 3}


def test_a_library_that_does_not_load_is_told_by_its_own_name(tmp_path: Path) -> None:
    """Without the folder that it lies in; nothing where there is none, or the provider has none of its own."""
    assert _missing_library(tmp_path, "cuda") is None
    (tmp_path / "libonnxruntime_providers_.so").write_bytes(b"no library")
    assert _missing_library(tmp_path, "") is None
    (tmp_path / "libonnxruntime_providers_cuda.so").write_bytes(b"no library")
    said = _missing_library(tmp_path, "cuda")
    assert said is not None
    assert "libonnxruntime_providers_shared.so" in said
    assert str(tmp_path) not in said


def test_events_of_other_kinds_are_no_kernels(tmp_path: Path) -> None:
    """Only durations of nodes; the first run of each gives the order."""
    kept = {"cat": "Node", "name": "b_kernel_time", "dur": 2500, "args": {"op_name": "Relu", "node_index": "1"}}
    events = [
        {"cat": "Node", "name": "a_fence_before", "dur": 9},
        {"cat": "Session", "name": "a_kernel_time", "dur": 9},
        kept,
        {"cat": "Node", "name": "a_kernel_time", "dur": 1},
        kept,
    ]
    (tmp_path / "profile.json").write_text(json.dumps(events))
    assert read_events(tmp_path / "profile.json") == [TimedNode("b", "Relu", (2.5, 2.5)), TimedNode("a", "", (0.001,))]


def test_kernels_come_in_the_order_in_which_they_ran() -> None:
    """Those that did not run last; what runs inside another is not listed, and a type that differs is another node."""
    body = helper.make_graph([_node("Abs", "x", "inner")], "b", [], [])
    nodes = [
        _node("If", "x", "i", "if", then_branch=body, else_branch=body),
        _node("Relu", "i", "r", "one"),
        helper.make_node("Relu", ["r"], ["s"]),
        _node("Abs", "s", "y", "two"),
    ]
    events = [
        TimedNode("two", "Abs", (1.0, 1.0, 0.5, 0.7, 0.9)),
        TimedNode("one", "Neg", (1.0, 1.0, 9.0)),
        TimedNode("Relu_3", "Relu", (1.0, 1.0, 0.25)),
        TimedNode("one", "Relu", (1.0, 1.0)),
    ]
    found = executed(_graph(*nodes), _graph(*nodes), events)
    assert [(kernel.name, kernel.ms) for kernel in found] == [
        ("two", 0.7),
        ("Relu_3", 0.25),
        ("one", None),
        ("if", None),
    ]
