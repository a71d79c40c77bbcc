"""Rounding to a grid: the same values as ``core.grid``, and the gradients that the module's text states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from qexplorer.core.grid import Grid, fake_quantize, quantize
from qexplorer.torchgraph.fake_quantize import broadcast_grid, codes_of
from qexplorer.torchgraph.fake_quantize import fake_quantize as torch_fake_quantize
from tests.core.strategies import INTEGER_FORMATS, fine_grids, tensor_grids, tensors
from tests.torchgraph.helpers import DEVICES, Array, run_node

formats = st.sampled_from(INTEGER_FORMATS)
CARRIERS = {"int4": 22, "uint4": 21, "int2": 26, "uint2": 25, "int8": 3, "uint8": 2, "int16": 5, "uint16": 4}


def on_grid(x: Array, grid: Grid, device: str = "cpu") -> tuple[torch.Tensor, ...]:
    """``x``, and the grid's scale and zero point in shapes that broadcast against it."""
    values = torch.from_numpy(x).to(device)
    axis, block = grid.axis or 0, grid.block or 0
    scale, zero = (torch.from_numpy(np.asarray(v, np.float32)).to(device) for v in (grid.scale, grid.zero_point))
    if grid.axis is None:
        return values, scale, zero
    if not block:
        shape = [1] * x.ndim
        shape[axis] = x.shape[axis]
        return values, scale.reshape(shape), zero.reshape(shape)
    return values, *(broadcast_grid(v, values.shape, axis, block) for v in (scale, zero))


@pytest.mark.parametrize("device", DEVICES)
@given(data=st.data(), x=tensors)
def test_values_and_codes_are_those_of_core_grid(device: str, data: st.DataObject, x: Array) -> None:
    """For any format, grid and tensor, codes and values equal ``core.grid`` in every bit."""
    chosen = data.draw(formats)
    grid = data.draw(tensor_grids(chosen) if data.draw(st.booleans()) else fine_grids(chosen, x.shape))
    values, scale, zero = on_grid(x, grid, device)
    codes = codes_of(values, scale, zero, grid.qmin, grid.qmax).cpu().numpy()
    np.testing.assert_array_equal(codes.astype(np.int32), quantize(x, grid))
    found = torch_fake_quantize(values, scale, zero, grid.qmin, grid.qmax).cpu().numpy()
    np.testing.assert_array_equal(found, fake_quantize(x, grid))


@given(data=st.data(), x=tensors)
def test_the_gradient_function_gives_the_same_values(data: st.DataObject, x: Array) -> None:
    """Asking for a gradient does not change what comes out."""
    values, scale, zero = on_grid(x, grid := data.draw(tensor_grids(data.draw(formats))))
    plain = torch_fake_quantize(values, scale, zero, grid.qmin, grid.qmax)
    asked = torch_fake_quantize(values.clone().requires_grad_(), scale, zero, grid.qmin, grid.qmax)
    assert torch.equal(plain, asked)


@given(data=st.data(), x=tensors)
def test_quantize_linear_is_core_grid(data: st.DataObject, x: Array) -> None:
    """QuantizeLinear and DequantizeLinear of every integer type, asymmetric grids, equal ``core.grid``."""
    chosen = data.draw(st.sampled_from([each for each in INTEGER_FORMATS if each.name in CARRIERS]))
    drawn = data.draw(tensor_grids(chosen) if data.draw(st.booleans()) else fine_grids(chosen, x.shape))
    grid = Grid(chosen, drawn.scale, drawn.zero_point, drawn.axis, drawn.block, chosen.qmin, chosen.qmax)
    settings = {"axis": grid.axis or 0, "block_size": grid.block or 0}
    carrier = ("int" if chosen.signed else "uint") + ("16" if chosen.bits > 8 else "8")
    zero = torch.from_numpy(np.asarray(grid.zero_point).astype(carrier))
    scale = torch.from_numpy(np.asarray(grid.scale))
    types = [TensorProto.FLOAT, TensorProto.FLOAT, CARRIERS[chosen.name]]
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], **settings)
    (codes,) = run_node(node, [torch.from_numpy(x), scale, zero], 25, types)
    np.testing.assert_array_equal(codes.to(torch.int32).numpy(), quantize(x, grid))
    back = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **settings)
    (found,) = run_node(back, [codes, scale, zero], 25)
    np.testing.assert_array_equal(found.numpy(), fake_quantize(x, grid))


@pytest.mark.parametrize("zero", [0.0, 100.0])
def test_the_mask_passes_the_represented_range_and_nothing_else(zero: float) -> None:
    """It is 1 from (qmin - zero) * scale to (qmax - zero) * scale, ends included, and 0 outside and at NaN."""
    scale, low, high = 0.25, (0 - zero) * 0.25, (255 - zero) * 0.25
    inside = [low, low + 0.1, (low + high) / 2, high - 0.1, high]
    outside = [low - 1e-3, low - 50, high + 1e-3, high + 50, float("inf"), float("-inf"), float("nan")]
    x = torch.tensor([*inside, *outside], requires_grad=True)
    y = torch_fake_quantize(x, torch.tensor(scale), torch.tensor(zero), 0, 255)
    weights = torch.arange(1.0, len(x) + 1)
    y.backward(weights)
    assert x.grad is not None
    assert x.grad.tolist() == [*weights[: len(inside)].tolist(), *[0.0] * len(outside)]


def test_the_mask_is_that_of_the_range_where_a_scale_is_below_zero() -> None:
    """Codes -8 to 7 at scale -0.5 reach from -3.5 to 4, and the scale has the slope of what is clipped."""
    x = torch.tensor([-3.6, -3.5, 0.2, 4.0, 4.1], requires_grad=True)
    scale = torch.tensor(-0.5, requires_grad=True)
    torch_fake_quantize(x, scale, torch.tensor(0.0), -8, 7).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert scale.grad is not None
    assert float(scale.grad) == pytest.approx(7 - 8 + (0 - 0.2 / -0.5), rel=1e-5)


def test_the_scale_has_the_gradient_of_learned_step_sizes() -> None:
    """Inside round(x / s) - x / s, below qmin - zero, above qmax - zero, summed over what shares the scale."""
    x = torch.tensor([[-9.0, 0.3, 9.0], [0.9, -0.2, 0.6]])
    scale = torch.tensor([[0.5], [1.0]], requires_grad=True)
    torch_fake_quantize(x, scale, torch.tensor(1.0), -4, 3).sum().backward()
    first = (-4 - 1) + (1 - 0.6) + (3 - 1)
    second = (1 - 0.9) + (0 + 0.2) + (1 - 0.6)
    assert scale.grad is not None
    np.testing.assert_allclose(scale.grad.numpy(), [[first], [second]], rtol=1e-5)


def test_clipped_values_move_with_the_scale_as_finite_differences_say() -> None:
    """Where x is outside the range the answer is linear in the scale, and the gradient is its exact slope."""
    x, step = torch.tensor([-70.0, 80.0], dtype=torch.float64), 1e-6
    zero = torch.tensor(3.0, dtype=torch.float64)

    def total(scale: torch.Tensor) -> torch.Tensor:
        return torch_fake_quantize(x, scale, zero, -128, 127).mul(torch.tensor([1.0, 10.0])).sum()

    scale = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    total(scale).backward()
    with torch.no_grad():
        slope = (total(scale + step) - total(scale - step)) / (2 * step)
    assert scale.grad is not None
    assert float(scale.grad) == pytest.approx(float(slope), rel=1e-6)


def test_nan_becomes_the_smallest_code() -> None:
    """NaN is rounded to the smallest code, as core.grid rounds it."""
    x, zero = torch.tensor([float("nan")]), torch.tensor(2.0)
    assert torch_fake_quantize(x, torch.tensor(1.0), zero, -8, 7).item() == -10.0
