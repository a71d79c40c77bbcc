"""Single layers of the PyTorch integer backend against ``core.reference``: every code and every int32 sum is equal."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qexplorer.core.reference.convolution import conv_integer, qlinear_conv
from qexplorer.core.reference.linear import dequantize_linear, quantize_linear
from qexplorer.core.reference.matmul import matmul_integer, qlinear_matmul, requantize, wrapped
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.torch_integer import TORCH, TorchInteger
from tests.run.qdq_layers import Values, codes, grid, one_layer
from tests.run.torch_devices import each_device

pytestmark = each_device

kinds = st.sampled_from(["int8", "uint8"])
small = settings(max_examples=60, deadline=None)


def run_codes(backend: TorchInteger, path: Path, feeds: dict[str, Values]) -> tuple[Values, Any]:
    """The codes that a file makes, and its session; asserts that it runs in integers alone."""
    session = backend.load(path, SessionOptions())
    assert not session.kernels().float
    return session.run(feeds)[0], session


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    """Attributes and sizes of a convolution over one to three axes that fits its input."""
    axes, group = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2, 3]))
    channels, outputs = group * draw(st.integers(1, 3)), group * draw(st.integers(1, 3))
    several = lambda low, high: [draw(st.integers(low, high)) for _ in range(axes)]  # noqa: E731
    kernel, gaps = several(1, 3), several(1, 2)
    size = [(k - 1) * g + 1 + extra for k, g, extra in zip(kernel, gaps, several(0, 4), strict=True)]
    found: dict[str, Any] = {"dilations": gaps, "strides": several(1, 3), "group": group, "kernel_shape": kernel}
    auto = draw(st.sampled_from(["NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    found |= {"auto_pad": auto} if auto != "NOTSET" else {"pads": several(0, 2) + several(0, 2)}
    batch = draw(st.integers(1, 3))
    return {"x": (batch, channels, *size), "w": (outputs, channels // group, *kernel), "attributes": found}


@small
@given(convolutions(), kinds, kinds, kinds, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_conv_is_the_reference(
    backend: TorchInteger,
    sizes: dict[str, Any],
    x_kind: str,
    w_kind: str,
    y_kind: str,
    channelwise: bool,
    biased: bool,
    ends: bool,
    seed: int,
) -> None:
    """Any convolution of codes gives the reference's codes and sums: strides, pads, dilations, groups, zero points."""
    rng = np.random.default_rng(seed)
    outputs = sizes["w"][0]
    x, w = codes(rng, x_kind, sizes["x"], extreme=ends), codes(rng, w_kind, sizes["w"], extreme=ends)
    x_grid, w_grid = grid(rng, x_kind), grid(rng, w_kind, outputs if channelwise else None)
    y_grid = grid(rng, y_kind)
    bias = rng.integers(-(2**31), 2**31 - 1, outputs).astype(np.int32) if biased else None
    inputs = {"x": (x, x_grid, None), "w": (w, w_grid, 0 if channelwise else None)}
    if bias is not None:
        scale = np.asarray(x_grid[0] * w_grid[0], np.float32)
        inputs["b"] = (bias, (scale, np.zeros(scale.shape, np.int32)), 0 if channelwise else None)
    with tempfile.TemporaryDirectory() as folder:
        path = one_layer(Path(folder), "Conv", inputs, y_grid, **sizes["attributes"])
        found, session = run_codes(backend, path, {"x": x})
        sums = session.accumulators({"x": x}, "layer")
    attributes = sizes["attributes"]
    assert np.array_equal(found, qlinear_conv(x, *x_grid, w, *w_grid, *y_grid, bias, **attributes))
    total = conv_integer(x, w, x_grid[1], w_grid[1], **attributes).astype(np.int64)
    column = (-1,) + (1,) * (w.ndim - 2)
    assert np.array_equal(sums, wrapped(total + (0 if bias is None else bias.astype(np.int64).reshape(column))))
    assert sums.dtype == np.int32


@small
@given(
    st.lists(st.integers(1, 4), min_size=0, max_size=2),
    *(st.integers(1, 40) for _ in range(3)),
    kinds,
    kinds,
    kinds,
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_matmul_is_the_reference(
    backend: TorchInteger,
    batch: list[int],
    m: int,
    k: int,
    n: int,
    a: str,
    b: str,
    y: str,
    channelwise: bool,
    ends: bool,
    seed: int,
) -> None:
    """MatMul with a constant right side gives the reference's codes and sums, with any leading axes and zero points."""
    rng = np.random.default_rng(seed)
    left, right = codes(rng, a, (*batch, m, k), extreme=ends), codes(rng, b, (k, n), extreme=ends)
    a_grid, b_grid, y_grid = grid(rng, a), grid(rng, b, n if channelwise else None), grid(rng, y)
    inputs = {"x": (left, a_grid, None), "w": (right, b_grid, 1 if channelwise else None)}
    with tempfile.TemporaryDirectory() as folder:
        found, session = run_codes(backend, one_layer(Path(folder), "MatMul", inputs, y_grid), {"x": left})
        sums = session.accumulators({"x": left}, "layer")
    assert np.array_equal(found, qlinear_matmul(left, *a_grid, right, *b_grid, *y_grid))
    assert np.array_equal(sums, matmul_integer(left, right, a_grid[1], b_grid[1]))


@small
@given(
    st.sampled_from([((), ()), ((2,), (2,)), ((2, 3), (2, 3)), ((2, 3), (1, 3)), ((2, 1), (3,)), ((), (2,))]),
    *(st.integers(1, 9) for _ in range(3)),
    kinds,
    kinds,
    st.integers(0, 2**32 - 1),
)
def test_matmul_of_two_activations_is_the_reference(
    backend: TorchInteger,
    batches: tuple[tuple[int, ...], tuple[int, ...]],
    m: int,
    k: int,
    n: int,
    a: str,
    b: str,
    seed: int,
) -> None:
    """Both sides fed, as in attention: leading axes broadcast and the codes are the reference's."""
    rng = np.random.default_rng(seed)
    left, right = codes(rng, a, (*batches[0], m, k)), codes(rng, b, (*batches[1], k, n))
    a_grid, b_grid, y_grid = grid(rng, a), grid(rng, b), grid(rng, "uint8")
    inputs = {"x": (left, a_grid, None), "w": (right, b_grid, None)}
    with tempfile.TemporaryDirectory() as folder:
        path = one_layer(Path(folder), "MatMul", inputs, y_grid, constant=())
        found, _ = run_codes(backend, path, {"x": left, "w": right})
    assert np.array_equal(found, qlinear_matmul(left, *a_grid, right, *b_grid, *y_grid))


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("biased", [False, True])
def test_gemm_is_the_reference(backend: TorchInteger, tmp_path: Path, transposed: int, biased: bool) -> None:
    """Gemm per channel, with or without its int32 bias and its weight transposed."""
    rng = np.random.default_rng(7)
    x, w = codes(rng, "uint8", (5, 33)), codes(rng, "int8", (33, 9))
    x_grid, w_grid, y_grid = grid(rng, "uint8"), grid(rng, "int8", 9), grid(rng, "int8")
    bias = rng.integers(-50000, 50000, 9).astype(np.int32)
    inputs = {"x": (x, x_grid, None), "w": (w.T.copy() if transposed else w, w_grid, 1 - transposed)}
    if biased:
        inputs["b"] = (bias, (np.asarray(x_grid[0] * w_grid[0]), np.zeros(9, np.int32)), 0)
    found, session = run_codes(backend, one_layer(tmp_path, "Gemm", inputs, y_grid, transB=transposed), {"x": x})
    total = wrapped(matmul_integer(x, w, x_grid[1], w_grid[1]).astype(np.int64) + (bias if biased else 0))
    assert np.array_equal(session.accumulators({"x": x}, "layer"), total)
    assert np.array_equal(found, requantize(total, x_grid[0] * w_grid[0] / y_grid[0], y_grid[1]))


@pytest.mark.parametrize("chain", [(("Relu", ()),), (("Clip", (0.0, 6.0)),), (("Relu", ()), ("Clip", (0.5, 3.0)))])
def test_relu_and_clip_behind_a_layer_bound_its_codes(backend: TorchInteger, tmp_path: Path, chain: Any) -> None:
    """A bound between the layer and its QuantizeLinear costs no float: the codes are those of the rounded bound."""
    rng = np.random.default_rng(3)
    x, w = codes(rng, "uint8", (2, 3, 6, 6)), codes(rng, "int8", (4, 3, 3, 3))
    x_grid, w_grid = grid(rng, "uint8"), grid(rng, "int8", 4, symmetric=True)
    y_grid = (np.asarray(0.05, np.float32), np.asarray(40, np.uint8))
    inputs = {"x": (x, x_grid, None), "w": (w, w_grid, 0)}
    found, _ = run_codes(backend, one_layer(tmp_path, "Conv", inputs, y_grid, chain=chain), {"x": x})
    free = qlinear_conv(x, *x_grid, w, *w_grid, *y_grid)
    low = max([0.0] + [numbers[0] for _, numbers in chain if numbers])
    high = min([1e9] + [numbers[1] for _, numbers in chain if numbers])
    ends = quantize_linear(np.asarray([low, high], np.float32), *y_grid)
    assert np.array_equal(found, np.clip(free, *ends))
    assert (found != free).any()


@pytest.mark.parametrize("op", ["Add", "Mul", "Sub", "Max"])
@pytest.mark.parametrize("shapes", [((2, 3, 4, 4), (2, 3, 4, 4)), ((2, 3, 4, 4), (3, 1, 1)), ((1,), (5, 1))])
def test_elementwise_operators_are_the_simulation_bit_by_bit(
    backend: TorchInteger, tmp_path: Path, op: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """Two tensors of codes through a table: the codes of DequantizeLinear, operator and QuantizeLinear in float32."""
    rng = np.random.default_rng(5)
    a, b = codes(rng, "uint8", shapes[0]), codes(rng, "int8", shapes[1])
    grids = [grid(rng, kind) for kind in ("uint8", "int8", "uint8")]
    inputs = {"x": (a, grids[0], None), "w": (b, grids[1], None)}
    found, session = run_codes(backend, one_layer(tmp_path, op, inputs, grids[2], constant=()), {"x": a, "w": b})
    call = {"Add": np.add, "Mul": np.multiply, "Sub": np.subtract, "Max": np.maximum}[op]
    exact = call(dequantize_linear(a, *grids[0]), dequantize_linear(b, *grids[1]))
    assert np.array_equal(found, quantize_linear(exact, *grids[2]))
    assert session.kernels().integer == {op: 1}


@pytest.mark.parametrize("op", ["Sigmoid", "HardSwish", "Tanh", "Relu", "LeakyRelu", "Softplus"])
def test_functions_of_one_tensor_are_the_simulation(backend: TorchInteger, tmp_path: Path, op: str) -> None:
    """Each of the 256 codes gives what the same graph gives when it is executed as written."""
    rng = np.random.default_rng(6)
    x = np.arange(256, dtype=np.uint8).reshape(1, 256)
    path = one_layer(tmp_path, op, {"x": (x, grid(rng, "uint8"), None)}, grid(rng, "int8"))
    found, _ = run_codes(backend, path, {"x": x})
    assert np.array_equal(found, TORCH.load(path, SessionOptions(Mode.SIMULATED)).run({"x": x})[0])
