"""What must hold for every integer format, whatever the grid and the tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.formats import Format
from qexplorer.core.grid import Granularity, dequantize, fake_quantize, grid_from_range, quantize
from tests.core.strategies import INTEGER_FORMATS, fine_grids, tensor_grids, tensors, values

TRIED = [each for each in INTEGER_FORMATS if each.bits in (2, 3, 4, 5, 8, 9, 16)]
every_format = pytest.mark.parametrize("format", TRIED, ids=[each.name for each in TRIED])
SIGNED = [each for each in TRIED if each.signed]


def test_there_are_integer_formats_of_2_to_16_bits_signed_and_not() -> None:
    """The properties below speak of the narrowest, the widest and some between; each is said by its width alone."""
    assert {(f.bits, f.signed) for f in INTEGER_FORMATS} == {(b, s) for b in range(2, 17) for s in (True, False)}
    assert {f.bits for f in TRIED} == {2, 3, 4, 5, 8, 9, 16}


@every_format
def test_codes_fill_the_format_and_fit_the_carrier(format: Format) -> None:
    """A format of b bits has 2**b codes, all of which its carrier can hold."""
    assert format.qmax - format.qmin + 1 == 2**format.bits
    carrier = next(f for f in INTEGER_FORMATS if f.name == format.carrier)
    assert carrier.qmin <= format.qmin
    assert format.qmax <= carrier.qmax
    assert format.clipped == (carrier.bits > format.bits)


@every_format
@given(data=st.data(), x=tensors)
def test_fake_quantize_changes_nothing_the_second_time(format: Format, data: st.DataObject, x: Any) -> None:
    """Values on the grid stay where they are."""
    grid = data.draw(tensor_grids(format))
    once = fake_quantize(x, grid)
    np.testing.assert_array_equal(fake_quantize(once, grid), once)


@pytest.mark.parametrize("format", INTEGER_FORMATS, ids=[each.name for each in INTEGER_FORMATS])
@pytest.mark.parametrize("symmetric", [True, False])
def test_every_width_rounds_to_the_nearest_level_in_order_and_once(format: Format, symmetric: bool) -> None:
    """2 to 16 bits, signed and not, on values inside and beyond the range; what lies beyond gets the outermost."""
    x = np.sort(np.random.default_rng(format.bits).standard_t(3, 4000)).astype(np.float32)
    grid = grid_from_range(-2.5, 4.0, format, symmetric=symmetric)
    levels, once = grid.levels().astype(np.float64), fake_quantize(x, grid)
    above = np.searchsorted(levels, x).clip(1, len(levels) - 1)
    nearest = np.minimum(np.abs(levels[above] - x), np.abs(levels[above - 1] - x))
    np.testing.assert_allclose(np.abs(once - x.astype(np.float64)), nearest, atol=1e-6)
    np.testing.assert_array_equal(fake_quantize(once, grid), once)
    assert (np.diff(once) >= 0).all()


@every_format
@given(data=st.data(), x=tensors)
def test_quantize_keeps_order(format: Format, data: st.DataObject, x: Any) -> None:
    """A larger value never gets a smaller code."""
    codes = quantize(np.sort(x.reshape(-1)), data.draw(tensor_grids(format)))
    assert (np.diff(codes) >= 0).all()


@every_format
@given(data=st.data(), x=tensors)
def test_codes_stay_within_qmin_and_qmax(format: Format, data: st.DataObject, x: Any) -> None:
    """No code leaves the grid, for infinities and NaN either, and symmetric grids use their own range."""
    grid = data.draw(tensor_grids(format))
    wild = np.concatenate([x.reshape(-1), np.array([np.inf, -np.inf, np.nan, 3e38, -3e38], np.float32)])
    codes = quantize(wild, grid)
    assert format.qmin <= grid.qmin <= codes.min()
    assert codes.max() <= grid.qmax <= format.qmax
    assert codes[-5] == grid.qmax
    assert codes[-4] == codes[-3] == grid.qmin


@every_format
@given(data=st.data(), x=tensors)
def test_error_inside_the_range_is_at_most_half_a_step(format: Format, data: st.DataObject, x: Any) -> None:
    """Rounding to the nearest level errs by half a scale, up to the rounding of float32 itself."""
    grid = data.draw(tensor_grids(format))
    inside = np.clip(x, grid.low, grid.high)
    error = np.abs(fake_quantize(inside, grid).astype(np.float64) - inside)
    ulp = np.spacing(np.maximum(np.abs(inside), np.abs(grid.scale))).astype(np.float64)
    assert (error <= float(grid.scale) / 2 + 2 * ulp).all()


@every_format
@given(data=st.data())
def test_zero_is_on_every_grid(format: Format, data: st.DataObject) -> None:
    """Zero, which padding and ReLU produce, has an exact code."""
    grid = data.draw(tensor_grids(format))
    zero = np.zeros(1, np.float32)
    assert fake_quantize(zero, grid)[0] == 0
    assert quantize(zero, grid)[0] == grid.zero_point


@every_format
@given(low=values, high=values, symmetric=st.booleans())
def test_a_grid_covers_its_range(format: Format, low: float, high: float, symmetric: bool) -> None:
    """Both ends are within half a step (rounded zero point) of the grid, or within it if the grid is symmetric."""
    low, high = min(low, high), max(low, high)
    grid = grid_from_range(low, high, format, symmetric=symmetric)
    slack = float(grid.scale) * (1 if symmetric and not format.signed else 0.5) + 1e-5 * max(abs(low), abs(high))
    assert float(grid.low) <= low + slack
    assert high <= float(grid.high) + slack


@pytest.mark.parametrize("format", SIGNED, ids=[each.name for each in SIGNED])
@given(low=values, high=values, x=tensors)
def test_symmetric_grids_are_symmetric(format: Format, low: float, high: float, x: Any) -> None:
    """With a signed format -x gets the negated code of x, as no code is left without its opposite."""
    grid = grid_from_range(min(low, high), max(low, high), format, symmetric=True)
    assert grid.zero_point == 0
    assert grid.qmin == -grid.qmax
    np.testing.assert_array_equal(quantize(-x, grid), -quantize(x, grid))
    np.testing.assert_array_equal(grid.levels(), -grid.levels()[::-1])


@every_format
@given(data=st.data(), x=tensors)
def test_channel_and_block_grids_equal_a_loop(format: Format, data: st.DataObject, x: Any) -> None:
    """One call over the tensor gives what one call for each channel, or each value of each block, gives."""
    grid = data.draw(fine_grids(format, x.shape))
    together = fake_quantize(x, grid)
    for index in np.ndindex(x.shape):
        if grid.block is None:
            one = grid.channel(index[grid.axis])
        else:
            place = list(index)
            place[grid.axis] //= grid.block
            low, high = grid.low[tuple(place)], grid.high[tuple(place)]
            assert low <= together[index] <= high
            scale, zero = grid.scale[tuple(place)], grid.zero_point[tuple(place)]
            one = type(grid)(format, scale.reshape(()), zero.reshape(()), None, None, grid.qmin, grid.qmax)
        assert fake_quantize(x[index], one) == together[index]


@every_format
@given(data=st.data(), rows=st.integers(1, 5), columns=st.integers(1, 9))
def test_a_matrix_turned_over_has_its_grid_turned_over(
    format: Format, data: st.DataObject, rows: int, columns: int
) -> None:
    """Rounding the transpose on the transposed grid is the transpose of rounding."""
    x = np.linspace(-3, 3, rows * columns, dtype=np.float32).reshape(rows, columns)
    grid = data.draw(fine_grids(format, x.shape))
    np.testing.assert_array_equal(fake_quantize(np.ascontiguousarray(x.T), grid.transposed()), fake_quantize(x, grid).T)


@every_format
@given(data=st.data())
def test_levels_are_the_values_of_all_codes(format: Format, data: st.DataObject) -> None:
    """Levels ascend, run from low to high, and every one is its own nearest level."""
    grid = data.draw(tensor_grids(format))
    levels = grid.levels()
    assert len(levels) == grid.qmax - grid.qmin + 1
    assert (np.diff(levels) > 0).all()
    assert (levels[0], levels[-1]) == (grid.low, grid.high)
    codes = np.arange(grid.qmin, grid.qmax + 1)
    np.testing.assert_array_equal(dequantize(codes, grid), levels)
    np.testing.assert_array_equal(quantize(levels, grid), codes)


@given(data=st.data(), x=tensors)
def test_granularity_is_what_the_grid_was_made_with(data: st.DataObject, x: Any) -> None:
    """A grid says itself whether one scale serves a tensor, a channel or a block."""
    grid = data.draw(fine_grids(INTEGER_FORMATS[0], x.shape))
    assert grid.granularity is (Granularity.CHANNEL if grid.block is None else Granularity.BLOCK)
    assert data.draw(tensor_grids(INTEGER_FORMATS[0])).granularity is Granularity.TENSOR


@pytest.mark.parametrize(
    ("low", "high"),
    [(float("nan"), 1), (0, float("inf")), (2, 1), (-float("inf"), 0), ([0, 2], [1, 1]), ([-1, -1], [1, float("nan")])],
)
def test_a_range_that_is_none_is_refused(low: Any, high: Any) -> None:
    """NaN, infinite and reversed ranges, of one channel too, raise instead of giving scale NaN or infinity."""
    with pytest.raises(ValueError, match="range of a grid"):
        grid_from_range(low, high, INTEGER_FORMATS[0], symmetric=False)


def test_ties_go_to_the_even_code() -> None:
    """Half-way values are rounded as QuantizeLinear rounds them."""
    grid = grid_from_range(-127, 127, INTEGER_FORMATS[0], symmetric=True)
    assert float(grid.scale) == 1
    found = quantize(np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32), grid)
    np.testing.assert_array_equal(found, [-2, -2, 0, 0, 2, 2])
