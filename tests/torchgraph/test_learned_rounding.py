"""The quick form of rounding in training: the values and gradients of the general one."""

from __future__ import annotations

import math

import pytest
import torch

from qexplorer.torchgraph.fake_quantize import broadcast_grid, fake_quantize
from qexplorer.torchgraph.learned_rounding import learned_rounding


def _both(x: torch.Tensor, scale: torch.Tensor, zero: float, limits: tuple[int, int], axis: int) -> list[list[object]]:
    """Values, gradients of ``x`` and of the scale's logarithm, by the quick form and by the general one."""
    found = []
    for quick in (True, False):
        own, log = x.clone().requires_grad_(), torch.full_like(scale, 0.1, requires_grad=True)
        if quick:
            y = learned_rounding(own, scale, log, zero, limits, axis)
            assert y is not None
        else:
            spread = broadcast_grid(scale * torch.exp(log), x.shape, axis, 0)
            y = fake_quantize(own, spread, torch.tensor(zero), *limits)
        (y * torch.linspace(-1, 2, x.numel()).reshape(x.shape)).sum().backward()
        found.append([y.detach(), own.grad, log.grad])
    return found


@pytest.mark.parametrize(("scale", "axis"), [((), 0), ((3,), 0), ((5,), 1), ((4,), -1)])
@pytest.mark.parametrize(("zero", "limits"), [(0.0, (-7, 7)), (3.0, (0, 15)), (0.0, (0, 255))])
def test_it_is_the_general_form(scale: tuple[int, ...], axis: int, zero: float, limits: tuple[int, int]) -> None:
    """Values in every bit, gradients up to the order of sums, per tensor and per channel, with and without a zero
    point."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 4, generator=random)
    one, other = _both(x, 0.05 + torch.rand(scale, generator=random) * 0.2, zero, limits, axis)
    assert torch.equal(one[0], other[0])
    torch.testing.assert_close(one[1], other[1], rtol=0, atol=0)
    torch.testing.assert_close(one[2], other[2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_ends_are_inside_and_what_is_no_number_is_not(shape: tuple[int, ...]) -> None:
    """The gradient passes at both ends themselves, one number beyond it stops; NaN and infinities as in the general
    form."""
    ends = [-7 * 0.25, 7 * 0.25]
    beyond = [math.nextafter(ends[0], -9), math.nextafter(ends[1], 9), math.nan, math.inf, -math.inf]
    for values in (ends, ends + [float(torch.tensor(each)) for each in beyond]):
        x = torch.tensor([values]).requires_grad_()
        y = learned_rounding(x, torch.full(shape, 0.25), None, 0.0, (-7, 7), 0)
        assert y is not None
        y.sum().backward()
        assert x.grad is not None
        assert x.grad[0, :2].tolist() == [1.0, 1.0]
        assert torch.equal(y, fake_quantize(x.detach(), torch.tensor(0.25), torch.tensor(0.0), -7, 7))
        assert x.grad[0, 4:].tolist() == [0.0] * len(x.grad[0, 4:])
    just = torch.nextafter(torch.tensor(ends), torch.tensor([-9.0, 9.0])).requires_grad_()
    out = learned_rounding(just, torch.tensor(0.25), None, 0.0, (-7, 7), 0)
    assert out is not None
    out.sum().backward()
    assert just.grad is not None
    assert not just.grad.any()


def test_it_leaves_other_types_to_the_general_form() -> None:
    """Half precision is none of its own."""
    assert learned_rounding(torch.ones(3, dtype=torch.float16), torch.tensor(0.5), None, 0.0, (-7, 7), 0) is None
