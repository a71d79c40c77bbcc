"""Channels in detail: exact where counted, near where integrated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.formats import get_format
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.observe.collecting.channels import OUTLIER, errors_of_channels, weight_channels
from qexplorer.observe.collecting.channels_store import channels_for, channels_path, read_channels
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.collecting.stream import batches, stream, without_filling
from qexplorer.observe.stats import ChannelStats, TensorStats
from qexplorer.observe.weights import array_stats
from tests.observe.graphs import as_model, residual_cnn


def _data(n: int = 6) -> DataSet:
    x = np.random.default_rng(0).standard_normal((n, 3, 12, 10)).astype(np.float32)
    return DataSet("made", Split({"": x}), Split({"": 5 * x + 7}), True, (), "d")


def _heavy() -> np.ndarray:
    """Four channels: heavy tails, half zeros, a constant, and one far from zero."""
    rng = np.random.default_rng(1)
    rows = rng.standard_t(3, (4, 4000)).astype(np.float32)
    rows[1] = np.maximum(rows[1], 0.0)
    rows[2] = 0.25
    rows[3] += 40.0
    return rows


def test_moments_zeros_and_outliers_are_those_of_each_channel() -> None:
    """Kurtosis agrees with its definition, zeros and outliers are counted exactly, a constant has no kurtosis."""
    rows = _heavy()
    detail = weight_channels(array_stats("w", rows, 0))
    for c in (0, 1, 3):
        x = rows[c].astype(np.float64)
        z = (x - x.mean()) / x.std()
        assert detail.kurtosis[c] == pytest.approx((z**4).mean(), rel=1e-6)
        assert detail.zeros[c] == (x == 0).sum()
        assert detail.outliers[c] == (np.abs(z) > OUTLIER).sum()
    assert np.isnan(detail.kurtosis[2])
    assert detail.outliers[0] > 0
    assert detail.counts.sum(1).tolist() == [4000] * 4


@pytest.mark.parametrize(("others", "beyond"), [(30, 0), (37, 1)])
def test_an_outlier_of_a_channel_lies_beyond_six_deviations(others: int, beyond: int) -> None:
    """One value beside n zeros is sqrt(n) deviations from the mean, on either side; what is below zero is no zero."""
    rows = np.zeros((2, others + 1), np.float32)
    rows[:, -1] = 3.0, -3.0
    detail = weight_channels(array_stats("w", rows, 0))
    assert detail.outliers.tolist() == [beyond, beyond]
    assert detail.zeros.tolist() == [others, others]


@pytest.mark.parametrize(("name", "clip"), [("uint8", 1.0), ("uint8", 0.5), ("uint4", 1.0), ("uint4", 0.3)])
def test_the_error_of_each_channel_is_near_the_exact_one(name: str, clip: float) -> None:
    """The error of many values, integrated over an eighth of an octave, is within 3 % of the true squared error."""
    rows = np.random.default_rng(2).laplace(size=(2, 100_000)).astype(np.float32)
    rows[1] = np.maximum(rows[1], 0.0)
    stats = array_stats("w", rows, 0)
    grid = grid_from_range(rows.min() * clip, rows.max() * clip, get_format(name), symmetric=False)
    found = errors_of_channels(stats, weight_channels(stats), grid)
    for c, row in enumerate(rows):
        exact = ((row - fake_quantize(row, grid)).astype(np.float64) ** 2).mean()
        assert found[c].mse == pytest.approx(exact, rel=0.03)
        assert found[c].signal_power == pytest.approx((row.astype(np.float64) ** 2).mean(), rel=1e-6)
        outside = ((row < grid.low) | (row > grid.high)).mean()
        assert found[c].clipped_fraction == pytest.approx(outside, abs=0.002)


@pytest.mark.parametrize("batch", [None, 4])
def test_an_activation_gives_the_same_as_its_values(tmp_path: Path, batch: int | None) -> None:
    """The pass over the data, at any fixed batch, finds what the tensor's own values show, and is kept."""
    model, data = as_model(residual_cnn(batch=batch), tmp_path), _data(6)
    stats = statistics_for(model, data)["r1"]
    path = channels_path(model, data, "r1")
    assert read_channels(path) is None
    detail = channels_for(model, data, stats)
    values = np.concatenate([array for array, _ in stream(model, data.calibration, "r1")])
    assert values.shape[0] == 6
    direct = weight_channels(array_stats("r1", np.moveaxis(values, 1, 0).copy(), 0))
    assert np.array_equal(detail.counts, direct.counts)
    assert np.array_equal(detail.zeros, direct.zeros)
    assert np.allclose(detail.kurtosis, direct.kurtosis, rtol=1e-4)
    kept = read_channels(path)
    assert kept is not None
    assert np.array_equal(kept.counts, detail.counts)


def test_what_is_not_finite_is_in_no_count() -> None:
    """NaN and infinity of one channel leave its moments and those of the other alone."""
    rows = _heavy()[:2].copy()
    clean = weight_channels(array_stats("w", rows, 0))
    more = np.concatenate([rows, np.full((2, 3), 0.5, np.float32)], 1)
    more[0, -3:] = np.nan, np.inf, -np.inf
    found = weight_channels(array_stats("w", more, 0))
    assert found.counts.sum(1).tolist() == [4000, 4003]
    assert np.array_equal(found.counts[0], clean.counts[0])
    assert found.kurtosis[0] == pytest.approx(clean.kurtosis[0], rel=1e-6)


def test_each_tensor_and_number_of_samples_has_its_own_details(tmp_path: Path) -> None:
    """None is read for another's, and of fewer samples fewer values are counted."""
    model, data = as_model(residual_cnn(), tmp_path), _data(6)
    for name, samples in (("r1", 6), ("c2", 6), ("r1", 4)):
        stats = statistics_for(model, data, samples=samples)[name]
        detail = channels_for(model, data, stats, samples=samples)
        assert (detail.counts.sum(1) == samples * 12 * 10).all()
        drawn = calibration_sample(data, samples).split
        values = np.concatenate([array for array, _ in stream(model, drawn, name)])
        direct = weight_channels(array_stats(name, np.moveaxis(values, 1, 0).copy(), 0))
        assert np.array_equal(detail.zeros, direct.zeros)
        assert np.abs(np.cumsum(detail.counts - direct.counts)).max() <= 2


def test_a_graph_input_is_streamed_as_it_is(tmp_path: Path) -> None:
    """The input needs no pass through the graph."""
    model, data = as_model(residual_cnn(), tmp_path), _data(5)
    pieces = list(stream(model, data.calibration, "x"))
    assert np.array_equal(np.concatenate([array for array, _ in pieces]), data.calibration.inputs[""])
    assert pieces[-1][1] == 5


@pytest.mark.parametrize(("batch", "lengths"), [("n", [4, 4, 2]), (4, [4, 4, 4]), (3, [3, 3, 3, 3])])
def test_a_fixed_batch_is_filled_up_and_a_free_one_is_not(tmp_path: Path, batch: int | str, lengths: list[int]) -> None:
    """Ten samples in fours, or in the batch that the file insists on: each is real once."""
    given = list(batches(as_model(residual_cnn(batch=batch), tmp_path), _data(10).calibration, 4))
    assert [len(feeds["x"]) for feeds, _ in given] == lengths
    real = np.concatenate([feeds["x"][:samples] for feeds, samples in given])
    assert np.array_equal(real, _data(10).calibration.inputs[""])


@pytest.mark.parametrize(("shape", "left"), [((4, 2), (3, 2)), ((5, 2), (5, 2)), ((3,), (3,)), ((), ())])
def test_what_filled_a_batch_up_is_taken_off_what_is_by_sample(shape: tuple[int, ...], left: tuple[int, ...]) -> None:
    """Of four samples fed three were real; a tensor of another length is no batch, and a number has none."""
    feeds = {"x": np.zeros((4, 7), np.float32)}
    assert without_filling(np.zeros(shape), feeds, 3).shape == left


def test_tensors_without_channels_are_refused() -> None:
    """Neither statistics without channels nor a grid per channel can be asked about."""
    stats = array_stats("w", _heavy(), 0)
    bare = TensorStats("w", "weight", (4,), stats.histogram, None, None, (0.0, 1.0))
    with pytest.raises(ValueError, match="no weight with channels"):
        weight_channels(bare)
    fine = grid_from_range(np.full(4, -1.0), np.ones(4), get_format("int8"), symmetric=True, axis=0)
    with pytest.raises(ValueError, match="share one grid"):
        errors_of_channels(stats, weight_channels(stats), fine)
    assert isinstance(stats.channels, ChannelStats)
