"""Single layers as they are lowered for the compiler: with their integers, where it can, and the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.torch_inductor.lower import LoweredGraph
from qexplorer.run.torch_inductor.session import TorchInductorSession
from qexplorer.run.torch_integer import TORCH
from qexplorer.torchgraph.graph import graph_of, read_model
from tests.run.qdq_layers import Values, codes, grid, one_layer

Y = (np.asarray(0.5, np.float32), np.asarray(128, np.uint8))


def _lowered(path: Path, **feeds: Values) -> bool:
    """Whether the layer keeps its integers; asserts that its answers are the simulation's, up to a step."""
    module = LoweredGraph(graph_of(read_model(path)))
    with torch.no_grad():
        found = module(*(torch.from_numpy(value) for value in feeds.values()))
    expected = TORCH.load(path, SessionOptions(Mode.SIMULATED)).run(feeds)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.numpy().dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert np.abs(ours.numpy().astype(float) - theirs.astype(float)).max() <= 1
        assert len(np.unique(theirs)) > 3
    return any(name.endswith(" codes") for name in module._slots)


CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], bool]] = [
    ((2, 4, 9), (6, 4, 3), {"pads": [1, 1], "strides": [2]}, True),
    ((2, 4, 9), (6, 4, 1), {}, True),
    ((2, 4, 9), (6, 2, 3), {"group": 2, "dilations": [2]}, True),
    ((2, 4, 7, 6), (6, 4, 3, 2), {}, True),
    ((2, 4, 7, 6), (6, 2, 3, 3), {"group": 2, "pads": [1, 0, 1, 0], "strides": [2, 1], "dilations": [1, 2]}, True),
    ((1, 2, 5, 4, 6), (3, 2, 2, 2, 3), {"pads": [0, 1, 1, 0, 1, 1], "strides": [1, 2, 1]}, True),
    ((2, 4, 7, 6), (6, 4, 3, 2), {"pads": [1, 0, 0, 0]}, False),
    ((2, 4, 7, 6), (6, 4, 3, 2), {"auto_pad": "SAME_LOWER"}, False),
    ((2, 4, 7, 6), (6, 4, 3, 2), {"auto_pad": "VALID"}, False),
]


@pytest.mark.parametrize(("shape", "weight", "attributes", "kept"), CONVOLUTIONS)
@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize("bias", ["none", "codes"])
def test_a_convolution_keeps_its_integers_where_torch_pads_alike(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    attributes: dict[str, Any],
    kept: bool,
    kind: str,
    bias: str,
    tmp_path: Path,
) -> None:
    """Along one to three axes, with a scale for each channel; other paddings are computed as written."""
    rng = np.random.default_rng(1)
    x, w = codes(rng, kind, shape), codes(rng, "int8", weight)
    x_grid, w_grid = grid(rng, kind), grid(rng, "int8", weight[0], symmetric=True)
    inputs: dict[str, Any] = {"x": (x, x_grid, None), "w": (w, w_grid, 0)}
    if bias == "codes":
        step = np.asarray(x_grid[0] * w_grid[0], np.float32)
        inputs["b"] = (rng.integers(-9000, 9000, weight[0]).astype(np.int32), (step, np.zeros_like(step, np.int32)), 0)
    assert _lowered(one_layer(tmp_path, "Conv", inputs, Y, **attributes), x=x) is kept


@pytest.mark.parametrize(
    ("op", "turned", "axis", "shape", "kept"),
    [
        ("MatMul", False, 1, (5, 6), True),
        ("MatMul", False, -1, (2, 5, 6), True),
        ("MatMul", False, None, (5, 6), True),
        ("MatMul", False, 0, (5, 6), False),
        ("Gemm", False, 1, (5, 6), True),
        ("Gemm", True, 0, (5, 6), True),
        ("Gemm", True, 1, (5, 6), False),
    ],
)
def test_a_product_keeps_its_integers_where_scales_are_those_of_its_outputs(
    op: str, turned: bool, axis: int | None, shape: tuple[int, ...], kept: bool, tmp_path: Path
) -> None:
    """Whichever way the weight lies; scales along the sum are computed as written."""
    rng = np.random.default_rng(2)
    x, w = codes(rng, "uint8", shape), codes(rng, "int8", (4, 6) if turned else (6, 4))
    size = None if axis is None else w.shape[axis]
    inputs = {"x": (x, grid(rng, "uint8"), None), "w": (w, grid(rng, "int8", size, symmetric=True), axis)}
    path = one_layer(tmp_path, op, inputs, Y, **({"transB": 1} if turned else {}))
    assert _lowered(path, x=x) is kept


@pytest.mark.parametrize("change", ["unsigned", "zero point", "no zero point", "stacked", "fed", "float"])
def test_a_weight_of_another_kind_is_computed_as_written(change: str, tmp_path: Path) -> None:
    """The compiler's kernels take symmetric int8 matrices that are constant."""
    rng = np.random.default_rng(3)
    kind = "uint8" if change == "unsigned" else "int8"
    x, w = codes(rng, "uint8", (2, 5, 6)), codes(rng, kind, (2, 6, 4) if change == "stacked" else (6, 4))
    w_grid = grid(rng, kind) if change == "zero point" else grid(rng, kind, symmetric=True)
    inputs = {"x": (x, grid(rng, "uint8"), None), "w": (w, w_grid, None)}
    path = one_layer(tmp_path, "MatMul", inputs, Y, constant=() if change == "fed" else ("w",))
    model = onnx.load(str(path))
    if change == "no zero point":
        del model.graph.node[1].input[2]
    if change == "float":
        model.graph.initializer.append(numpy_helper.from_array(w.astype(np.float32) / 256, "plain"))
        model.graph.node[2].input[1] = "plain"
    onnx.save(model, str(path))
    feeds = {"x": x, "w": w} if change == "fed" else {"x": x}
    assert _lowered(path, **feeds) is (change == "no zero point")


@pytest.mark.parametrize("bias", ["float", "float of one", "float of rows", "codes with a zero point", "fed"])
def test_a_bias_for_each_output_is_added_and_any_other_as_written(bias: str, tmp_path: Path) -> None:
    """Constant floats, or codes without a zero point."""
    rng = np.random.default_rng(4)
    x, w = codes(rng, "uint8", (5, 6)), codes(rng, "int8", (6, 4))
    x_grid, w_grid = grid(rng, "uint8"), grid(rng, "int8", 4, symmetric=True)
    inputs: dict[str, Any] = {"x": (x, x_grid, None), "w": (w, w_grid, 1)}
    if bias == "codes with a zero point":
        step = np.asarray(x_grid[0] * w_grid[0], np.float32)
        inputs["b"] = (np.full(4, 900, np.int32), (step, np.full(4, 5000, np.int32)), 0)
    path = one_layer(tmp_path, "Gemm", inputs, Y)
    model = onnx.load(str(path))
    feeds: dict[str, Values] = {"x": x}
    shape = {"float": (4,), "float of one": (1,), "float of rows": (5, 1), "fed": (4,)}.get(bias)
    if shape is not None:
        values = (rng.normal(size=shape) * 20).astype(np.float32)
        next(node for node in model.graph.node if node.op_type == "Gemm").input.append("exact")
        if bias == "fed":
            model.graph.input.append(helper.make_tensor_value_info("exact", 1, [4]))
            feeds["exact"] = values
        else:
            model.graph.initializer.append(numpy_helper.from_array(values, "exact"))
    onnx.save(model, str(path))
    assert _lowered(path, **feeds) is (bias in ("float", "float of one"))


@pytest.mark.parametrize("seen", ["nobody", "an output", "another operator"])
@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_codes_are_moved_up_where_nobody_sees_them(seen: str, kind: str, tmp_path: Path) -> None:
    """Of signed activations; answers and codes that are seen stay what they were."""
    rng = np.random.default_rng(5)
    x = (rng.normal(size=(1, 3, 6, 6))).astype(np.float32)
    w = codes(rng, "int8", (4, 3, 3, 3))
    stored = {"s": np.float32(0.02), "z": np.asarray(3, kind), "w": w, "ws": np.float32(0.01), "wz": np.int8(0)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["f"]),
        helper.make_node("Conv", ["d", "f"], ["y"]),
    ]
    outputs = {"y": 1}
    if seen == "an output":
        outputs["q"] = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    if seen == "another operator":
        nodes.append(helper.make_node("Cast", ["q"], ["c"], to=1))
        outputs["c"] = 1
    info = helper.make_tensor_value_info
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    ends = [info(name, each, None) for name, each in outputs.items()]
    graph = helper.make_graph(nodes, "g", [info("x", 1, [None] * 4)], ends, kept)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    module = LoweredGraph(graph_of(read_model(path)))
    assert module._may_shift("q") is (seen == "nobody" and kind == "int8")
    assert not module._may_shift("x")
    assert not module._may_shift("d")
    assert _lowered(path, x=x)


def test_codes_that_an_operator_made_are_not_moved_up(tmp_path: Path) -> None:
    """A Clip of codes has the codes' ends where a quantizer has its zero point."""
    stored = {"s": np.float32(0.05), "z": np.int8(3), "low": np.int8(-20), "high": np.int8(100)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("Clip", ["q", "low", "high"], ["c"]),
        helper.make_node("DequantizeLinear", ["c", "s", "z"], ["y"]),
    ]
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    ends = [helper.make_tensor_value_info(name, 1, [None, None]) for name in "xy"]
    path = tmp_path / "m.onnx"
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], kept)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    module = LoweredGraph(graph_of(read_model(path)))
    assert not module._may_shift("c")
    assert not module._may_shift("q")
    assert not _lowered(path, x=np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32) * 3)


@pytest.mark.parametrize("threads", [1, 2])
def test_each_batch_runs_with_the_threads_that_were_asked_for(
    threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever others in this process have set since: the number belongs to the whole process."""
    rng = np.random.default_rng(8)
    x = codes(rng, "uint8", (2, 4))
    inputs = {"x": (x, grid(rng, "uint8"), None), "w": (codes(rng, "int8", (4, 3)), grid(rng, "int8"), None)}
    session = TorchInductorSession(one_layer(tmp_path, "MatMul", inputs, Y), SessionOptions(threads=threads))
    monkeypatch.setattr(session, "_package", lambda _: lambda _x: [torch.tensor(torch.get_num_threads())])
    before = torch.get_num_threads()
    try:
        call = session.call({"x": x})
        for others in (3, threads):
            torch.set_num_threads(others)
            assert call() == session.run({"x": x}) == [threads]
    finally:
        torch.set_num_threads(before)
