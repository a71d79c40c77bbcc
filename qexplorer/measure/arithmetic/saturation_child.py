"""The child that emulates saturating sums on samples and judges what they cost, and that times the exact kernels."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.errors import BackendError
from qexplorer.measure.arithmetic.emulation import emulated
from qexplorer.measure.fidelity.gate import differences
from qexplorer.measure.fidelity.rounding_points import output_scales
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.scoring import score_answers
from qexplorer.measure.scratch import read_samples
from qexplorer.process.child import Emit
from qexplorer.run.registry import usable

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
    inputs, n, size = read_samples(arguments["files"]), int(arguments["n"]), int(arguments["batch"])
    fixed = arguments["fixed_batch"]
    found = emulated(model, inputs, batch=size, fixed_batch=fixed, tell=lambda done: _tell(emit, done))
    both = [found.exact, found.saturating]
    scales, names = output_scales(model.graph), [output.name for output in model.graph.output]
    off = differences(both[1], both[0], names, scales, batch=int(fixed or size), n=n)
    said = [predictions(each, n, threshold=arguments["threshold"]) for each in both]
    orders, threshold = arguments["scorings"], arguments["threshold"]
    without = [score_answers(order, outputs, n, threshold) for order, outputs in zip(orders, both, strict=True)]
    return {
        "without_score": without,
        "layers": [asdict(layer) for layer in found.layers],
        "left_out": [list(item) for item in found.left_out],
        "exact": None if said[0] is None else said[0].tolist(),
        "saturating": None if said[1] is None else said[1].tolist(),
        "worst_steps": off.max_lsb,
        "seconds": time.perf_counter() - began,
    }


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
