"""What stands for a weight while a block learns: where it begins, what its gradients are, and what it settles on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qexplorer.core.formats import get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Float32, Grid, dequantize, grid_from_range, quantize
from qexplorer.quantize.reconstruct.choices import OffsetRounding, ScaleChoice, SoftRounding, WeightChoice
from qexplorer.quantize.reconstruct.signed import SignedDescent

KINDS = pytest.mark.parametrize("kind", [SoftRounding, OffsetRounding, ScaleChoice])
GRIDS = pytest.mark.parametrize(
    ("format", "symmetric", "axis", "block"),
    [("int4", True, None, None), ("int3", True, 0, None), ("uint4", False, 0, None), ("int4", True, 1, 8)],
)


def _weight(format: str, symmetric: bool, axis: int | None, block: int | None) -> tuple[Float32, Grid]:
    """A weight and a grid that cuts off its largest values."""
    values = np.random.default_rng(0).normal(0.1, 1, (6, 20)).astype(np.float32)
    if block:
        high = np.stack([np.abs(values[:, i : i + block]).max(1) for i in range(0, 20, block)], 1)
    else:
        high = np.asarray(np.abs(values).max(None if axis is None else 1))
    high = high * 0.8
    return values, grid_from_range(-0.9 * high, high, get_format(format), symmetric=symmetric, axis=axis, block=block)


@KINDS
@GRIDS
def test_it_begins_at_rounding_to_nearest(
    kind: type[WeightChoice], format: str, symmetric: bool, axis: int | None, block: int | None
) -> None:
    """Before a step, codes are the nearest ones on the grid it was given; held, it gives what they stand for."""
    values, grid = _weight(format, symmetric, axis, block)
    choice = kind(values, grid)
    codes, found = choice.settled()
    assert np.array_equal(codes, quantize(values, grid))
    assert np.allclose(found.scale, grid.scale, rtol=1e-6)
    choice.hold(*choice.nearest())
    assert np.array_equal(choice(torch.from_numpy(values)).numpy(), dequantize(quantize(values, grid), grid))
    choice.release()
    if kind is not SoftRounding:
        assert np.allclose(choice(torch.from_numpy(values)).detach(), dequantize(codes, grid), atol=1e-5)


@GRIDS
def test_a_soft_choice_begins_at_the_value_itself(
    format: str, symmetric: bool, axis: int | None, block: int | None
) -> None:
    """Within the grid it is what it was before rounding, beyond it the end; the pull comes after a fifth of the way."""
    values, grid = _weight(format, symmetric, axis, block)
    choice = SoftRounding(values, grid)
    low, high = (dequantize(np.full(values.shape, end, np.int32), grid) for end in (grid.qmin, grid.qmax))
    assert np.allclose(choice(torch.from_numpy(values)).detach(), np.clip(values, low, high), atol=1e-3)
    early, later = (float(choice.pull(share).detach()) for share in (0.1, 0.9))
    assert early == 0 < later


def test_a_soft_choice_goes_up_or_down_and_no_farther() -> None:
    """Whatever it is driven to."""
    values, grid = _weight("int3", True, 0, None)
    choice = SoftRounding(values, grid)
    below = np.floor(values / grid.scale[:, None])
    for sign in (-1, 1):
        with torch.no_grad():
            choice.choice.fill_(10.0 * sign)
        codes, _ = choice.settled()
        assert np.array_equal(codes, np.clip(below + (sign > 0), grid.qmin, grid.qmax))
        assert np.allclose(choice(torch.empty(0)).detach(), dequantize(codes, grid), atol=1e-6)


@GRIDS
def test_what_it_settles_on_is_what_it_learned_with(
    format: str, symmetric: bool, axis: int | None, block: int | None
) -> None:
    """Offsets and ranges moved at random, and far beyond their bounds: codes and grid stand for the same weight."""
    values, grid = _weight(format, symmetric, axis, block)
    choice = OffsetRounding(values, grid)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        choice.offset.copy_(torch.randn(choice.offset.shape, generator=generator))
        assert choice.ends is not None
        choice.ends.copy_(1 - 0.8 * torch.rand(choice.ends.shape, generator=generator))
    codes, found = choice.settled()
    assert np.all((found.qmin <= codes) & (codes <= found.qmax))
    assert not np.array_equal(codes, quantize(values, grid))
    assert np.allclose(choice(torch.from_numpy(values)).detach(), dequantize(codes, found), atol=1e-5)
    assert np.all(found.scale <= grid.scale * 1.000001)
    assert np.any(found.zero_point) == np.any(grid.zero_point)


@pytest.mark.parametrize("kind", [OffsetRounding, ScaleChoice])
def test_scales_stay_where_a_bias_fits(kind: type[WeightChoice]) -> None:
    """However far they are driven down."""
    values, grid = _weight("int4", True, 0, None)
    choice = kind(values, grid, grid.scale * np.float32(0.9))
    with torch.no_grad():
        for each in choice.parameters():
            each.sub_(0.6)
    _, found = choice.settled()
    assert np.all(found.scale > grid.scale * np.float32(0.9))
    assert np.all(found.scale < grid.scale)


def test_offsets_have_the_straight_through_gradient() -> None:
    """One scale for each step of the offset inside the grid, nothing beyond its ends."""
    values, grid = _weight("int3", True, None, None)
    choice = OffsetRounding(values, grid, ranges=False)
    choice(torch.from_numpy(values)).sum().backward()
    inside = np.abs(np.rint(values / grid.scale)) <= grid.qmax
    assert choice.offset.grad is not None
    assert np.allclose(choice.offset.grad.numpy(), np.where(inside, grid.scale, 0))
    assert not inside.all()


def test_signed_descent_moves_everything_by_the_same() -> None:
    """By its rate along the sign of the slope, and not where that is 0 or missing."""
    moving, still = torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(2))
    optimizer = SignedDescent([moving, still], 0.25)
    moving.grad = torch.tensor([3.0, -1e-9, 0.0, -7.0])
    optimizer.step()
    assert moving.tolist() == [-0.25, 0.25, 0.0, 0.25]
    assert still.tolist() == [0.0, 0.0]


def test_ranges_of_scales_of_either_sign_keep_their_signs() -> None:
    """Ends that learn move the scale alone: a zero point is the sign of a scale, and no offset."""
    values = np.random.default_rng(0).normal(size=(6, 20)).astype(np.float32)
    kind = UniformFormat.of(4, signed=True).of_either_sign()
    grid = grid_from_range(values.min(1), values.max(1), kind, symmetric=True, axis=0)
    choice = OffsetRounding(values, grid)
    assert choice.ends is not None
    with torch.no_grad():
        choice.ends.fill_(0.75)
    _, found = choice.settled()
    np.testing.assert_array_equal(found.zero_point, grid.zero_point)
    np.testing.assert_allclose(found.scale, 0.75 * grid.scale, rtol=1e-6)


@pytest.mark.parametrize(("share", "power"), [(0.2, 20.0), (0.4, 11 + 9 * 0.5**0.5), (0.6, 11.0), (1.0, 2.0)])
def test_the_pull_sharpens_from_20_to_2_along_half_a_cosine(share: float, power: float) -> None:
    """The mean of ``1 - |2 h - 1| ** beta`` (Nagel et al. 2020, equation 24), by hand for two values of ``h``."""
    values, grid = _weight("int4", True, None, None)
    choice = SoftRounding(values, grid)
    h = np.where(np.arange(values.size).reshape(values.shape) % 2, 0.9, 0.4)
    with torch.no_grad():
        choice.choice.copy_(torch.from_numpy(np.log((h + 0.1) / (1.1 - h))))
    wanted = 1 - (0.8**power + 0.2**power) / 2
    assert float(choice.pull(share).detach()) == pytest.approx(wanted, rel=1e-4)
    assert float(choice.pull(0.19).detach()) == 0.0
    codes, _ = choice.settled()
    up = np.floor(values / grid.scale) + (h >= 0.5)
    assert np.array_equal(codes, np.clip(up, grid.qmin, grid.qmax))


@pytest.mark.parametrize(("ends", "kept"), [(1.4, 1.0), (1.0, 1.0), (0.6, 0.6), (0.3, 0.3), (0.1, 0.3)])
def test_a_range_narrows_to_three_tenths_and_grows_never(ends: float, kept: float) -> None:
    """One factor for both ends where zero is the middle, and one for each where it is not."""
    values, grid = _weight("int4", True, 0, None)
    choice = OffsetRounding(values, grid)
    assert choice.ends is not None
    with torch.no_grad():
        choice.ends.fill_(ends)
    np.testing.assert_allclose(choice.settled()[1].scale, kept * grid.scale, rtol=1e-6)
    values, grid = _weight("uint4", False, 0, None)
    uneven = OffsetRounding(values, grid)
    assert uneven.ends is not None
    with torch.no_grad():
        uneven.ends[0], uneven.ends[1] = ends, 1.0
    found = uneven.settled()[1]
    low, high = kept * grid.low, grid.high
    np.testing.assert_allclose(found.scale, (high - low) / 15, rtol=1e-5)
    np.testing.assert_array_equal(found.zero_point, np.rint(15 * -low / (high - low)))


@pytest.mark.parametrize("offset", [-0.5, -0.3, 0.0, 0.3, 0.5, 2.0])
def test_an_offset_moves_a_value_by_half_a_step_at_most(offset: float) -> None:
    """Added in steps before rounding, on the grid of the plan where ranges do not learn."""
    values, grid = _weight("int4", True, 0, None)
    choice = OffsetRounding(values, grid, ranges=False)
    with torch.no_grad():
        choice.offset.fill_(offset)
    codes, found = choice.settled()
    assert found.scale is not None
    np.testing.assert_array_equal(found.scale, grid.scale)
    steps = values / grid.scale[:, None] + np.float32(min(offset, 0.5))
    np.testing.assert_array_equal(codes, np.clip(np.rint(steps), grid.qmin, grid.qmax))
