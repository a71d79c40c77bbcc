"""Details of an activation's channels on disk, beside the statistics that they refine."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from qexplorer.core.dataset import DataSet
from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.model import Model
from qexplorer.core.workspace import sha256_bytes
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.observe.collecting.channels import ChannelDetail, collect_channels
from qexplorer.observe.collecting.store import statistics_path
from qexplorer.observe.stats import TensorStats
from qexplorer.process.places.taking import beside

__all__ = ["channels_for", "channels_path", "read_channels"]

_FIELDS = ("kurtosis", "zeros", "outliers", "counts")


def channels_path(model: Model, data: DataSet, name: str, samples: int = 512) -> Path:
    """Where the details of the tensor ``name`` are kept, or would be."""
    statistics = statistics_path(model, data, samples)
    return statistics.with_name(f"{statistics.stem}-channels-{sha256_bytes(name.encode())[:16]}.npz")


def read_channels(path: Path) -> ChannelDetail | None:
    """What :func:`channels_for` kept at ``path``; None if there is nothing, or nothing that can be read."""
    try:
        with np.load(io.BytesIO(read_sealed(path) or b""), allow_pickle=False) as file:
            return ChannelDetail(*(file[field] for field in _FIELDS))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def channels_for(
    model: Model,
    data: DataSet,
    stats: TensorStats,
    *,
    samples: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> ChannelDetail:
    """Details of the channels of the activation ``stats``: kept ones, or found in one more pass and kept.

    Args:
        model: the float model.
        data: the data that ``stats`` was collected on.
        stats: the activation.
        samples: calibration samples, at most: those of the statistics.
        progress: called with (samples done, samples in all).

    Raises:
        ValueError: the tensor has no channels.
        BackendError: ONNX Runtime cannot run the model.
    """
    path = channels_path(model, data, stats.name, samples)
    kept = read_channels(path)
    if kept is not None:
        return kept
    with beside():
        found = collect_channels(model, calibration_sample(data, samples).split, stats, progress=progress)
    buffer = io.BytesIO()
    arrays = {field: getattr(found, field) for field in _FIELDS}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_sealed(path, buffer.getvalue())
    return found
