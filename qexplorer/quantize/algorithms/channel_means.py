"""Means of tensors, channel by channel, while calibration samples stream past: memory does not grow with their number.

Batches run side by side, each on one thread, and their sums are added in the order of the samples: the same data give
the same means bit for bit, on any number of processors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.observe.collecting.stream import BATCH, batches, cores, without_filling
from qexplorer.observe.collecting.tap import one_sentence, open_session

if TYPE_CHECKING:
    import onnx

__all__ = ["channel_means"]

Means = dict[str, NDArray[np.float64]]

_SETTINGS = {
    "session.disable_quant_qdq": "1",  # the graph as it is written: the same on every processor
    "session.qdq_matmulnbits_accuracy_level": "0",  # inputs of MatMulNBits stay in float
    "session.x64quantprecision": "1",  # sums of two products of dynamic layers do not saturate
}


def channel_means(
    proto: onnx.ModelProto,
    model: Model,
    split: Split,
    axes: Mapping[str, int],
    progress: Callable[[float], None],
) -> Means:
    """Runs ``proto`` on all samples.

    Args:
        proto: a graph with the inputs of ``model`` in which the wanted tensors are.
        model: says how samples are fed.
        split: the samples.
        axes: the axis of the channels by name of the tensor.
        progress: told the share that is done after each batch.

    Returns:
        Float64 ``(channels,)`` by name: means over samples and positions.

    Raises:
        BackendError: ONNX Runtime cannot run the graph.
    """
    import onnx

    present = {output.name for output in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in axes if name not in present)
    session = open_session(proto.SerializeToString(), 1, model.name, settings=_SETTINGS)

    def sums(feeds: dict[str, Array], samples: int) -> list[tuple[NDArray[np.float64], int]]:
        try:
            found: list[NDArray[Any]] = session.run(list(axes), feeds)
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(one_sentence(error), where=model.name) from None
        real = [without_filling(values, feeds, samples) for values in found]
        return [_sums(values, axis) for values, axis in zip(real, axes.values(), strict=True)]

    try:
        return _folded(sums, model, split, list(axes), BATCH, progress)
    except BackendError:
        if model.fixed_batch is not None:
            raise
        return _folded(sums, model, split, list(axes), 1, progress)  # a batch can be written into a Reshape


def _folded(
    sums: Callable[[dict[str, Array], int], list[tuple[NDArray[np.float64], int]]],
    model: Model,
    split: Split,
    names: list[str],
    size: int,
    progress: Callable[[float], None],
) -> Means:
    totals: list[NDArray[np.float64] | float] = [0.0] * len(names)
    counts, done = [0] * len(names), 0
    for found, samples in _in_order(sums, batches(model, split, size)):
        for place, (total, count) in enumerate(found):
            totals[place] = totals[place] + total
            counts[place] += count
        done += samples
        progress(done / split.n)
    return {name: np.asarray(totals[i]) / max(counts[i], 1) for i, name in enumerate(names)}


def _in_order(work: Callable[[dict[str, Array], int], Any], given: Iterator[Any]) -> Iterator[tuple[Any, int]]:
    """What ``work`` makes of each batch, in their order, a few of them at a time."""
    workers = cores()
    waiting: list[tuple[Future[Any], int]] = []
    with ThreadPoolExecutor(workers) as pool:
        for feeds, samples in given:
            waiting.append((pool.submit(work, feeds, samples), samples))
            if len(waiting) > workers:
                future, count = waiting.pop(0)
                yield future.result(), count
        for future, count in waiting:
            yield future.result(), count


def _sums(values: NDArray[Any], axis: int) -> tuple[NDArray[np.float64], int]:
    """The sum of each channel, and how many values of each it is of."""
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    return rows.sum(1, dtype=np.float64), rows.shape[1]
