"""Statistics on disk, and those of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import UnknownName
from qexplorer.core.model import Model
from qexplorer.core.workspace import workspace
from qexplorer.observe import stats as stats_module
from qexplorer.observe.collecting import store as store_module
from qexplorer.observe.collecting.store import load_statistics, save_statistics, statistics_for, statistics_path
from qexplorer.observe.stats import Statistics
from qexplorer.observe.weights import weight_array, weight_stats
from tests.observe.graphs import as_model, residual_cnn


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """The hand-made network."""
    return as_model(residual_cnn(), tmp_path)


def _data(n: int = 6, digest: str = "d") -> DataSet:
    x = np.random.default_rng(0).standard_normal((n, 3, 12, 10)).astype(np.float32)
    return DataSet("made", Split({"": x}), Split({"": 5 * x + 7}), True, (), digest)


def test_only_the_calibration_part_is_observed(model: Model) -> None:
    """The input's range is exactly that of the samples that calibrate, whatever those that judge hold."""
    data = _data()
    stats = statistics_for(model, data)[model.inputs[0].name]
    values = data.calibration.inputs[""]
    assert (stats.histogram.minimum, stats.histogram.maximum) == (values.min(), values.max())


def test_of_many_samples_a_spread_draw_is_observed(model: Model) -> None:
    """Of 40 samples sorted by class, 8 drawn ones have every class: the first 8 would have one."""
    labels = np.repeat(np.arange(4), 10)
    x = np.ones((40, 3, 12, 10), np.float32) * (labels + 1).astype(np.float32)[:, None, None, None]
    data = DataSet("sorted", Split({"": x}, labels), Split({"": x[:4] * 9}, labels[:4]), True, (), "s")
    stats = statistics_for(model, data, samples=8)
    seen = stats[model.inputs[0].name].histogram
    assert (stats.samples, seen.minimum, seen.maximum) == (8, 1.0, 4.0)
    assert seen.total / seen.counts.sum() == pytest.approx(2.5)


def test_statistics_are_collected_once_and_read_back_equal(model: Model) -> None:
    """The second call feeds no sample, and every number is the same."""
    told: list[Any] = []
    first = statistics_for(model, _data(), progress=lambda *a: told.append(a))
    assert told
    told.clear()
    again = statistics_for(model, _data(), progress=lambda *a: told.append(a))
    assert not told
    assert list(again) == list(first)
    assert (again.digest, again.samples) == (first.digest, 6)
    for name, stats in first.items():
        kept = again[name]
        assert np.array_equal(kept.histogram.counts, stats.histogram.counts)
        assert (kept.shape, kept.axis, kept.average, kept.kind) == (stats.shape, stats.axis, stats.average, stats.kind)
        assert kept.histogram.squares == stats.histogram.squares
        assert stats.channels is not None
        assert kept.channels is not None
        assert np.array_equal(kept.channels.mean, stats.channels.mean)


def test_other_data_or_another_number_of_samples_are_other_statistics(model: Model) -> None:
    """The digest tells them apart; more samples than there are is the same as all."""
    digests = {statistics_for(model, _data(), samples=n).digest for n in (3, 6, 100)}
    digests.add(statistics_for(model, _data(digest="e")).digest)
    assert len(digests) == 3


def test_what_another_version_kept_is_not_read(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could mean something else; and all samples are looked for under one name, however many were asked for."""
    path = save_statistics(statistics_for(model, _data()), tmp_path / "kept.npz")
    assert load_statistics(path, model) is not None
    assert (
        statistics_path(model, _data(), 100) == statistics_path(model, _data(), 6) != statistics_path(model, _data(), 5)
    )
    monkeypatch.setattr(store_module, "SCHEMA", 0)
    assert load_statistics(path, model) is None


@pytest.mark.parametrize("name", ["SCHEMA", "SEED"])
def test_another_way_of_drawing_or_collecting_is_another_digest(
    model: Model, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier version kept, or other samples gave, is not read; neither is another model's."""
    made = Statistics({}, 6, model.sha256, "d")
    before = made.digest
    assert Statistics({}, 6, "other", "d").digest != before
    monkeypatch.setattr(stats_module, name, 1)
    assert made.digest != before


def test_a_damaged_file_is_collected_again(model: Model) -> None:
    """A truncated file, and one that is no archive, are replaced."""
    first = statistics_for(model, _data())
    (path,) = workspace("statistics").iterdir()
    whole = path.read_bytes()
    for damage in (whole[: len(whole) // 2], b"text"):
        path.write_bytes(damage)
        assert load_statistics(path, model) is None
        assert statistics_for(model, _data()).samples == first.samples
        assert load_statistics(path, model) is not None


def test_statistics_of_another_model_are_not_taken(model: Model, tmp_path: Path) -> None:
    """A file whose digest of the model differs is not read."""
    path = save_statistics(statistics_for(model, _data()), tmp_path / "kept.npz")
    other = tmp_path / "other"
    other.mkdir()
    assert load_statistics(path, as_model(residual_cnn(channels=8), other)) is None


def test_weights_are_read_from_the_file(model: Model) -> None:
    """Values, channel axis and channel ranges of a convolution's and a classifier's weight."""
    for name, shape in (("w1", (24, 3, 3, 3)), ("w4", (7, 24))):
        array, stats = weight_array(model, name), weight_stats(model, name)
        assert array.shape == shape == stats.shape
        assert stats.axis == 0
        assert stats.channels is not None
        flat = array.reshape(shape[0], -1)
        assert np.array_equal(stats.channels.minimum, flat.min(1))
        assert stats.channels.std == pytest.approx(flat.std(1), rel=1e-4)
    with pytest.raises(UnknownName, match="w4"):
        weight_array(model, "w5")
