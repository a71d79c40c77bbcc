"""Small floats and their shared scales, against ml_dtypes, torch's casts and ONNX's own cases, bit for bit."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from qexplorer.core.formats import Granularity, get_format
from qexplorer.core.formats.floats.small_float import SmallFloat
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.error import error_exact
from qexplorer.observe.weight_grids import weight_grid

OUTSIDE = {
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
    "fp6_e3m2": ml_dtypes.float6_e3m2fn,
    "fp6_e2m3": ml_dtypes.float6_e2m3fn,
    "fp4_e2m1": ml_dtypes.float4_e2m1fn,
}
ONE, ZERO = np.ones((), np.float32), np.zeros((), np.int32)
every = pytest.mark.parametrize("name", OUTSIDE)


def _small(name: str) -> SmallFloat:
    found = get_format(name)
    assert isinstance(found, SmallFloat)
    return found


def _awkward(name: str) -> np.ndarray[Any, Any]:
    """Every level, every half way between two, the float32 next to each, and what lies beyond."""
    levels = _small(name).table.levels
    ends = [1e30, -1e30, np.inf, -np.inf, 1e-30, -1e-30, -0.0, 1.01 * levels[-1]]
    exact = np.concatenate([levels, (levels[1:] + levels[:-1]) / 2, ends]).astype(np.float32)
    return np.concatenate([exact, *(np.nextafter(exact, np.float32(end)) for end in (-np.inf, np.inf))])


@every
def test_every_code_is_the_value_that_ml_dtypes_has(name: str) -> None:
    """All codes, both zeros among them, bit for bit; levels are all finite values, each once."""
    found = _small(name)
    expected = np.arange(2**found.bits, dtype=np.uint8).view(OUTSIDE[name]).astype(np.float32)
    finite = np.isfinite(expected)
    values = found.decode(np.arange(2**found.bits, dtype=np.int32), ONE, ZERO)
    np.testing.assert_array_equal(values[finite].view(np.uint32), expected[finite].view(np.uint32))
    assert np.isnan(values[~finite]).all()
    np.testing.assert_array_equal(found.levels(), np.unique(expected[finite]))


@every
def test_values_are_rounded_as_ml_dtypes_rounds_them(name: str) -> None:
    """Halves go to the even mantissa and the sign of zero is kept, bit for bit; beyond the end it saturates."""
    found, x = _small(name), _awkward(name)
    end = found.table.levels[-1]
    expected = np.clip(x, -end, end).astype(OUTSIDE[name]).view(np.uint8) & (2**found.bits - 1)
    codes = found.encode(x, ONE, ZERO, found.sign | found.last, found.last)
    np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize(("name", "kind"), [("fp8_e4m3", torch.float8_e4m3fn), ("fp8_e5m2", torch.float8_e5m2)])
def test_torch_casts_alike(name: str, kind: torch.dtype) -> None:
    """Its cast of what lies within, bit for bit."""
    found, x = _small(name), _awkward(name)
    inside = x[np.abs(x) <= found.table.levels[-1]]
    expected = torch.from_numpy(inside).to(kind).view(torch.uint8).numpy()
    np.testing.assert_array_equal(found.encode(inside, ONE, ZERO, found.sign | found.last, found.last), expected)


@pytest.mark.parametrize(("name", "kind"), [("fp16", torch.float16), ("bf16", torch.bfloat16)])
def test_halves_are_torch_casts(name: str, kind: torch.dtype) -> None:
    """FP16 and BF16: every value of the type is its own code, and halves between go where torch puts them."""
    found = get_format(name)
    levels = np.asarray(found.levels(), np.float32)
    with np.errstate(over="ignore"):
        x = np.concatenate([levels, (levels[1:].astype(np.float64) + levels[:-1]).astype(np.float32) / 2])
    x = x[np.isfinite(x)]
    expected = torch.from_numpy(x).to(kind).view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(found.encode(x, ONE, ZERO, 0, 0), expected)


@pytest.mark.parametrize(("case", "name"), [("e4m3fn", "fp8_e4m3"), ("e5m2", "fp8_e5m2"), ("float4e2m1", "fp4_e2m1")])
def test_the_operator_cases_of_onnx_agree(case: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes, scale and values of ONNX's own node cases of DequantizeLinear."""
    from onnx.backend.test.case.node import dequantizelinear

    found: dict[str, Any] = {}
    monkeypatch.setattr(dequantizelinear, "expect", lambda _, **given: found.update(given))
    getattr(dequantizelinear.DequantizeLinear, f"export_{case}")()
    raw, scale = (from_onnx(each) for each in found["inputs"][:2])
    codes = raw.view(np.uint8).astype(np.int32)
    np.testing.assert_array_equal(_small(name).decode(codes, np.float32(scale), ZERO), found["outputs"][0])


def from_onnx(value: Any) -> np.ndarray[Any, Any]:
    """A case's input, which may be an array or a tensor of a file."""
    return np.asarray(numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value)


MX = {"mxfp4": 6.0, "mxfp6": 7.5, "mxfp8": 448.0}


@pytest.mark.parametrize("name", MX)
def test_mx_scales_are_the_powers_of_two_of_the_specification(name: str) -> None:
    """Exponent of the largest magnitude less that of the largest level, as ml_dtypes rounds to E8M0 from above zero."""
    rng = np.random.default_rng(0)
    x = (rng.standard_t(3, (64, 96)) * np.exp2(rng.integers(-20, 20, (64, 1)))).astype(np.float32)
    grid = weight_grid(x, WeightSpec.model_validate({"format": name}), 0, 1)
    assert (grid.block, grid.scale.shape) == (32, (64, 3))
    largest = np.abs(x).reshape(64, 3, 32).max(-1).astype(np.float64)
    expected = np.exp2(np.floor(np.log2(largest)) - np.floor(np.log2(MX[name])))
    np.testing.assert_array_equal(grid.scale, expected)
    np.testing.assert_array_equal(grid.scale.astype(ml_dtypes.float8_e8m0fnu).astype(np.float32), grid.scale)


@pytest.mark.parametrize("name", ["mxfp4", "mxfp6", "mxfp8"])
def test_the_least_error_is_that_of_the_best_power_of_two(name: str) -> None:
    """Each block's scale by ``mse`` is the one, of seven tried here, with the least error of that block."""
    x = np.random.default_rng(1).standard_t(4, (16, 64)).astype(np.float32)
    spec = WeightSpec.model_validate({"format": name, "calibrator": "mse"})
    found = weight_grid(x, spec, 0, 1)
    plain = weight_grid(x, WeightSpec.model_validate({"format": name}), 0, 1)
    blocks, errors = x.reshape(16, 2, 32), []
    for k in range(-3, 4):
        scale = (plain.scale * np.float32(2.0**k))[..., None]
        kind = plain.format
        back = kind.decode(kind.encode(blocks, scale, ZERO, plain.qmin, plain.qmax), scale, ZERO)
        errors.append(((back.astype(np.float64) - blocks) ** 2).sum(-1))
    own = ((fake_quantize(x, found).astype(np.float64) - x) ** 2).reshape(16, 2, 32).sum(-1)
    np.testing.assert_allclose(own, np.min(errors, 0), rtol=1e-9)
    assert error_exact(x, found).mse <= error_exact(x, plain).mse


def test_nvfp4_scales_are_small_floats_times_one_of_the_tensor() -> None:
    """The largest block has 448, the end of E4M3; others the nearest of it, none is zero, and zeros stay zeros."""
    rng = np.random.default_rng(2)
    x = (rng.standard_normal((8, 64)) * np.exp2(rng.integers(-16, 1, (8, 1)))).astype(np.float32)
    x[3, 16:32] = 0
    grid = weight_grid(x, WeightSpec.model_validate({"format": "nvfp4"}), 0, 1)
    assert grid.block == 16
    largest = np.abs(x).reshape(8, 4, 16).max(-1)
    whole = np.float32(largest.max() / 6 / 448)
    held = largest > 0
    codes = np.maximum((largest / np.float32(6) / whole).astype(ml_dtypes.float8_e4m3fn).astype(np.float32), 2.0**-9)
    np.testing.assert_allclose(grid.scale[held], (codes * whole)[held], rtol=3e-7)
    assert (fake_quantize(x, grid).reshape(8, 4, 16)[~held] == 0).all()


def test_scales_that_blocks_share_take_a_byte() -> None:
    """4096 values: MXFP4 4.25 bits each, MXFP8 8.25, NVFP4 4.5 and four bytes; int4 in blocks of 32 has floats."""
    for name, scales, expected in (
        ("mxfp4", 128, 4096 * 4.25 / 8),
        ("mxfp6", 128, 4096 * 6.25 / 8),
        ("mxfp8", 128, 4096 * 8.25 / 8),
        ("nvfp4", 256, 4096 * 4.5 / 8 + 4),
        ("fp4_e2m1", 128, 4096 * 5 / 8),
    ):
        assert get_format(name).packed_bytes(4096, scales) == expected


def test_blocks_are_those_of_the_format_unless_something_else_is_asked() -> None:
    """The block of the specification by default; another one, or a channel, where it is said."""
    spec = WeightSpec.model_validate({"format": "nvfp4"})
    assert (spec.granularity, spec.block) == (Granularity.BLOCK, 16)
    assert WeightSpec.model_validate({"format": "mxfp4", "block": 64}).block == 64
    assert WeightSpec.model_validate({"format": "mxfp4", "granularity": "channel"}).granularity == "channel"


def test_a_power_of_two_is_kept_at_both_ends_of_float32() -> None:
    """Magnitudes whose exponent E8M0 does not have get the nearest that float32 has as a normal number."""
    grid = grid_from_range(np.array([-1e-38, -3e38]), np.array([0.0, 0.0]), get_format("mxfp8"), symmetric=True, axis=0)
    np.testing.assert_array_equal(grid.scale, np.float32([2.0**-126, 2.0**119]))


@pytest.mark.parametrize(
    ("reach", "exponent"), [(3e38, 125), (6.0, 0), (7.9, 0), (8.0, 1), (3.9, -1), (1e-36, -122), (1.2e-38, -126)]
)
def test_a_shared_exponent_reaches_from_one_end_of_float32_to_the_other(reach: float, exponent: int) -> None:
    """That of the largest magnitude less that of 6, which is 2; nothing below 2^-126 is a normal number."""
    for low, high in ((-reach, reach), (0.0, reach), (-reach, 0.0)):
        fitted = get_format("mxfp4").fit(np.asarray(low), np.asarray(high), symmetric=True)
        assert float(fitted.scale) == 2.0**exponent


def test_a_small_block_beside_a_large_one_keeps_a_scale_of_its_tensor() -> None:
    """NVFP4's smallest coded scale is 2^-9 of an E4M3, times the tensor's; a block of zeros has 1."""
    reach = np.array([6.0, 3.0, 1e-6, 0.0])
    fitted = get_format("nvfp4").fit(-reach, reach, symmetric=True)
    np.testing.assert_allclose(fitted.scale, [1.0, 0.5, 2.0**-9 / 448, 1.0], rtol=1e-6)
