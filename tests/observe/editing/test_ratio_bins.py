"""All channels or blocks in units of their own scales: every value is there, whatever the weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator_choice import options_among
from qexplorer.observe.editing.ratio_bins import RatioBins, ratio_bins, why_not_together
from qexplorer.observe.editing.ratio_error import error_at_share
from qexplorer.observe.rows import grid_rows
from qexplorer.observe.tensor_grid import grid_view
from qexplorer.observe.weights import array_stats

FORMATS = (("int8", True), ("int8", False), ("int4", False), ("nf4", True), ("mxfp4", True), ("nvfp4", True))


def _bins(array: Any, name: str, symmetric: bool, block: int | None = None) -> RatioBins:
    stats = array_stats("w", np.asarray(array, np.float32), 0)
    axis = 0 if block is None else 1
    found = ratio_bins(stats, get_format(name), symmetric=symmetric, axis=axis, block=block)
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "symmetric"), FORMATS)
@pytest.mark.parametrize("block", [None, 16])
def test_every_value_is_counted(name: str, symmetric: bool, block: int | None) -> None:
    """Also of a channel of zeros, of equal values, of one value, and of blocks that do not divide the axis; none
    lies beyond the ends of its range."""
    array = np.random.default_rng(2).standard_normal((70, 37)) * np.geomspace(1e-4, 10, 70)[:, None]
    array[3], array[5], array[8] = 0.0, 0.25, np.r_[1.0, np.zeros(36)]
    for values in (array, np.zeros((2, 5)), np.full((3, 4), -0.5), [[7.0]]):
        found = _bins(values, name, symmetric, block)
        size = np.size(values)
        assert found.bars.count.sum() == pytest.approx(size)
        if found.octaves is None:
            assert sum(bins.count.sum() for bins, _ in found.groups) == pytest.approx(size)
        else:
            assert np.isfinite(found.octaves.errors).all()
        if name != "nvfp4":  # a coded scale saturates
            assert np.abs([found.bars.low, found.bars.high]).max(initial=0.0) <= 1.0 + 1e-6
        assert np.isfinite(found.unit)


def test_many_channels_stay_few_bins() -> None:
    """4,096 channels of unlike width and centre are sent in as many bins as one tensor's two."""
    rng = np.random.default_rng(3)
    array = rng.lognormal(0, 1, (4096, 1)) * (rng.standard_normal((4096, 24)) + rng.normal(0, 1, (4096, 1)))
    for name, symmetric in FORMATS:
        found = _bins(array, name, symmetric)
        near = 0 if found.tails is None else len(found.tails.steps)
        assert sum(len(bins.low) for bins, _ in found.groups) + near <= 4200
        assert len(found.bars.low) <= 1024
        assert found.octaves is None or len(found.octaves.above) == 256


def test_shares_are_those_of_other_ranges() -> None:
    """Min-max has share 1 everywhere, and a range that another calibrator shrinks has what is left of it."""
    array = np.random.default_rng(4).standard_t(3, (12, 200)).astype(np.float32)
    stats, found = array_stats("w", array, 0), _bins(array, "int4", True)
    for calibrator, least in (("minmax", 1.0), ("mse", 0.2)):
        view = grid_view(
            stats, format=get_format("int4"), symmetric=True, granularity=Granularity.CHANNEL, calibrator=calibrator
        )
        shares = found.shares(grid_rows(view.grid, stats.shape, array.shape)[0])
        assert shares.min() >= least
        assert shares == pytest.approx(view.grid.high / np.abs(array).max(1), rel=1e-5)


def test_what_no_share_moves_is_said() -> None:
    """Learned levels and levels by a rule of the format's own have a sentence, all others none."""
    for name in ("codebook", "binary", "ternary"):
        assert str(why_not_together(get_format(name), "channel")).startswith("No share to drag")
    assert why_not_together(get_format("int4"), "block") is None


@pytest.mark.parametrize(("name", "symmetric"), FORMATS)
@pytest.mark.parametrize("block", [None, 32])
def test_the_error_at_any_share_is_nearly_the_exact_one(name: str, symmetric: bool, block: int | None) -> None:
    """Within 0.1 % at the best share, a hundredth elsewhere, without looking at a value again."""
    rng = np.random.default_rng(5)
    width, centre = rng.uniform(0.5, 2.0, (256, 1)), rng.uniform(-0.5, 0.5, (256, 1))
    array = (width * (rng.standard_t(8, (256, 3000)) + centre)).astype(np.float32)
    stats, found = array_stats("w", array, 0), _bins(array, name, symmetric, block)
    what = Granularity.CHANNEL if block is None else Granularity.BLOCK
    order: dict[str, Any] = {"format": get_format(name), "symmetric": symmetric, "granularity": what, "block": 32}
    errors = []
    for share in (0.2, 0.45, 0.7, 0.85, 0.95):
        options = options_among("ratio", {"ratio": share})
        exact = grid_view(stats, calibrator="ratio", options=options, **order).error
        told = error_at_share(found, get_format(name), share, exact.signal_power, exact.n)
        assert told.mse == pytest.approx(exact.mse, rel=0.01)
        assert told.signal_power == pytest.approx(exact.signal_power)
        assert told.clipped_fraction == pytest.approx(exact.clipped_fraction, rel=0.01)
        errors.append((exact.mse, told.mse))
    assert min(errors)[1] == pytest.approx(min(errors)[0], rel=1e-3)


@pytest.mark.parametrize("name", ["int8", "fp8_e4m3", "fp8_e5m2", "int4", "mxfp4", "nf4"])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("block", [None, 32])
def test_few_values_are_judged_one_by_one(name: str, symmetric: bool, block: int | None) -> None:
    """So that the error is the exact one, and what is clipped, with thousands of values as with dozens."""
    rng, chosen = np.random.default_rng(6), get_format(name)
    if not (symmetric or chosen.has_zero_point):
        return
    what = Granularity.CHANNEL if block is None else Granularity.BLOCK
    order: dict[str, Any] = {"format": chosen, "symmetric": symmetric, "granularity": what, "block": 32}
    for shape in ((3, 20), (48, 96)):
        array = rng.uniform(0.5, 2.0, (shape[0], 1)) * (
            rng.standard_t(8, shape) + rng.uniform(-0.5, 0.5, (shape[0], 1))
        )
        stats, found = array_stats("w", array.astype(np.float32), 0), _bins(array, name, symmetric, block)
        for share in (0.3, 0.71, 0.93):
            options = options_among("ratio", {"ratio": share})
            exact = grid_view(stats, calibrator="ratio", options=options, **order).error
            told = error_at_share(found, chosen, share, exact.signal_power, exact.n)
            assert told.mse == pytest.approx(exact.mse, rel=1e-3)
            assert told.clipped_fraction == pytest.approx(exact.clipped_fraction, abs=1e-12)
