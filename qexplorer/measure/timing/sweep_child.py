"""The child that times float and quantized models at every batch size, on one number of threads."""

from __future__ import annotations

import gc
import random
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.machine.cpu import pin, quiet_cpus
from qexplorer.machine.neighbours import Busy, Watch
from qexplorer.measure.fidelity.batches import first_rows
from qexplorer.measure.metrics.statistics import median_interval, quantile
from qexplorer.measure.scratch import read_samples
from qexplorer.measure.timing.latency_child import Models
from qexplorer.measure.timing.latency_numbers import noise
from qexplorer.measure.timing.paired import widened
from qexplorer.measure.timing.sweep_types import Cell
from qexplorer.measure.timing.timed_calls import Turns
from qexplorer.process.child import Emit
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["sweep_batches"]

_BLOCK_MS, _WARM_MS = 10.0, 20.0
_LEAST_CALLS, _LEAST_ROUNDS = 36, 6
"""Calls for a p90, rounds for an interval of the median."""
_PATIENCE = 6.0
"""How many times its share of time a slow cell may take to get them."""
_TOO_LONG = 4
"""Calls that must fit into that; else the cell is left out."""


def sweep_batches(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Times every variant at every batch size, the variants interleaved in random order.

    Args:
        arguments: ``backend``, ``variants`` (path by digest), ``files`` (samples by input name), ``batches``
            (ascending), ``threads``, ``cell_s`` (seconds for one variant at one batch size), ``seed``.
        emit: takes an event ``cells`` with the cells of each batch size as soon as they are known.

    Returns:
        ``load``: what other programs did meanwhile, in words, where they did most; None if they did too little.

    Raises:
        BackendError: the backend gave up.
    """
    threads, cell_s = int(arguments["threads"]), float(arguments["cell_s"])
    cpus, _load = quiet_cpus(threads)
    pinned = pin(cpus)
    order = random.Random(arguments["seed"])  # noqa: S311  (an order of turns, no secret)
    options = SessionOptions(Mode.NATIVE, threads)
    models = Models(usable(arguments["backend"]), arguments["variants"], options, order)
    inputs = read_samples(arguments["files"])
    gc.collect()
    gc.disable()
    watch = Watch()
    sample_ns = 0.0  # of all variants together, from the batch before
    most: Busy | None = None
    for batch in arguments["batches"]:
        allowed_s = _PATIENCE * cell_s * len(models.sessions)
        if sample_ns * batch * _TOO_LONG / 1e9 > allowed_s:
            cells = [_left_out(digest, batch, threads, sample_ns * batch) for digest in models.sessions]
        else:
            watch = Watch()
            timed = _time(models, first_rows(inputs, batch), cell_s, order)
            busy = watch.busy(cpus if pinned else ())
            most = max(filter(None, (most, busy)), key=lambda each: each.share + each.elsewhere, default=None)
            sample_ns = sum(t.estimate_ns for t in timed.values()) / batch
            cells = [_cell(digest, batch, threads, turns, busy) for digest, turns in timed.items()]
        emit({"event": "cells", "cells": [asdict(cell) for cell in cells]})
    return {"load": None if most is None else most.sentence}


def _time(models: Models, feeds: dict[str, Array], cell_s: float, order: random.Random) -> dict[str, Turns]:
    timed = {digest: Turns(session.call(feeds)) for digest, session in models.sessions.items()}
    for turns in timed.values():
        turns.settle(_BLOCK_MS, _WARM_MS * 1e6)
    keys, begin, rounds, budget = list(timed), time.perf_counter(), 0, cell_s * len(timed)
    while True:
        order.shuffle(keys)
        for key in keys:
            timed[key].turn()
        rounds += 1
        spent = time.perf_counter() - begin
        enough = rounds >= _LEAST_ROUNDS and min(t.n for t in timed.values()) >= _LEAST_CALLS
        if (enough and spent >= budget) or spent >= _PATIENCE * budget:
            return timed


def _cell(digest: str, batch: int, threads: int, turns: Turns, busy: Busy | None) -> Cell:
    calls = np.array([ns for turn in turns.rounds for ns in turn], np.float64) / 1e6
    medians = np.array([np.median(turn) for turn in turns.rounds], np.float64) / 1e6
    p50 = float(np.median(calls))
    narrow = median_interval(medians)
    around = None if narrow is None else widened(narrow)
    wrong = noise(medians, np.array(turns.shares) if threads == 1 else None, busy)
    return Cell(
        digest=digest,
        batch=batch,
        threads=threads,
        p50_ms=p50,
        p90_ms=quantile(calls, 0.9),
        worst_ms=float(calls.max()),
        per_s=batch * 1e3 / p50,
        n=int(calls.size),
        valid=wrong is None,
        reason=wrong,
        per_s_ci95=None if around is None else (batch * 1e3 / max(around[1], p50), batch * 1e3 / min(around[0], p50)),
    )


def _left_out(digest: str, batch: int, threads: int, call_ns: float) -> Cell:
    reason = f"left out: one call of every variant takes about {call_ns / 1e9:.2g} s; more effort gives it the time"
    return Cell(digest, batch, threads, reason=reason)
