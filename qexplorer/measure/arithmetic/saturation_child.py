"""The child that emulates saturating sums on samples, next to exact ones.

The simulation computes each layer exactly. Where a kernel could saturate, what saturation changes in the accumulator
is added to the layer's output (times both scales), and the graph goes on from there: exact and saturating answers
differ by saturation and nothing else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.measure.arithmetic.integer_layers import IntegerLayer, integer_layers
from qexplorer.measure.arithmetic.overflow import accumulator_bound, bits_of, largest_in_data
from qexplorer.measure.arithmetic.pair_sums import PairRisk, change_by_saturation, move_of, pair_risk, why_exact
from qexplorer.measure.arithmetic.stages import StagedModel
from qexplorer.measure.fidelity.gate import differences
from qexplorer.measure.fidelity.rounding_points import output_scales
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.scoring import score_answers
from qexplorer.measure.scratch import read_samples
from qexplorer.process.child import Emit
from qexplorer.run.batching import run_in_batches
from qexplorer.run.registry import reference, usable

__all__ = ["emulate", "time_switch"]

_ROUNDS, _ROUND_S = 15, 0.06


def emulate(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Bounds of every layer, and both ways of adding on the samples.

    Args:
        arguments: ``path``, ``files`` (samples by input name), ``n``, ``batch``, ``fixed_batch``, ``threshold``,
            ``scorings`` (fields of ``Scoring``: with exact sums, with saturating ones).
        emit: takes ``progress`` events with ``done`` from 0 to 1.

    Returns:
        ``layers`` (fields of ``LayerArithmetic``), ``left_out``, ``exact`` and ``saturating`` (classes, or None),
        ``without_score`` (of both), ``worst_steps``, ``seconds``.

    Raises:
        BackendError: the reference cannot run the graph.
    """
    import onnx

    began = time.perf_counter()
    model = onnx.load(arguments["path"])
    layers, left_out = integer_layers(model)
    inputs, n = read_samples(arguments["files"]), int(arguments["n"])
    with tempfile.TemporaryDirectory(prefix="qexplorer-") as folder:
        stops = [(layer.codes, layer.output) for layer in layers]
        staged = StagedModel(model, stops, reference(), Path(folder))
        record = _Record(layers)
        batches = (int(arguments["batch"]), arguments["fixed_batch"])
        exact = _all(staged, record.watch, inputs, batches, n, lambda done: _tell(emit, done / 2))
        # with nothing at risk a second pass would be the first once more
        both = [exact, exact]
        if any(record.risky):
            both[1] = _all(staged, record.saturate, inputs, batches, n, lambda done: _tell(emit, 0.5 + done / 2))
    scales, names = output_scales(model.graph), [output.name for output in model.graph.output]
    size = int(arguments["fixed_batch"] or arguments["batch"])
    off = differences(both[1], both[0], names, scales, batch=size, n=n)
    said = [predictions(found, n, threshold=arguments["threshold"]) for found in both]
    orders, threshold = arguments["scorings"], arguments["threshold"]
    without = [score_answers(order, outputs, n, threshold) for order, outputs in zip(orders, both, strict=True)]
    return {
        "without_score": without,
        "layers": record.rows(),
        "left_out": [list(item) for item in left_out],
        "exact": None if said[0] is None else said[0].tolist(),
        "saturating": None if said[1] is None else said[1].tolist(),
        "worst_steps": off.max_lsb,
        "seconds": time.perf_counter() - began,
    }


class _Record:
    """What is seen of each layer on the way."""

    def __init__(self, layers: Sequence[IntegerLayer]) -> None:
        self.layers = layers
        self.risks: list[list[PairRisk]] = [
            [pair_risk(group, layer.low + move_of(layer), layer.high + move_of(layer)) for group in layer.weight]
            for layer in layers
        ]
        self.why = [why_exact(layer) for layer in layers]
        self.risky = [
            why is None and any(risk.columns.size for risk in risks)
            for why, risks in zip(self.why, self.risks, strict=True)
        ]
        self.largest = [0] * len(layers)
        self.saturated, self.pairs, self.worst = [0] * len(layers), [0] * len(layers), [0] * len(layers)

    def watch(self, index: int, _codes: Array, output: Array) -> Array:
        """Exact: notes how large accumulators get."""
        self.largest[index] = max(self.largest[index], largest_in_data(self.layers[index], output))
        return output

    def saturate(self, index: int, codes: Array, output: Array) -> Array:
        """Adds what saturation changes."""
        if not self.risky[index]:
            return output
        layer = self.layers[index]
        change, count, pairs = change_by_saturation(layer, self.risks[index], codes)
        self.saturated[index] += count
        self.pairs[index] += pairs
        self.worst[index] = max(self.worst[index], int(np.abs(change).max(initial=0)))
        step = layer.step.reshape(1, -1, *[1] * (output.ndim - 2)) if layer.geometry else layer.step
        return np.asarray(output + (change * step).astype(np.float32), output.dtype)

    def rows(self) -> list[dict[str, Any]]:
        """Fields of ``LayerArithmetic``, layer by layer."""
        return [self._row(index) for index in range(len(self.layers))]

    def _row(self, index: int) -> dict[str, Any]:
        layer, risks, why = self.layers[index], self.risks[index], self.why[index]
        bound = accumulator_bound(layer)
        pairs = sum(risk.pairs for risk in risks)
        seen = 0.0 if not self.risky[index] else self.saturated[index] / max(self.pairs[index], 1)
        return {
            "name": layer.name,
            "op": layer.op,
            "pair_bound": max(risk.largest for risk in risks),
            "risky_pairs": 0.0 if why else sum(risk.columns.size for risk in risks) / max(pairs, 1),
            "exact_because": why,
            "saturated": seen,
            "worst_change": self.worst[index],
            "accumulator_bound": bound.largest,
            "accumulator_bits": bound.bits,
            "data_largest": self.largest[index],
            "data_bits": bits_of(self.largest[index]),
            "bias_bits": None if bound.bias is None else bits_of(bound.bias),
            "bias_reason": bound.reason,
        }


class _Staged:
    """A staged model with its changes, as a session of ``run_in_batches``."""

    def __init__(self, staged: StagedModel, replace: Any) -> None:
        self.staged, self.replace = staged, replace

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs of one batch."""
        return self.staged.run(feeds, self.replace)


def _all(
    staged: StagedModel, replace: Any, inputs: dict[str, Array], batches: tuple[int, Any], n: int, told: Any
) -> list[Array]:
    session: Any = _Staged(staged, replace)
    return run_in_batches(
        session, inputs, batch=batches[0], fixed_batch=batches[1], progress=lambda done: told(done / n)
    )


def _tell(emit: Emit, done: float) -> None:
    emit({"event": "progress", "done": done})


def time_switch(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Times the usual kernels and the exact ones in turn, and compares their answers.

    Args:
        arguments: ``backend``, ``path``, ``files``, ``batch`` (of the call that is timed), ``threads``.
        emit: takes ``progress`` events.

    Returns:
        ``usual_ms`` and ``exact_ms`` (median of each round), ``same``.

    Raises:
        BackendError: the backend cannot run the graph with the switch.
    """
    from qexplorer.measure.fidelity.batches import first_rows
    from qexplorer.run.protocol import SessionOptions

    backend, path = usable(arguments["backend"]), Path(arguments["path"])
    feeds = first_rows(read_samples(arguments["files"]), int(arguments["batch"]))
    threads = int(arguments["threads"])
    sessions = [backend.load(path, SessionOptions(threads=threads, exact_products=exact)) for exact in (False, True)]
    answers = [session.run(feeds) for session in sessions]
    if len(answers[0]) != len(answers[1]):
        raise BackendError("the exact kernels give other outputs", where=path.name)
    calls = [session.call(feeds) for session in sessions]
    counts = [_count(call) for call in calls]
    rounds: list[list[float]] = [[], []]
    order = np.random.default_rng(0)
    for number in range(_ROUNDS):
        for which in order.permutation(2):
            rounds[which].append(_median_ms(calls[which], counts[which]))
        _tell(emit, (number + 1) / _ROUNDS)
    same = all(np.array_equal(a, b) for a, b in zip(*answers, strict=True))
    return {"usual_ms": rounds[0], "exact_ms": rounds[1], "same": same}


def _count(call: Any) -> int:
    """Calls that fill one round."""
    for _ in range(3):
        call()
    begin = time.perf_counter()
    call()
    return max(3, min(1000, int(_ROUND_S / max(time.perf_counter() - begin, 1e-7))))


def _median_ms(call: Any, count: int) -> float:
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return float(np.median(times)) * 1e3
