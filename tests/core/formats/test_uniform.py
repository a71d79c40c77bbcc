"""Where evenly spaced grids have their middle and their ends."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import dequantize, grid_from_range, quantize


@pytest.mark.parametrize(
    ("name", "middle", "steps"),
    [("uint8", 128, 127), ("uint4", 8, 7), ("uint2", 2, 1), ("uint16", 32768, 32767), ("int8", 0, 127), ("int4", 0, 7)],
)
def test_zero_is_the_middle_of_a_symmetric_grid(name: str, middle: int, steps: int) -> None:
    """Half of an unsigned grid's codes are for negative values, and the largest magnitude is its highest code."""
    grid = grid_from_range(-0.5, 3.0, get_format(name), symmetric=True)
    assert int(grid.zero_point) == middle
    assert float(grid.scale) == pytest.approx(3.0 / steps, rel=1e-6)
    assert grid.qmax - middle == steps
    assert get_format(name).steps(symmetric=True) == 2 * steps
    values = np.array([-3.0, 0.0, 3.0], np.float32)
    assert quantize(values, grid).tolist() == [middle - steps, middle, middle + steps]
    np.testing.assert_allclose(dequantize(quantize(values, grid), grid), values, rtol=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 4, 7])
def test_a_scale_of_either_sign_uses_every_code(bits: int) -> None:
    """The larger magnitude is the most negative code whichever side it is on, and 0 stays 0."""
    kind = UniformFormat.of(bits, signed=True).of_either_sign()
    half = 2 ** (bits - 1)
    for low, high, zero in ((-3.0, 0.5, 0), (-0.5, 3.0, -1), (-3.0, 3.0, 0)):
        grid = grid_from_range(low, high, kind, symmetric=True)
        assert int(grid.zero_point) == zero
        assert float(grid.scale) == pytest.approx(3.0 / half)
        assert len(grid.levels()) == 2**bits
        far = low if zero == 0 else high
        codes, scale = grid.with_signs(quantize(np.array([far, 0.0], np.float32), grid))
        assert codes.tolist() == [-half, 0]
        assert float(scale) == pytest.approx(-far / half)
    assert kind.steps(symmetric=True) == 2**bits - 1


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_signs_of_scales_stand_for_the_same_values_in_every_bit(axis: int | None) -> None:
    """What a file has, codes times scales without zero points, is what the grid decodes."""
    kind = UniformFormat.of(3, signed=True).of_either_sign()
    values = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    ends = values.reshape(6, 2, 4) if axis == 1 else values
    low, high = (f(ends, axis=None if axis is None else -1) for f in (np.min, np.max))
    grid = grid_from_range(low, high, kind, symmetric=True, axis=axis, block=4 if axis == 1 else None)
    codes, scale = grid.with_signs(quantize(values, grid))
    wide = np.repeat(scale, 4, 1) if axis == 1 else scale.reshape(-1, 1) if axis == 0 else scale
    np.testing.assert_array_equal(codes.astype(np.float32) * wide, dequantize(quantize(values, grid), grid))
    assert axis is None or (np.any(scale < 0) and np.any(scale > 0))
    assert not grid.is_asymmetric


def test_only_few_signed_bits_have_scales_of_either_sign() -> None:
    """From 8 bits on one level more is not worth it, and unsigned codes have no sign to choose."""
    for name in ("int8", "uint4", "int16"):
        kind = UniformFormat.of(int(name.lstrip("uint")), signed=name[0] == "i")
        assert kind.of_either_sign() == kind
