"""Formats whose levels are listed: against what was published, and against what rounds to the nearest by definition."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import helper, numpy_helper

from qexplorer.core.formats import FORMATS, Format, get_format
from qexplorer.core.formats.floats.small_float import SmallFloat
from qexplorer.core.formats.levels import LevelTable
from qexplorer.core.formats.table import TableFormat
from qexplorer.core.formats.uniform import UniformFormat, as_uniform
from qexplorer.core.grid import dequantize, fake_quantize, grid_from_range, quantize
from tests.core.strategies import values

LISTED = [item for item in FORMATS if item.table is not None and item.levels() is not None]
listed = pytest.mark.parametrize("format", LISTED, ids=[item.name for item in LISTED])
E4M3 = np.dtype(ml_dtypes.float8_e4m3fn)
ONE, ZERO = np.ones((), np.float32), np.zeros((), np.int32)
tensors = hnp.arrays(np.float32, st.integers(1, 60), elements=values)


def test_the_levels_of_nf4_follow_from_the_normal_distribution() -> None:
    """QLoRA, appendix E: quantiles of N(0, 1), 8 on the negative and 9 on the positive side, by the largest."""
    outermost, inverse = 0.9677083, NormalDist().inv_cdf
    positive = [inverse(p) for p in np.linspace(outermost, 0.5, 9)[:-1]]
    negative = [-inverse(p) for p in np.linspace(outermost, 0.5, 8)[:-1]]
    expected = np.sort([*positive, *negative, 0.0]) / max(positive)
    np.testing.assert_allclose(get_format("nf4").levels(), expected, atol=2e-7)


def test_fp8_decodes_as_ml_dtypes_does() -> None:
    """Every one of the 256 codes, NaN and both zeros among them, bit for bit."""
    codes = np.arange(256, dtype=np.int32)
    expected = codes.astype(np.uint8).view(E4M3).astype(np.float32)
    found = get_format("fp8_e4m3").decode(codes, ONE, ZERO)
    np.testing.assert_array_equal(found, expected)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[finite].view(np.uint32), expected[finite].view(np.uint32))
    np.testing.assert_array_equal(get_format("fp8_e4m3").levels(), np.unique(expected[finite]))


def _awkward() -> np.ndarray[Any, Any]:
    """Every level, every half way between two, the float32 next to each, and what lies beyond."""
    levels = np.asarray(get_format("fp8_e4m3").levels(), np.float32)
    middles = (levels[1:] + levels[:-1]) / 2
    exact = np.concatenate([levels, middles, [448.5, 464.0, 1e30, -1e30, np.inf, -np.inf, 1e-30, -1e-30, -0.0]])
    around = [np.nextafter(exact.astype(np.float32), np.float32(end)) for end in (-np.inf, np.inf)]
    return np.concatenate([exact.astype(np.float32), *around])


def test_fp8_encodes_as_ml_dtypes_does() -> None:
    """Halves go to the even mantissa and the sign of zero is kept, bit for bit; beyond 448 it saturates."""
    x = _awkward()
    expected = np.clip(x, -448, 448).astype(E4M3).view(np.uint8)
    np.testing.assert_array_equal(get_format("fp8_e4m3").encode(x, ONE, ZERO, 0xFE, 0x7E), expected)


@pytest.mark.parametrize("scale", [1.0, 0.37, 3e-3])
def test_fp8_is_what_onnx_runtime_quantizes_and_dequantizes(scale: float) -> None:
    """QuantizeLinear and DequantizeLinear to float8e4m3fn give the same codes and values, bit for bit."""
    x = (_awkward() * np.float32(scale))[None]
    x = x[np.isfinite(x)][None]
    kind = onnx.TensorProto.FLOAT8E4M3FN
    step = numpy_helper.from_array(np.float32(scale), "s")
    zero = helper.make_tensor("z", kind, [], b"\0", raw=True)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], saturate=1),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, 1, list(x.shape)) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [step, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    own = get_format("fp8_e4m3")
    codes = own.encode(x, np.float32(scale), ZERO, 0xFE, 0x7E)
    np.testing.assert_array_equal(found.view(np.uint32), own.decode(codes, np.float32(scale), ZERO).view(np.uint32))


@listed
@given(x=tensors, reach=st.floats(1e-3, 1e4))
def test_a_value_goes_to_the_nearest_level(format: Format, x: Any, reach: float) -> None:
    """No level lies nearer to x / scale than the chosen one; rounding again changes nothing; order is kept."""
    grid = grid_from_range(-reach, reach, format, symmetric=True)
    levels = np.asarray(format.levels(), np.float64)
    quotient = np.clip((x / grid.scale).astype(np.float32).astype(np.float64), levels[0], levels[-1])
    chosen = format.decode(quantize(x, grid), ONE, ZERO).astype(np.float64)
    nearest = np.abs(quotient[:, None] - levels).min(1)
    np.testing.assert_array_equal(np.abs(quotient - chosen), nearest)
    once = fake_quantize(x, grid)
    np.testing.assert_array_equal(fake_quantize(once, grid), once)
    assert (np.diff(fake_quantize(np.sort(x), grid)) >= 0).all()


def test_a_value_half_way_between_two_levels_of_a_table_goes_to_the_lower_one() -> None:
    """As bitsandbytes compares: the upper level begins above the middle."""
    thirds = TableFormat("three", (-1.0, 0.0, 1.0))
    x = np.array([-0.5, 0.5, np.nextafter(np.float32(0.5), np.float32(1))], np.float32)
    np.testing.assert_array_equal(thirds.encode(x, ONE, ZERO, 0, 2), [0, 1, 2])


@listed
def test_ends_levels_and_codes_of_a_grid_agree(format: Format) -> None:
    """Low and high are the first and last of the levels, all codes decode to them, and NaN becomes the lowest."""
    grid = grid_from_range(-0.3, 2.0, format, symmetric=True)
    levels = grid.levels()
    assert (float(grid.low), float(grid.high)) == (levels[0], levels[-1])
    np.testing.assert_array_equal(dequantize(grid.codes(), grid), levels)
    np.testing.assert_array_equal(fake_quantize(levels, grid), levels)
    wild = np.array([np.nan, -np.inf, np.inf], np.float32)
    np.testing.assert_array_equal(fake_quantize(wild, grid), [levels[0], levels[0], levels[-1]])


@listed
def test_a_grid_without_a_zero_point_cannot_be_asymmetric(format: Format) -> None:
    """It is refused, and not made symmetric without a word."""
    with pytest.raises(ValueError, match=f"{format.name} has no zero point"):
        grid_from_range(-1.0, 2.0, format, symmetric=False)


@pytest.mark.parametrize("name", ["fp16", "bf16", "fp32"])
def test_floats_without_a_scale_decode_what_they_encode(name: str) -> None:
    """The bits of a value come back as ml_dtypes rounds it; there is no grid over a range."""
    x = np.array([0.1, -3.0, 65504.0, 1e-8, 0.0], np.float32)
    found = get_format(name)
    dtype = {"fp16": np.float16, "bf16": ml_dtypes.bfloat16, "fp32": np.float32}[name]
    np.testing.assert_array_equal(found.decode(found.encode(x, ONE, ZERO, 0, 0), ONE, ZERO), x.astype(dtype))
    with pytest.raises(ValueError, match=f"{name} has no scale"):
        grid_from_range(-1.0, 1.0, found, symmetric=True)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: UniformFormat.of(1, signed=True), "2 to 32 bits, not 1"),
        (lambda: UniformFormat.of(1, signed=False), "2 to 32 bits, not 1"),
        (lambda: UniformFormat.of(0, signed=False), "2 to 32 bits, not 0"),
        (lambda: UniformFormat.of(17, signed=True), "2 to 16 bits, not 17"),
        (lambda: TableFormat("one", (1.0,)), "2 to 256 finite levels"),
        (lambda: TableFormat("down", (1.0, 0.0)), "2 to 256 finite levels"),
        (lambda: TableFormat("endless", (0.0, float("inf"))), "2 to 256 finite levels"),
        (lambda: SmallFloat("fp9", 5, 3, 3, 31, "float9"), "in 4 to 8 bits"),
        (lambda: as_uniform(get_format("nf4"), "this"), "this needs evenly spaced levels"),
    ],
)
def test_impossible_formats_cannot_be_made(make: Any, says: str) -> None:
    """One sentence says why: 1 bit has no step on one side, a table has rising finite levels."""
    with pytest.raises(ValueError, match=says):
        make()


def test_borders_hold_their_ties() -> None:
    """The largest float32 that goes down is the middle where ties go down, and the one below it where they go up."""
    levels = np.array([0.0, 1.0, 2.0], np.float32)
    table = LevelTable.of(levels, np.arange(3, dtype=np.int32), np.array([False, True]))
    assert table.borders[0] == 0.5
    assert table.borders[1] == np.nextafter(np.float32(1.5), np.float32(0))


def test_places_among_levels_go_on_beyond_both_ends() -> None:
    """Between levels in proportion; beyond an end by the distance of the two levels there; NaN has no place."""
    table = LevelTable.of(np.array([-4, -2, 0, 1, 9], np.float32), np.arange(5), np.zeros(4, np.bool_))
    values = [-10, -6, -4, -3, -2, -0.5, 0, 0.25, 1, 3, 9, 13, 17, np.nan]
    wanted = [-3, -1, 0, 0.5, 1, 1.75, 2, 2.25, 3, 3.25, 4, 4.5, 5, np.nan]
    np.testing.assert_array_equal(table.places(np.array(values, np.float32)), wanted)
