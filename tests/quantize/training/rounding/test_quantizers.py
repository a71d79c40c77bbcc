"""Rounding that learns: values of the grid, gradients against finite differences and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from qexplorer.core.formats import get_format
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.training.rounding.level_quantizers import LevelQuantizer
from qexplorer.quantize.training.rounding.placing import start_near
from qexplorer.quantize.training.rounding.quantizers import DynamicQuantizer, FixedValues, GridQuantizer, Learns


def _values(shape: tuple[int, ...] = (6, 16), seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_its_values_are_those_of_the_grid(granularity: str, symmetric: bool) -> None:
    """In every bit, before anything was learned and after; with and without gradients."""
    x = _values()
    spec = WeightSpec(format="int4" if symmetric else "uint4", granularity=granularity, symmetric=symmetric, block=8)  # type: ignore[arg-type]
    quantizer = GridQuantizer(weight_grid(x.numpy(), spec, 0, 1), learns=Learns())
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
    quantizer = GridQuantizer(grid, learns=Learns())
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
    quantizer = GridQuantizer(grid, learns=Learns(scale=False, zero=True))
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
    first = GridQuantizer(grid, learns=Learns())
    second = GridQuantizer(grid, like=first)
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


def _off_the_ends(x: torch.Tensor, scale: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """``x`` with what lies less than a step beyond an end moved a step farther."""
    steps = x / scale
    moved = torch.where((steps > high) & (steps < high + 1), steps + 1, steps)
    return torch.where((steps < low) & (steps > low - 1), steps - 1, moved) * scale


def test_gradients_are_those_of_torch() -> None:
    """Value, input and scale as ``torch._fake_quantize_learnable_per_channel_affine`` has them, per tensor and per
    channel; between an end and half a step beyond it torch passes the gradient and we do not: those are left out."""
    x = _values((5, 40)) * 2
    for shape, name in (((1,), "int3"), ((5,), "int4")):
        kind = get_format(name)
        grid = grid_from_range(np.full(shape, -1.0), np.full(shape, 1.0), kind, symmetric=True, axis=0)
        first = torch.linspace(0.2, 0.6, shape[0])
        ours = GridQuantizer(replace(grid, scale=first.numpy()), learns=Learns())
        mine = _off_the_ends(x[: shape[0]], first[:, None], grid.qmin, grid.qmax).requires_grad_()
        theirs, scale = mine.detach().clone().requires_grad_(), first.clone().requires_grad_()
        zero = torch.zeros(shape)
        found = ours(mine)
        wanted = torch._fake_quantize_learnable_per_channel_affine(theirs, scale, zero, 0, grid.qmin, grid.qmax, 1.0)
        torch.testing.assert_close(found, wanted)
        weight = torch.linspace(-1, 2, x.shape[1])
        (found * weight).sum().backward()
        (wanted * weight).sum().backward()
        torch.testing.assert_close(mine.grad, theirs.grad)
        assert ours.log_scale is not None
        torch.testing.assert_close(ours.log_scale.grad, scale.grad * first, rtol=1e-4, atol=1e-4)


def test_the_zero_point_has_the_gradient_of_torch() -> None:
    """That of ``torch._fake_quantize_learnable_per_tensor_affine``, scale and zero point together."""
    grid = grid_from_range(-1.0, 2.0, get_format("uint4"), symmetric=False)
    ours = GridQuantizer(grid, learns=Learns(zero=True))
    zero_at = int(grid.zero_point)
    x = _off_the_ends(_values() * 2, torch.tensor(float(grid.scale)), grid.qmin - zero_at, grid.qmax - zero_at)
    scale = torch.from_numpy(grid.scale.copy()).reshape(1).requires_grad_()
    zero = torch.tensor([float(grid.zero_point)], requires_grad=True)
    wanted = torch._fake_quantize_learnable_per_tensor_affine(x, scale, zero, grid.qmin, grid.qmax, 1.0)
    found = ours(x)
    torch.testing.assert_close(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    assert ours.log_scale is not None
    assert ours.zero_steps is not None
    torch.testing.assert_close(ours.zero_steps.grad, zero.grad[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.log_scale.grad, (scale.grad * scale.detach())[0], rtol=1e-4, atol=1e-3)


def test_ends_of_a_range_learn() -> None:
    """Beyond an end the gradient is that end's alone, inside that of the scale; zero stays a code."""
    grid = grid_from_range(-1.0, 2.0, get_format("uint4"), symmetric=False)
    quantizer = GridQuantizer(grid, learns=Learns(ends=True))
    assert quantizer.moved_ends is not None
    assert np.array_equal(quantizer(_values()).detach().numpy(), fake_quantize(_values().numpy(), quantizer.grid()))
    width = 15 * float(grid.scale)
    for x, wanted in ((-5.0, (width, 0.0)), (7.0, (0.0, width))):
        quantizer.moved_ends.grad = None
        quantizer(torch.tensor([x])).sum().backward()
        torch.testing.assert_close(quantizer.moved_ends.grad, torch.tensor(wanted), rtol=1e-4, atol=1e-4)
    inside = torch.tensor([0.07])
    quantizer.moved_ends.grad = None
    off = float(quantizer(inside).detach() - inside) / float(grid.scale)
    quantizer(inside).sum().backward()
    torch.testing.assert_close(quantizer.moved_ends.grad, torch.tensor([-off, off]) * width / 15, rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        quantizer.moved_ends += torch.tensor([9.0, -9.0])
    end = quantizer.grid()
    assert end.scale > 0
    assert end.zero_point == end.qmin


def test_a_scale_that_stays_a_power_of_two() -> None:
    """Whatever is learned, and the gradient passes as if it were not rounded."""
    grid = grid_from_range(-1.0, 1.0, get_format("int4"), symmetric=True)
    quantizer = GridQuantizer(grid, learns=Learns(power=True))
    assert quantizer.log_scale is not None
    for move in (0.0, 0.3, 1.1):
        with torch.no_grad():
            quantizer.log_scale.fill_(move)
        scale = quantizer.grid().scale
        assert np.log2(scale) == round(float(np.log2(scale)))
    quantizer(torch.tensor([100.0])).sum().backward()
    torch.testing.assert_close(quantizer.log_scale.grad, torch.tensor(7 * float(quantizer.grid().scale)))


def test_a_finer_grid_has_the_same_ends_and_all_levels() -> None:
    """Each step in parts: levels of the grid stay where they are, and the error falls by the square of the parts."""
    grid = grid_from_range(-1.0, 2.0, get_format("uint3"), symmetric=False)
    quantizer = GridQuantizer(grid)
    levels, x = torch.from_numpy(grid.levels()), _values().clamp(-0.8, 1.9)
    coarse = float((quantizer(x) - x).square().mean())
    quantizer.finer = 16
    torch.testing.assert_close(quantizer(levels), levels)
    torch.testing.assert_close(quantizer(torch.tensor([-9.0, 9.0])), levels[[0, -1]])
    assert float((quantizer(x) - x).square().mean()) == pytest.approx(coarse / 256, rel=0.3)


@pytest.mark.parametrize("name", ["nf4", "fp8_e4m3", "binary", "ternary", "codebook2"])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_levels_of_a_table_are_those_of_the_format(name: str, granularity: str) -> None:
    """In every bit, as it starts and as it is after learning; FP8 codes are rounded half to even."""
    x = _values((6, 64))
    spec = WeightSpec(format=name, granularity=granularity, block=8)  # type: ignore[arg-type]
    quantizer = LevelQuantizer(weight_grid(x.numpy(), spec, 0, 1), learns=Learns())
    assert quantizer.log_scale is not None
    for _ in range(2):
        assert np.array_equal(quantizer(x).detach().numpy(), fake_quantize(x.numpy(), quantizer.grid()))
        quantizer.scaled_by(torch.linspace(0.5, 2.0, quantizer.log_scale.numel()).reshape(quantizer.log_scale.shape))


def test_channels_with_levels_of_their_own_have_their_gradients_and_steps() -> None:
    """Each channel's are those of its levels alone, and a step is the distance of the two levels around a value."""
    x = _values((4, 96))
    x[1] = (3 * x[1]).round().clamp(-2, 2)  # five levels in one channel, eight in the others
    grid = weight_grid(x.numpy(), WeightSpec(format="codebook3"), 0)
    together = LevelQuantizer(grid, learns=Learns())
    given, weight = x.clone().requires_grad_(), torch.arange(384.0).reshape(4, 96)
    (together(given) * weight).sum().backward()
    assert given.grad is not None
    assert together.log_scale is not None
    assert together.log_scale.grad is not None
    for row in range(4):
        alone, one = LevelQuantizer(grid.channel(row), learns=Learns()), x[row].clone().requires_grad_()
        (alone(one) * weight[row]).sum().backward()
        assert alone.log_scale is not None
        torch.testing.assert_close(given.grad[row], one.grad)
        torch.testing.assert_close(together.log_scale.grad[row], alone.log_scale.grad)
        torch.testing.assert_close(together.steps_of(x)[row], alone.steps_of(x[row]))


@pytest.mark.parametrize("name", ["nf4", "binary", "ternary"])
def test_gradients_of_levels_are_those_of_the_text(name: str) -> None:
    """Inside the outermost levels the gradient passes and stops outside; of two or three levels it passes everywhere,
    and the scale's is the finite difference of the value."""
    few = name != "nf4"
    grid = grid_from_range(-1.0, 1.0, get_format(name), symmetric=True)
    quantizer = LevelQuantizer(grid, learns=Learns())
    assert quantizer.log_scale is not None
    x = torch.tensor([-3.0, -0.95, 0.21, 0.83, 2.5], requires_grad=True)
    weight = torch.arange(1.0, 6.0)
    value = quantizer(x)
    (value * weight).sum().backward()
    torch.testing.assert_close(x.grad, weight if few else weight * torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0]))
    if few:
        with torch.no_grad():
            quantizer.log_scale += 1e-3
            slope = ((quantizer(x) - value) * weight).sum() / 1e-3
        torch.testing.assert_close(quantizer.log_scale.grad, slope, rtol=2e-3, atol=2e-3)
    else:
        plain = x.detach()
        wanted = torch.where(plain.abs() <= 1, value.detach() - plain, value.detach())
        torch.testing.assert_close(quantizer.log_scale.grad, (wanted * weight).sum())


@pytest.mark.parametrize("name", ["int2", "int3", "nf4"])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_training_starts_from_the_scale_with_the_least_error(name: str, granularity: str) -> None:
    """The error is no larger than before and near that of the calibrator ``mse``, whatever shares the scale."""
    x = _values((6, 64))
    spec = WeightSpec(format=name, granularity=granularity, block=16)  # type: ignore[arg-type]
    grid = weight_grid(x.numpy(), spec, 0, 1)
    best = weight_grid(x.numpy(), spec.with_calibrator("mse"), 0, 1)
    quantizer = (LevelQuantizer if name == "nf4" else GridQuantizer)(grid, learns=Learns())
    start_near(quantizer, x)
    errors = [
        float(np.mean((fake_quantize(x.numpy(), each) - x.numpy()) ** 2)) for each in (grid, quantizer.grid(), best)
    ]
    assert errors[1] <= errors[0]
    assert errors[1] <= 1.05 * errors[2]
