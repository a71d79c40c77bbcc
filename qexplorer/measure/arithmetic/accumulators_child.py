"""The child that looks at a model's int32 sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.measure.fidelity.batches import first_rows
from qexplorer.measure.scratch import read_samples
from qexplorer.process.child import Emit
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.registry import usable
from qexplorer.run.torch_integer import TORCH
from qexplorer.run.torch_integer.session import AccumulatorRange, TorchIntegerSession

__all__ = ["histogram", "look"]

_BINS = 96


def look(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Sums of every layer that runs on integers.

    Args:
        arguments: ``path``, ``files`` (samples by input name), ``batch``.
        emit: takes ``progress`` events with ``done`` from 0 to 1.

    Returns:
        ``n`` and ``layers`` (fields of ``LayerSums``).

    Raises:
        BackendError: the graph cannot be run, or no layer of it runs on integers.
    """
    path = Path(arguments["path"])
    session = usable(TORCH.name).load(path, SessionOptions())
    assert isinstance(session, TorchIntegerSession)
    batch = int(arguments["batch"])
    feeds = first_rows(read_samples(arguments["files"]), batch)
    ranges = session.accumulator_ranges(feeds)
    if not ranges:
        raise BackendError("no layer of it adds up in integers", where=path.name, do="quantize weights and activations")
    layers = []
    for index, name in enumerate(ranges):
        layers.append({"layer": name} | histogram(session.accumulators(feeds, name)))
        emit({"event": "progress", "done": (index + 1) / len(ranges)})
    return {"n": batch, "layers": layers}


def histogram(sums: Array) -> dict[str, Any]:
    """Counts of ``sums`` (int32, any shape) in bins of one whole width, with the smallest, the largest and the bits."""
    low, high = int(sums.min()), int(sums.max())
    width = max(1, -(-(high - low + 1) // _BINS))
    edges = np.arange(low, high + width + 1, width, dtype=np.int64)
    counts, _ = np.histogram(sums, bins=edges)
    return {
        "low": low,
        "high": high,
        "bits": AccumulatorRange(low, high).bits,
        "count": int(sums.size),
        "edges": edges.tolist(),
        "counts": counts.tolist(),
    }
