"""Sums of what a graph computes, while calibration samples stream past: memory does not grow with their number.

Batches run side by side, each on one thread, and their parts are added in the order of the samples: the same data give
the same sums bit for bit, on any number of processors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.observe.collecting.stream import BATCH, batches, cores, without_filling
from qexplorer.observe.collecting.tap import one_sentence, open_session

if TYPE_CHECKING:
    import onnx

__all__ = ["SIMULATED", "Part", "folded", "summed"]

Part = tuple[NDArray[np.float64], int]
"""A sum over some samples, and how many values it is of."""

_Found = TypeVar("_Found")
_Total = TypeVar("_Total")

SIMULATED = {
    "session.disable_quant_qdq": "1",  # the graph as it is written: the same on every processor
    "session.qdq_matmulnbits_accuracy_level": "0",  # inputs of MatMulNBits stay in float
    "session.x64quantprecision": "1",  # sums of two products of dynamic layers do not saturate
}
"""Settings of a session that computes a graph as it is written."""


def summed(
    proto: onnx.ModelProto,
    model: Model,
    split: Split,
    names: Sequence[str],
    parts: Callable[[Sequence[NDArray[Any]], int], Sequence[Part]],
    progress: Callable[[float], None],
    second: tuple[onnx.ModelProto, str] | None = None,
) -> list[Part]:
    """Runs ``proto`` on all samples and adds up what ``parts`` makes of the tensors ``names``.

    Args:
        proto: a graph with the inputs of ``model`` in which the tensors are.
        model: says how samples are fed.
        split: the samples.
        names: the tensors, inputs of the graph too.
        parts: given the tensors of one batch and the number of its first sample, what they add; called in threads.
        progress: told the share that is done after each batch.
        second: another graph with the same inputs, and a tensor of it that comes behind the others.

    Returns:
        The sums, in the order in which ``parts`` gives them; empty where there is no sample.

    Raises:
        BackendError: ONNX Runtime cannot run the graph.
    """

    def added(totals: list[Part] | None, found: Sequence[Part]) -> list[Part]:
        if totals is None:
            return list(found)
        return [(a + b, m + n) for (a, m), (b, n) in zip(totals, found, strict=True)]

    return folded(proto, model, split, names, parts, added, progress, second) or []


def folded(
    proto: onnx.ModelProto,
    model: Model,
    split: Split,
    names: Sequence[str],
    parts: Callable[[Sequence[NDArray[Any]], int], _Found],
    fold: Callable[[_Total | None, _Found], _Total],
    progress: Callable[[float], None],
    second: tuple[onnx.ModelProto, str] | None = None,
) -> _Total | None:
    """Runs ``proto`` on all samples and takes up what ``parts`` makes of the tensors ``names``, batch after batch.

    Args:
        proto: a graph with the inputs of ``model`` in which the tensors are.
        model: says how samples are fed.
        split: the samples.
        names: the tensors, inputs of the graph too.
        parts: given the tensors of one batch and the number of its first sample; called in threads.
        fold: given what was taken up so far, None at first, and the part of the next batch, in the order of samples.
        progress: told the share that is done after each batch.
        second: another graph with the same inputs, and a tensor of it that comes behind the others.

    Returns:
        What ``fold`` gave last; None where there is no sample.

    Raises:
        BackendError: ONNX Runtime cannot run the graph.
    """
    ran = _opened(proto, model, names)
    beside = _opened(second[0], model, [second[1]]) if second is not None else None

    def work(feeds: dict[str, Array], samples: int, first: int) -> _Found:
        found = [*ran(feeds), *(beside(feeds) if beside is not None else [])]
        return parts([without_filling(each, feeds, samples) for each in found], first)

    try:
        return _folded(work, model, split, BATCH, fold, progress)
    except BackendError:
        if model.fixed_batch is not None:
            raise
        return _folded(work, model, split, 1, fold, progress)  # a batch can be written into a Reshape


def _opened(
    proto: onnx.ModelProto, model: Model, names: Sequence[str]
) -> Callable[[dict[str, Array]], list[NDArray[Any]]]:
    """A session of ``proto``: the tensors ``names``, inputs too, for what is fed."""
    import onnx

    fed = {info.name for info in model.inputs}
    present = {output.name for output in proto.graph.output} | fed
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names) if name not in present)
    session = open_session(proto.SerializeToString(), 1, model.name, settings=SIMULATED)
    inside = [name for name in dict.fromkeys(names) if name not in fed]

    def run(feeds: dict[str, Array]) -> list[NDArray[Any]]:
        try:
            found = dict(zip(inside, session.run(inside, feeds) if inside else [], strict=True))
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(one_sentence(error), where=model.name) from None
        return [(feeds | found)[name] for name in names]

    return run


def _folded(
    work: Callable[[dict[str, Array], int, int], _Found],
    model: Model,
    split: Split,
    size: int,
    fold: Callable[[_Total | None, _Found], _Total],
    progress: Callable[[float], None],
) -> _Total | None:
    total: _Total | None = None
    done = 0
    for found, samples in _in_order(work, batches(model, split, size)):
        total = fold(total, found)
        done += samples
        progress(done / split.n)
    return total


def _in_order(
    work: Callable[[dict[str, Array], int, int], Any], given: Iterator[tuple[dict[str, Array], int]]
) -> Iterator[tuple[Any, int]]:
    """What ``work`` makes of each batch, in their order, a few of them at a time."""
    workers, first = cores(), 0
    waiting: list[tuple[Future[Any], int]] = []
    with ThreadPoolExecutor(workers) as pool:
        for feeds, samples in given:
            waiting.append((pool.submit(work, feeds, samples, first), samples))
            first += samples
            if len(waiting) > workers:
                future, count = waiting.pop(0)
                yield future.result(), count
        for future, count in waiting:
            yield future.result(), count
