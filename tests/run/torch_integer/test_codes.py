"""Pools and moved codes of the PyTorch integer backend, and layers that end in float."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from qexplorer.core.reference.convolution import conv_integer
from qexplorer.core.reference.linear import dequantize_linear, quantize_linear
from qexplorer.core.reference.matmul import requantize, wrapped
from qexplorer.run.protocol import KernelKind, Mode, SessionOptions
from qexplorer.run.torch_integer import TORCH, TorchInteger
from tests.run.qdq_layers import Values, codes, grid, one_layer
from tests.run.torch_devices import each_device

pytestmark = each_device


def run_both(backend: TorchInteger, path: Path, feeds: dict[str, Values]) -> tuple[Values, Values, Any]:
    """Codes in integers, codes of the same graph as written, and the integer session."""
    session = backend.load(path, SessionOptions())
    assert not session.kernels().float
    return session.run(feeds)[0], TORCH.load(path, SessionOptions(Mode.SIMULATED)).run(feeds)[0], session


@st.composite
def pools(draw: st.DrawFn) -> dict[str, Any]:
    """Attributes and size of a pool over one to three axes."""
    axes = draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 3)) for _ in range(axes)]
    pads = [draw(st.integers(0, k - 1)) for k in kernel]
    size = [k + draw(st.integers(0, 4)) for k in kernel]
    strides = [draw(st.integers(1, 3)) for _ in range(axes)]
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads * 2, "ceil_mode": draw(st.integers(0, 1))}
    return {"shape": (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *size), "attributes": attributes}


@settings(max_examples=40, deadline=None)
@given(pools(), st.sampled_from(["int8", "uint8"]), st.booleans(), st.integers(0, 2**32 - 1))
def test_max_pool_is_the_simulation(
    backend: TorchInteger, sizes: dict[str, Any], kind: str, same: bool, seed: int
) -> None:
    """The largest code is the largest value's code, on the same grid or on another."""
    rng = np.random.default_rng(seed)
    x, x_grid = codes(rng, kind, sizes["shape"]), grid(rng, kind)
    with tempfile.TemporaryDirectory() as folder:
        y_grid = x_grid if same else grid(rng, "uint8")
        path = one_layer(Path(folder), "MaxPool", {"x": (x, x_grid, None)}, y_grid, **sizes["attributes"])
        found, expected, _ = run_both(backend, path, {"x": x})
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("length", "largest"), [(4, [1, 3, 3]), (3, [1, 2])])
def test_a_window_more_begins_in_what_there_is_and_not_in_the_padding(
    backend: TorchInteger, tmp_path: Path, length: int, largest: list[int]
) -> None:
    """Where sizes are rounded up, padding in front moves where a window begins, and not whether it is there."""
    x = np.arange(length, dtype=np.uint8).reshape(1, 1, length)
    same = (np.asarray(1, np.float32), np.asarray(0, np.uint8))
    attributes = {"kernel_shape": [3], "strides": [2], "pads": [1, 1], "ceil_mode": 1}
    path = one_layer(tmp_path, "MaxPool", {"x": (x, same, None)}, same, **attributes)
    found, expected, _ = run_both(backend, path, {"x": x})
    assert found.tolist() == expected.tolist() == [[largest]]


@settings(max_examples=40, deadline=None)
@given(pools(), st.sampled_from(["int8", "uint8"]), st.integers(0, 1), st.integers(0, 2**32 - 1))
def test_average_pool_is_within_a_rounding_tie(
    backend: TorchInteger, sizes: dict[str, Any], kind: str, counted: int, seed: int
) -> None:
    """One rescaled int32 sum and the float mean of the simulation are never more than one code apart."""
    rng = np.random.default_rng(seed)
    x, x_grid, y_grid = codes(rng, kind, sizes["shape"]), grid(rng, kind), grid(rng, "uint8")
    attributes = sizes["attributes"] | {"count_include_pad": counted}
    with tempfile.TemporaryDirectory() as folder:
        path = one_layer(Path(folder), "AveragePool", {"x": (x, x_grid, None)}, y_grid, **attributes)
        found, expected, _ = run_both(backend, path, {"x": x})
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("op", "axes", "keep"),
    [
        ("GlobalAveragePool", [2, 3], True),
        ("ReduceMean", [-2, 3], True),
        ("ReduceMean", [2, 3], False),
        ("ReduceMean", [1], True),
        ("ReduceMean", [-1], False),
        ("ReduceMean", [1, 2, 3], True),
    ],
)
def test_means_are_an_exact_sum_rescaled_once(
    backend: TorchInteger, tmp_path: Path, op: str, axes: list[int], keep: bool
) -> None:
    """The codes are those of an int64 sum that the reference's requantize rescales."""
    rng = np.random.default_rng(1)
    x, x_grid, y_grid = codes(rng, "uint8", (2, 5, 7, 9)), grid(rng, "uint8"), grid(rng, "int8")
    x_grid = (x_grid[0], np.asarray(3, np.uint8))
    attributes = {} if op == "GlobalAveragePool" else {"keepdims": int(keep)}
    path = one_layer(tmp_path, op, {"x": (x, x_grid, None)}, y_grid, **attributes)
    if op == "ReduceMean":
        model = onnx.load(str(path))
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(axes), "axes"))
        model.graph.node[1].input.append("axes")
        onnx.save(model, str(path))
    found, _, session = run_both(backend, path, {"x": x})
    count = int(np.prod([x.shape[axis] for axis in axes]))
    total = wrapped(x.astype(np.int64).sum(tuple(axes), keepdims=keep) - count * 3)
    multiplier = np.asarray(x_grid[0] / (np.float32(count) * y_grid[0]), np.float32)
    assert np.array_equal(found, requantize(total, multiplier, y_grid[1]))
    assert session.kernels().integer == {op: 1}


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 4, 5), (2, 3, 2, 3, 4)])
@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_the_largest_of_all_of_space_is_the_simulation(
    backend: TorchInteger, tmp_path: Path, kind: str, shape: tuple[int, ...], same: bool
) -> None:
    """One code for each channel, on the same grid or on another."""
    rng = np.random.default_rng(3)
    x, x_grid = codes(rng, kind, shape), grid(rng, kind)
    path = one_layer(tmp_path, "GlobalMaxPool", {"x": (x, x_grid, None)}, x_grid if same else grid(rng, "int8"))
    found, expected, _ = run_both(backend, path, {"x": x})
    assert found.shape == (2, 3) + (1,) * (len(shape) - 2)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("op", ["Flatten", "Transpose"])
def test_moving_codes_is_moving_values(backend: TorchInteger, tmp_path: Path, op: str, same: bool) -> None:
    """Codes are moved as they are, or through a table of 256 where the grids differ."""
    rng = np.random.default_rng(2)
    x, x_grid = codes(rng, "uint8", (2, 3, 4, 5)), grid(rng, "uint8")
    y_grid = x_grid if same else grid(rng, "int8")
    found, expected, session = run_both(backend, one_layer(tmp_path, op, {"x": (x, x_grid, None)}, y_grid), {"x": x})
    assert np.array_equal(found, expected)
    (step,) = session.profile({"x": x}, 1)
    assert step.kind is (KernelKind.MOVES if same else KernelKind.INTEGER)


def test_joined_tensors_are_brought_onto_one_grid(backend: TorchInteger, tmp_path: Path) -> None:
    """Concat of three grids gives the simulation's codes without a float kernel."""
    rng = np.random.default_rng(4)
    inputs = {n: (codes(rng, "uint8", (2, k, 3)), grid(rng, "uint8"), None) for n, k in (("p", 1), ("q", 2), ("r", 4))}
    path = one_layer(tmp_path, "Concat", inputs, grid(rng, "uint8"), constant=(), axis=1)
    found, expected, _ = run_both(backend, path, {name: given[0] for name, given in inputs.items()})
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("bias", ["none", "int32", "float"])
def test_a_layer_whose_result_stays_float_still_sums_in_integers(
    backend: TorchInteger, tmp_path: Path, bias: str
) -> None:
    """Without a QuantizeLinear behind it, a layer's exact sums are scaled to float32 once; a float bias is added."""
    rng = np.random.default_rng(8)
    x, w = codes(rng, "uint8", (2, 3, 5, 5)), codes(rng, "int8", (4, 3, 3, 3))
    x_grid, w_grid = grid(rng, "uint8"), grid(rng, "int8", 4, symmetric=True)
    scale = np.asarray(x_grid[0] * w_grid[0], np.float32)
    whole, exact = rng.integers(-999, 999, 4).astype(np.int32), rng.normal(size=4).astype(np.float32)
    inputs = {"x": (x, x_grid, None), "w": (w, w_grid, 0)}
    if bias == "int32":
        inputs["b"] = (whole, (scale, np.zeros(4, np.int32)), 0)
    model = onnx.load(str(one_layer(tmp_path, "Conv", inputs, grid(rng, "uint8"))))
    if bias == "float":
        model.graph.initializer.append(numpy_helper.from_array(exact, "exact"))
        model.graph.node[2].input.append("exact")
    del model.graph.node[-1], model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("z0", 1, [None] * 4))
    onnx.save(model, str(tmp_path / "float.onnx"))
    session = backend.load(tmp_path / "float.onnx", SessionOptions())
    column = (-1, 1, 1)
    total = conv_integer(x, w, x_grid[1], w_grid[1]) + (whole.reshape(column) if bias == "int32" else 0)
    expected = total.astype(np.float32) * scale.reshape(column)
    expected = expected + exact.reshape(column) if bias == "float" else expected
    assert np.array_equal(session.run({"x": x})[0], expected)
    assert session.kernels().integer == {"Conv": 1}


def test_a_bias_on_another_grid_is_left_to_float(backend: TorchInteger, tmp_path: Path) -> None:
    """An int32 bias whose step is not that of the sums cannot be added to them: the layer is executed as written."""
    rng = np.random.default_rng(9)
    x, w = codes(rng, "uint8", (1, 3, 4, 4)), codes(rng, "int8", (2, 3, 3, 3))
    x_grid, w_grid = grid(rng, "uint8"), grid(rng, "int8", 2, symmetric=True)
    strange = np.asarray(x_grid[0] * w_grid[0] * 1.5, np.float32)
    inputs = {"x": (x, x_grid, None), "w": (w, w_grid, 0)}
    inputs["b"] = (np.asarray([500, -700], np.int32), (strange, np.zeros(2, np.int32)), 0)
    path = one_layer(tmp_path, "Conv", inputs, grid(rng, "uint8"))
    session, written = (backend.load(path, SessionOptions(mode)) for mode in (Mode.NATIVE, Mode.SIMULATED))
    assert session.kernels().float == {"Conv": 1}
    assert np.array_equal(session.run({"x": x})[0], written.run({"x": x})[0])


def test_an_operator_without_an_integer_step_is_executed_as_written(backend: TorchInteger, tmp_path: Path) -> None:
    """Softmax between quantizers runs in float between its Q and DQ, is listed as float, and equals the definition."""
    rng = np.random.default_rng(10)
    x, x_grid = codes(rng, "uint8", (4, 9)), (np.asarray(0.03, np.float32), np.asarray(128, np.uint8))
    y_grid = (np.asarray(1 / 255, np.float32), np.asarray(0, np.uint8))
    path = one_layer(tmp_path, "Softmax", {"x": (x, x_grid, None)}, y_grid)
    session = backend.load(path, SessionOptions())
    kernels = session.kernels()
    assert (kernels.float, kernels.integer) == ({"Softmax": 1}, {})
    assert kernels.other == {"DequantizeLinear": 1, "QuantizeLinear": 1}
    values = np.exp(dequantize_linear(x, *x_grid).astype(np.float64))
    exact = quantize_linear((values / values.sum(-1, keepdims=True)).astype(np.float32), *y_grid)
    assert np.abs(session.run({"x": x})[0].astype(int) - exact.astype(int)).max() <= 1
