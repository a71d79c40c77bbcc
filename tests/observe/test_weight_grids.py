"""Grids of weights at every granularity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import Granularity, fake_quantize, quantize
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.observe.weights import array_stats
from tests.observe.calibrators.tensors import channels


@pytest.mark.parametrize("calibrator", ["minmax", "average", "percentile", "mse"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_each_channel_gets_the_range_of_a_tensor_of_its_own(calibrator: Any, symmetric: bool) -> None:
    """Per channel, a calibrator chooses what it would choose for that channel alone."""
    w = channels()
    spec = WeightSpec(format="int4", symmetric=symmetric, calibrator=calibrator)
    if calibrator == "percentile":
        spec = spec.with_calibrator(calibrator, percentile=99.0)
    grid = weight_grid(w, spec, 0)
    assert grid.granularity is Granularity.CHANNEL
    assert grid.scale.shape == (12,)
    for k in (0, 5, 11):
        alone = weight_grid(w[k], spec.model_copy(update={"granularity": Granularity.TENSOR}), 0)
        near = {"mse": 0.06, "percentile": 0.25}.get(calibrator, 1e-6)  # quantiles of 360 values are not sharp
        assert float(grid.scale[k]) == pytest.approx(float(alone.scale), rel=near)


@pytest.mark.parametrize("axis", [0, 1])
def test_blocks_run_along_the_axis_that_is_summed_over(axis: int) -> None:
    """Each block's scale is that of its own values; the last block may be shorter."""
    w = np.random.default_rng(6).standard_normal((35, 37)).astype(np.float32)
    along = 1 - axis
    grid = weight_grid(w, WeightSpec(format="int8", granularity=Granularity.BLOCK, block=16), axis, along)
    expected = [-(-n // 16) if k == along else n for k, n in enumerate(w.shape)]
    assert list(grid.scale.shape) == expected
    assert (grid.axis, grid.block) == (along, 16)
    moved, scales = np.moveaxis(w, along, -1), np.moveaxis(grid.scale, along, -1)
    assert scales[3, 2] == pytest.approx(abs(moved[3, 32:]).max() / 127, rel=1e-6)
    assert scales[3, 0] == pytest.approx(abs(moved[3, :16]).max() / 127, rel=1e-6)


def test_blocks_refuse_calibrators_that_need_more_values() -> None:
    """The sentence names the calibrator, the block and what works."""
    spec = WeightSpec(granularity=Granularity.BLOCK, calibrator="kl")
    with pytest.raises(RecipeError, match=r"'kl' needs more values than a block has.*minmax, mse"):
        weight_grid(np.ones((4, 64), np.float32), spec, 0, 1)
    with pytest.raises(RecipeError, match="without an input axis"):
        weight_grid(np.ones((4, 64), np.float32), WeightSpec(granularity=Granularity.BLOCK), 0)


@pytest.mark.parametrize("format", [f.name for f in FORMATS if f.is_uniform and f.bits in (2, 3, 4, 8, 9, 16)])
@pytest.mark.parametrize("calibrator", CALIBRATORS.names())
def test_every_calibrator_works_for_every_integer_format(format: str, calibrator: Any) -> None:
    """Also for channels that are all zero, and for a single value: scales stay positive and finite."""
    w = channels()
    w[3] = 0.0
    for symmetric in (True, False):
        for granularity in (Granularity.TENSOR, Granularity.CHANNEL):
            spec = WeightSpec(format=format, granularity=granularity, symmetric=symmetric, calibrator=calibrator)
            for array in (w, np.full((3, 1), -2.0, np.float32)):
                grid = weight_grid(array, spec, 0)
                assert (grid.scale > 0).all()
                assert np.isfinite(grid.scale).all()


@pytest.mark.parametrize("calibrator", ["minmax", "mse", "octav"])
@pytest.mark.parametrize("granularity", list(Granularity))
def test_scales_of_either_sign_lose_less(calibrator: Any, granularity: Granularity) -> None:
    """The error of normal values on 4 bits falls by a twentieth at least, by a fifth in blocks; every code is used."""
    w = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float32)
    spec = WeightSpec(format="int4", granularity=granularity, calibrator=calibrator)
    errors = []
    for either_sign in (False, True):
        grid = weight_grid(w, spec, 0, 1, either_sign=either_sign)
        errors.append(float(np.square(fake_quantize(w, grid) - w).mean()))
    assert errors[1] < errors[0] * (0.83 if granularity is Granularity.BLOCK else 0.95)
    codes, _ = grid.with_signs(quantize(w, grid))
    assert (codes.min(), codes.max()) == (-8, 7)


@pytest.mark.parametrize("granularity", list(Granularity))
def test_a_weight_turned_over_has_the_scales_turned_over(granularity: Granularity) -> None:
    """The grid of -w is that of w with every scale's sign changed, so that neither sign is preferred."""
    w = np.random.default_rng(2).standard_normal((16, 64)).astype(np.float32)
    spec = WeightSpec(format="int3", granularity=granularity, calibrator="mse")
    one, other = (weight_grid(each, spec, 0, 1, either_sign=True) for each in (w, -w))
    np.testing.assert_array_equal(one.scale, other.scale)
    np.testing.assert_array_equal(one.zero_point, -1 - other.zero_point)
    assert one.zero_point.size == 1 or len(np.unique(one.zero_point)) == 2


def test_asymmetric_grids_and_wide_formats_have_no_signs() -> None:
    """Allowing signs changes nothing where zero points or a ninth bit make them pointless."""
    w = np.random.default_rng(3).standard_normal((4, 32)).astype(np.float32)
    for spec in (WeightSpec(format="int4", symmetric=False), WeightSpec(format="int8"), WeightSpec(format="nf4")):
        one, other = (weight_grid(w, spec, 0, either_sign=each) for each in (False, True))
        np.testing.assert_array_equal(one.scale, other.scale)
        np.testing.assert_array_equal(one.zero_point, other.zero_point)
        assert one.format == other.format


def test_axes_may_be_counted_from_the_end() -> None:
    """The grid names them from the front, with the same scales."""
    w = np.random.default_rng(4).standard_normal((6, 40)).astype(np.float32)
    channel, block = WeightSpec(), WeightSpec(granularity=Granularity.BLOCK, block=16)
    for one, other in (
        (weight_grid(w, channel, 1), weight_grid(w, channel, -1)),
        (weight_grid(w, block, 0, 1), weight_grid(w, block, -2, -1)),
    ):
        assert one.axis == other.axis == 1
        np.testing.assert_array_equal(one.scale, other.scale)


def test_a_weight_without_values_has_an_empty_range() -> None:
    """Its average is none, and no infinity."""
    assert array_stats("w", np.zeros((0, 4), np.float32), None).average == (0.0, 0.0)
