"""Statistics on disk, named by the digest of what they were computed from."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.contents import used
from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.model import Model
from qexplorer.core.workspace import workspace
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.histogram import BINS, Histogram
from qexplorer.observe.stats import SCHEMA, ChannelStats, Statistics, TensorStats
from qexplorer.observe.weights import weight_stats, weighted_layers
from qexplorer.process.places.taking import beside, give_way

__all__ = ["load_statistics", "save_statistics", "statistics_for", "statistics_path"]

_CHANNEL_FIELDS = ("count", "minimum", "maximum", "mean", "std")


def statistics_for(
    model: Model, data: DataSet, *, samples: int = 512, progress: Callable[[int, int], None] | None = None
) -> Statistics:
    """Statistics of ``model`` on ``samples`` calibration samples: kept ones, or collected now and kept.

    Args:
        model: the float model.
        data: its calibration part is used.
        samples: at most so many, drawn as ``load.datasets.sampling`` says.
        progress: called with (samples done, samples in all) while collecting; not called when they were kept.

    Raises:
        DataError: the data do not fit the model.
        BackendError: ONNX Runtime cannot run the model.
    """
    drawn = calibration_sample(data, samples)
    path = statistics_path(model, data, samples)
    kept = load_statistics(path, model)
    if kept is not None:
        used(path)
        return kept

    def told(done: int, total: int) -> None:
        give_way()
        if progress is not None:
            progress(done, total)

    with beside():
        found = collect(model, drawn.split, data_digest=data.digest, progress=told)
    save_statistics(found, path)
    return found


def statistics_path(model: Model, data: DataSet, samples: int = 512) -> Path:
    """Where the statistics of ``model`` on ``samples`` calibration samples are kept, or would be."""
    n = min(samples, data.calibration.n) if data.calibration.inputs else 0
    return workspace("statistics") / f"{Statistics({}, n, model.sha256, data.digest).digest}.npz"


def save_statistics(statistics: Statistics, path: Path) -> Path:
    """Writes the activations' statistics (weights are in the model) as .npz without pickles, whole or not at all."""
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "samples": statistics.samples,
        "model": statistics.model_sha256,
        "data": statistics.data_digest,
        "tensors": [],
    }
    arrays: dict[str, NDArray[Any]] = {}
    for i, stats in enumerate(statistics.of_kind("activation")):
        h = stats.histogram
        where = np.flatnonzero(h.counts)
        arrays[f"{i}.bins"], arrays[f"{i}.counts"] = where.astype(np.uint16), h.counts[where]
        exact = [h.minimum, h.maximum, h.total, h.squares, *stats.average]
        arrays[f"{i}.exact"] = np.array(exact, np.float64)
        if stats.channels is not None:
            for field in _CHANNEL_FIELDS:
                arrays[f"{i}.{field}"] = getattr(stats.channels, field)
        head["tensors"].append([stats.name, list(stats.shape), stats.axis, stats.channels is not None])
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return write_sealed(path, buffer.getvalue())


def load_statistics(path: Path, model: Model) -> Statistics | None:
    """Reads what :func:`save_statistics` wrote and adds the weights of ``model``; None if there is no such file, or it
    is damaged or of another version: it is then collected again."""
    try:
        with np.load(io.BytesIO(read_sealed(path) or b""), allow_pickle=False) as file:
            head = json.loads(bytes(file["head"]))
            if head["schema"] != SCHEMA or head["model"] != model.sha256:
                return None
            entries = enumerate(head["tensors"])
            found = {entry[0]: _tensor(file, i, *entry) for i, entry in entries}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    for name in weighted_layers(model):
        found[name] = weight_stats(model, name)
    return Statistics(found, head["samples"], head["model"], head["data"])


def _tensor(file: Any, i: int, name: str, shape: list[int], axis: int | None, has_channels: bool) -> TensorStats:
    counts = np.zeros(BINS, np.int64)
    counts[file[f"{i}.bins"]] = file[f"{i}.counts"]
    low, high, total, squares, average_low, average_high = (float(v) for v in file[f"{i}.exact"])
    histogram = Histogram(counts, minimum=low, maximum=high, total=total, squares=squares)
    channels = ChannelStats(*(file[f"{i}.{field}"] for field in _CHANNEL_FIELDS)) if has_channels else None
    return TensorStats(name, "activation", tuple(shape), histogram, channels, axis, (average_low, average_high))
