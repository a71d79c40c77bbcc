"""What a page draws is what quantization does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import get_format, on_a_grid
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Granularity, fake_quantize
from qexplorer.core.plugin_kinds.calibrator_choice import not_offered, options_among
from qexplorer.core.recipe import WeightSpec
from qexplorer.observe.clip_curve import clip_curve
from qexplorer.observe.error import error_exact, error_per_channel
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.tensor_grid import grid_view, input_axis
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.observe.weights import array_stats

INT8 = get_format("int8")


def _weight(axis: int = 0) -> tuple[Any, TensorStats]:
    rng = np.random.default_rng(8)
    shape = (10, 64) if axis == 0 else (64, 10)
    array = (rng.standard_t(4, shape) * np.geomspace(0.1, 1, 10).reshape((-1, 1) if axis == 0 else (1, -1))).astype(
        "f4"
    )
    return array, array_stats("w", array, axis)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("granularity", list(Granularity))
@pytest.mark.parametrize("calibrator", ["minmax", "mse"])
def test_the_grid_drawn_is_the_grid_used(axis: int, granularity: Granularity, calibrator: Any) -> None:
    """Scales are those that quantization of this weight gets, and the error is the exact one."""
    array, stats = _weight(axis)
    view = grid_view(stats, format=INT8, symmetric=True, granularity=granularity, calibrator=calibrator, block=16)
    used = weight_grid(array, WeightSpec(granularity=granularity, calibrator=calibrator, block=16), axis, 1 - axis)
    assert np.array_equal(view.grid.scale, used.scale)
    assert (view.grid.axis, view.grid.block) == (used.axis, used.block)
    assert view.error.mse == pytest.approx(error_exact(array, used).mse)
    assert (view.low, view.high) == (used.low.min(), used.high.max())


@pytest.mark.parametrize("calibrator", ["minmax", "ratio"])
@pytest.mark.parametrize("name", on_a_grid("weight"))
def test_the_grid_drawn_is_the_grid_used_in_every_format(name: str, calibrator: Any) -> None:
    """Also where a rule of the format's own bounds the range, or levels are learned: scales, codes and levels."""
    array, stats = _weight()
    kind = get_format(name)
    for granularity in kind.granularities:
        if calibrator in not_offered(kind, granularity, "weight"):
            continue
        own: dict[str, Any] = {"granularity": granularity, "block": 16}
        view = grid_view(stats, format=kind, symmetric=True, calibrator=calibrator, **own)
        used = weight_grid(array, WeightSpec(format=name, symmetric=True, calibrator=calibrator, **own), 0, 1)
        np.testing.assert_array_equal(view.grid.scale, used.scale)
        np.testing.assert_array_equal(view.grid.zero_point, used.zero_point)
        np.testing.assert_array_equal(fake_quantize(array, view.grid), fake_quantize(array, used))


def test_channels_show_what_one_scale_costs_each_of_them() -> None:
    """With one scale for all, small channels have fewer decibels than with scales of their own."""
    array, stats = _weight()
    one = grid_view(stats, format=INT8, symmetric=True)
    own = grid_view(stats, format=INT8, symmetric=True, granularity=Granularity.CHANNEL)
    assert one.channels is not None
    assert own.channels is not None
    assert one.levels is not None
    assert own.levels is None
    assert (own.channels.sqnr_db[:5] > one.channels.sqnr_db[:5] + 3).all()
    assert own.channels.maximum == pytest.approx(array.max(1))
    exact = error_per_channel(array, own.grid)
    assert own.channels.sqnr_db == pytest.approx([e.sqnr_db for e in exact])


def test_a_clip_drawn_by_hand_is_the_range() -> None:
    """Per tensor the clip decides alone; per channel it bounds ranges that reach beyond it and no others."""
    array, stats = _weight()
    view = grid_view(stats, format=INT8, symmetric=False, clip=(-0.25, 0.5))
    assert (view.low, view.high) == pytest.approx((-0.25, 0.5), abs=0.003)
    assert view.error.clipped_fraction == pytest.approx(((array < view.low) | (array > view.high)).mean())
    free = grid_view(stats, format=INT8, symmetric=True, granularity=Granularity.CHANNEL)
    bound = grid_view(stats, format=INT8, symmetric=True, granularity=Granularity.CHANNEL, clip=(-0.5, 0.5))
    assert bound.grid.high == pytest.approx(np.minimum(free.grid.high, 0.5))


def test_a_clip_by_hand_stretches_learned_levels() -> None:
    """Half of the range halves the levels, and the error is that of the curve, of the whole tensor and by channel."""
    _, stats = _weight()
    book, (low, high) = get_format("codebook2"), (stats.histogram.minimum, stats.histogram.maximum)
    reach = max(-low, high)
    whole, half = (
        grid_view(stats, format=book, symmetric=True, clip=(-share * reach, share * reach)) for share in (1.0, 0.5)
    )
    assert whole.levels is not None
    assert half.levels is not None
    np.testing.assert_allclose(half.levels, whole.levels / 2, rtol=1e-6)
    curve = clip_curve(stats, book, symmetric=True, calibrators=())
    assert curve.points[-1].error.mse == pytest.approx(whole.error.mse, rel=2e-3)
    free = grid_view(stats, format=book, symmetric=True, granularity=Granularity.CHANNEL)
    bound = grid_view(stats, format=book, symmetric=True, granularity=Granularity.CHANNEL, clip=(-0.5, 0.5))
    assert free.grid.own is not None
    assert (np.abs(bound.grid.high) <= 0.5 + 1e-6).all()
    assert bound.error.clipping_mse > free.error.clipping_mse


def test_an_activation_is_judged_by_its_histogram() -> None:
    """Without its values there is one grid, its levels, and an error close to the exact one."""
    array, stats = _weight()
    view = grid_view(
        replace(stats, kind="activation", array=None), format=INT8, symmetric=True, calibrator="percentile"
    )
    assert view.channels is None
    assert view.levels is not None
    assert len(view.levels) == 255
    assert view.error.mse == pytest.approx(error_exact(array, view.grid).mse, rel=0.2)


def test_what_does_not_exist_is_said() -> None:
    """Channels of an activation, and a format without scale, are refused with what is allowed."""
    _, stats = _weight()
    with pytest.raises(RecipeError, match="one grid for the whole tensor"):
        grid_view(replace(stats, array=None), format=INT8, symmetric=True, granularity=Granularity.CHANNEL)
    with pytest.raises(RecipeError, match=r"fp16 has no scale.*int8"):
        grid_view(stats, format=get_format("fp16"), symmetric=True)


@pytest.mark.parametrize(("rank", "axis", "summed"), [(2, 0, 1), (2, 1, 0), (4, 0, 1), (4, 1, 0), (3, 2, 1), (4, 3, 2)])
def test_blocks_run_beside_the_axis_of_the_outputs(rank: int, axis: int, summed: int) -> None:
    """Conv and Gemm turned over along 1, ConvTranspose and Gemm along 0, stacked matrices along the last but one."""
    assert input_axis(rank, axis) == summed


def test_each_channels_errors_are_told_apart() -> None:
    """Rounding and clipping of every channel, on its own grid and on one for all, are those of its values."""
    array, stats = _weight()
    for granularity in (Granularity.TENSOR, Granularity.CHANNEL):
        view = grid_view(stats, format=INT8, symmetric=True, granularity=granularity, clip=(-0.5, 0.5))
        assert view.channels is not None
        for k, row in enumerate(array):
            grid = view.grid if granularity is Granularity.TENSOR else view.grid.channel(k)
            exact = error_exact(row, grid)
            assert view.channels.rounding_mse[k] == pytest.approx(exact.rounding_mse, rel=1e-5, abs=1e-15)
            assert view.channels.clipping_mse[k] == pytest.approx(exact.clipping_mse, rel=1e-5, abs=1e-15)
            assert view.channels.sqnr_db[k] == pytest.approx(exact.sqnr_db, rel=1e-5)


def test_options_of_a_calibrator_count_for_channels_and_blocks_too() -> None:
    """A percentile of 80 is narrower than the default one, and a ratio of half is half of min-max."""
    _, stats = _weight()

    def scale(calibrator: str, granularity: Granularity, **options: float) -> Any:
        given = options_among(calibrator, options) if options else None
        return grid_view(
            stats, format=INT8, symmetric=True, granularity=granularity, calibrator=calibrator, options=given, block=16
        ).grid.scale

    narrow, wide = scale("percentile", Granularity.CHANNEL, percentile=80.0), scale("percentile", Granularity.CHANNEL)
    assert (narrow < 0.8 * wide).all()
    for granularity in (Granularity.CHANNEL, Granularity.BLOCK):
        half = scale("ratio", granularity, ratio=0.5)
        np.testing.assert_allclose(half, scale("minmax", granularity) / 2, rtol=1e-6)


def test_a_clip_keeps_the_sign_of_each_scale() -> None:
    """Where scales are of either sign a bound narrows those that reach beyond it, and no other grows."""
    _, stats = _weight()
    kind = UniformFormat.of(4, signed=True).of_either_sign()
    free = grid_view(stats, format=kind, symmetric=True, granularity=Granularity.CHANNEL).grid
    bound = grid_view(stats, format=kind, symmetric=True, granularity=Granularity.CHANNEL, clip=(-0.5, 0.4)).grid
    reach = np.maximum(-free.low, free.high)
    np.testing.assert_allclose(bound.scale, free.scale * np.minimum(1, 0.5 / reach), rtol=1e-6)
    np.testing.assert_array_equal(bound.zero_point, free.zero_point)
    assert (bound.scale < free.scale).any()
    assert (bound.scale == free.scale).any()
