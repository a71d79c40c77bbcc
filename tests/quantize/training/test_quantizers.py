"""Rounding that learns: values of the grid, gradients against finite differences and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qexplorer.core.formats import get_format
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.training.quantizers import DynamicQuantizer, FixedValues, GridQuantizer


def _values(shape: tuple[int, ...] = (6, 16), seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_its_values_are_those_of_the_grid(granularity: str, symmetric: bool) -> None:
    """In every bit, before anything was learned and after; with and without gradients."""
    x = _values()
    spec = WeightSpec(format="int4" if symmetric else "uint4", granularity=granularity, symmetric=symmetric, block=8)  # type: ignore[arg-type]
    quantizer = GridQuantizer(weight_grid(x.numpy(), spec, 0, 1), learn_scale=True)
    for _ in range(2):
        wanted = fake_quantize(x.numpy(), quantizer.grid())
        assert np.array_equal(quantizer(x).detach().numpy(), wanted)
        with torch.no_grad():
            assert np.array_equal(quantizer(x).numpy(), wanted)
            assert quantizer.log_scale is not None
            quantizer.log_scale += torch.linspace(-0.2, 0.3, quantizer.log_scale.numel()).reshape(
                quantizer.log_scale.shape
            )


def test_the_scale_has_the_gradient_of_learned_steps() -> None:
    """Inside ``round(x/s) - x/s``, beyond the ends the end (LSQ, equation 3), times the scale for its logarithm."""
    grid = grid_from_range(-1.0, 1.0, get_format("int3"), symmetric=True)
    quantizer = GridQuantizer(grid, learn_scale=True)
    x = torch.tensor([-5.0, -0.4, 0.05, 0.2, 0.9, 7.0], requires_grad=True)
    weight = torch.arange(1.0, 7.0)
    (quantizer(x) * weight).sum().backward()
    scale = float(grid.scale)
    steps = x.detach() / scale
    slope = torch.where(steps < -3, -3.0, torch.where(steps > 3, 3.0, torch.round(steps) - steps))
    assert quantizer.log_scale is not None
    torch.testing.assert_close(quantizer.log_scale.grad, (weight * slope).sum() * scale)
    torch.testing.assert_close(x.grad, weight * (steps.abs() <= 3))


def test_the_zero_point_moves_what_lies_outside() -> None:
    """Values beyond the ends shift by a step for each code (LSQ+, equation 5); a whole code is what it is moved by."""
    grid = grid_from_range(-1.0, 2.0, get_format("uint4"), symmetric=False)
    quantizer = GridQuantizer(grid, learn_scale=False, learn_zero=True)
    x = torch.tensor([-3.0, 0.1, 5.0, 6.0])
    before = quantizer(x)
    before.sum().backward()
    assert quantizer.zero_steps is not None
    torch.testing.assert_close(quantizer.zero_steps.grad, torch.tensor(-3 * float(grid.scale)))
    with torch.no_grad():
        quantizer.zero_steps += 0.4
        assert torch.equal(quantizer(x), before)
        quantizer.zero_steps += 0.7
    torch.testing.assert_close(quantizer(x)[2] - before[2], torch.tensor(-float(grid.scale)))
    assert quantizer.grid().zero_point == grid.zero_point + 1
    with torch.no_grad():
        quantizer.zero_steps += 1000
    assert quantizer.grid().zero_point == grid.qmax


def test_one_that_is_like_another_learns_with_it() -> None:
    """One parameter for both, other ends."""
    grid = grid_from_range(-1.0, 1.0, get_format("int8"), symmetric=True)
    first = GridQuantizer(grid, learn_scale=True)
    second = GridQuantizer(grid, learn_scale=False, like=first)
    assert first.log_scale is not None
    with torch.no_grad():
        first.log_scale += 0.5
    assert second.grid().scale == first.grid().scale > grid.scale


def test_dynamic_ranges_are_those_of_the_operator() -> None:
    """As DynamicQuantizeLinear finds them; zeros stay zeros."""
    x = _values()
    low, high = float(x.min()), float(x.max())
    scale = np.float32((np.float32(high) - np.float32(low)) / np.float32(255))
    zero = np.clip(np.rint(-low / scale), 0, 255)
    wanted = (np.clip(np.rint(x.numpy() / scale) + zero, 0, 255) - zero) * scale
    np.testing.assert_allclose(DynamicQuantizer()(x).numpy(), wanted, rtol=1e-6)
    assert not DynamicQuantizer()(torch.zeros(3)).any()


def test_fixed_values_do_not_ask() -> None:
    """What does not learn is what it is."""
    module = FixedValues(np.ones((2, 2), np.float32))
    assert torch.equal(module(torch.zeros(2, 2)), torch.ones(2, 2))
    assert not list(module.parameters())
