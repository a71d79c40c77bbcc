"""One pass over calibration data: statistics of every tensor that could be quantized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import BackendError, DataError
from qexplorer.core.model import Model
from qexplorer.graph.allowance import allowance
from qexplorer.observe.collecting.accumulate import Accumulator, ChannelLayout
from qexplorer.observe.collecting.stream import cores
from qexplorer.observe.collecting.tap import Tap, Tapped
from qexplorer.observe.collecting.targets import channel_axis, observed_tensors
from qexplorer.observe.stats import Statistics, TensorStats
from qexplorer.observe.weights import weight_stats, weighted_layers
from qexplorer.process.child import allow

__all__ = ["collect"]

Progress = Callable[[int, int], None]
_BATCH_BYTES = 2**27  # of observed tensors in one batch
_LARGEST_BATCH = 64


def collect(
    model: Model,
    split: Split,
    *,
    data_digest: str = "",
    batch: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Statistics:
    """Runs ``model`` in float on all samples of ``split`` and observes every tensor that could be quantized.

    Args:
        model: the float model.
        split: the samples, one array per model input (the key ``""`` stands for the only input).
        data_digest: identifies the data, for the statistics' own digest.
        batch: samples run at once; None chooses by the size of the tensors. It has no influence on the result but the
            order of sums. A model with a fixed batch gets that one.
        threads: of inference and counting; None: the cores this process may use.
        progress: called with (samples done, samples in all) after each batch.

    Raises:
        DataError: there is no sample, or an input is missing.
        BackendError: ONNX Runtime cannot run the model.
    """
    if not split.inputs or not split.n:
        raise DataError("there is no sample to observe", where=model.name, do="give calibration data")
    threads = threads or cores()
    allow(allowance(model, batch=batch or _LARGEST_BATCH))
    feeds = _feeds(model, split)
    observer = _Observer(model, threads)
    done, free = 0, model.fixed_batch is None
    while done < split.n:
        size = model.fixed_batch or batch or observer.batch_size(done)
        piece = {i.name: feeds[i.name][done : done + size].astype(i.dtype, copy=False) for i in model.inputs}
        try:
            done += observer.feed(piece, min(size, split.n - done), None if free else size)
        except BackendError:
            if size == 1 or not free:
                raise
            batch = 1  # a batch size can be written into a Reshape, whatever the file says of its inputs
            continue
        if progress is not None:
            progress(done, split.n)
    tensors = observer.stats()
    for name in weighted_layers(model):
        tensors[name] = weight_stats(model, name)
    return Statistics(tensors, split.n, model.sha256, data_digest)


class _Observer:
    """The session, and an accumulator for each tensor."""

    def __init__(self, model: Model, threads: int) -> None:
        self._model = model
        names = observed_tensors(model)
        self._tap = Tap(model, names, threads=threads)
        inputs = {info.name for info in model.inputs if info.dtype.startswith("float")}
        tapped = {tensor.name: tensor for tensor in self._tap.tensors}
        self._names = [name for name in names if name in inputs or name in tapped]
        self._fed = [name for name in self._names if name in inputs and name not in tapped]
        self._kept: dict[str, Accumulator] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._sample_bytes = 0
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def batch_size(self, done: int) -> int:
        """One sample first; then as many as keep the tensors of one batch near ``_BATCH_BYTES``."""
        if not done:
            return 1
        return max(1, min(_LARGEST_BATCH, _BATCH_BYTES // max(self._sample_bytes, 1)))

    def feed(self, feeds: Mapping[str, Array], samples: int, fixed: int | None) -> int:
        """Runs and counts one batch of ``samples``; a fixed batch is filled up, and what filled it is not counted."""
        run = fixed or samples
        if run > samples:
            fill = np.arange(run) % samples
            feeds = {name: values[fill] for name, values in feeds.items()}
        found = self._tap.run(feeds)
        work: list[tuple[Tapped, Array]] = list(zip(self._tap.tensors, found, strict=True))
        work += [(Tapped(name, name), feeds[name]) for name in self._fed]
        self._sample_bytes = sum(array.nbytes for _, array in work) // run
        for tensor, array in work:
            self._prepare(tensor, array, run)
        jobs = [(self._kept[t.name], a[:samples] if a.ndim and a.shape[0] == run else a, samples) for t, a in work]
        if self._pool is None:
            for job in jobs:
                _count(job)
        else:
            list(self._pool.map(_count, jobs))
        return samples

    def _prepare(self, tensor: Tapped, array: NDArray[Any], run: int) -> None:
        shape = array.shape
        if tensor.lanes:
            shape = (shape[0], tensor.channels, *shape[2:])
        self._shapes[tensor.name] = (1, *shape[1:]) if shape and shape[0] == run else shape
        if tensor.name not in self._kept:
            axis = channel_axis(tensor.name, array.ndim, self._model.layers)
            layout = ChannelLayout(axis, tensor.lanes, tensor.channels)
            self._kept[tensor.name] = Accumulator(layout)

    def stats(self) -> dict[str, TensorStats]:
        """Statistics of all tensors, in execution order."""
        if self._pool is not None:
            self._pool.shutdown()
        found: dict[str, TensorStats] = {}
        for name in self._names:
            if name not in self._kept:
                continue
            kept = self._kept.pop(name)
            axis = kept.layout.axis
            shape = self._shapes[name]
            found[name] = TensorStats(
                name,
                "activation",
                shape,
                kept.histogram(),
                kept.channels(),
                None if axis is None else axis % len(shape),
                (kept.average.low, kept.average.high),
            )
        return found


def _count(job: tuple[Accumulator, Array, int]) -> None:
    accumulator, array, samples = job
    accumulator.add(array, samples)


def _feeds(model: Model, split: Split) -> dict[str, Array]:
    """One array per model input."""
    given = dict(split.inputs)
    if "" in given and len(model.inputs) == 1:
        given[model.inputs[0].name] = given.pop("")
    missing = [info.name for info in model.inputs if info.name not in given]
    if missing:
        names = ", ".join(info.name for info in model.inputs)
        raise DataError(f"there are no values for the input '{missing[0]}'", where=model.name, allowed=names)
    return given
