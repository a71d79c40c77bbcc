"""The child that finds out where the time of a float and a quantized model goes, on quiet processors.

In this order: the machine's ceiling, whole calls of both models in turn (not profiled), every kernel of each
(profiled), the ceiling again. What is compared with each other is measured within seconds of each other.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer.core.errors import QExplorerError
from qexplorer.machine.ceiling import best_of
from qexplorer.machine.ceiling_child import ceiling_here
from qexplorer.machine.cpu import pin, quiet_cpus
from qexplorer.measure.energy.metered_rounds import measure_energy
from qexplorer.measure.fidelity.batches import first_rows
from qexplorer.measure.scratch import read_samples
from qexplorer.process.child import Emit
from qexplorer.run.protocol import Executed, Mode, Session, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["profile_both", "profile_each", "profiles"]

_ROUNDS, _ROUND_S, _MOST_CALLS = 11, 0.04, 200
_TURNS, _PROFILE_S, _LEAST_RUNS, _MOST_RUNS = 3, 0.4, 5, 100
"""Turns of profiling, and of each: seconds, and runs at least and at most."""


def profile_both(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Times and profiles two models.

    Args:
        arguments: ``backend``, ``float`` and ``quantized`` (paths), ``files`` (samples by input name), ``threads``,
            ``batch``.
        emit: takes ``progress`` events with ``step`` and ``done`` from 0 to 1.

    Returns:
        ``ceiling`` (or None, for a GPU), ``rounds`` (median ns of each round, by model), ``n`` (calls of each model),
        ``float`` and ``quantized`` (fields of ``Executed`` for each kernel, empty where the backend has no profiler),
        ``runs``, ``unprofiled`` (why there is no profile, by model).

    Raises:
        BackendError: the backend gave up on one of the models.
    """
    threads, batch = int(arguments["threads"]), int(arguments["batch"])
    pin(quiet_cpus(threads)[0])
    backend = usable(arguments["backend"])
    on_cpu = backend.capabilities.device == "cpu"
    _tell(emit, "measuring this machine's ceiling", 0.02)
    before = ceiling_here(threads) if on_cpu else None
    _tell(emit, "loading both models", 0.3)
    options = SessionOptions(Mode.NATIVE, threads)
    sessions = {key: backend.load(Path(arguments[key]), options) for key in ("float", "quantized")}
    feeds = first_rows(read_samples(arguments["files"]), batch)
    gc.collect()
    gc.disable()
    _tell(emit, "timing whole calls", 0.4)
    rounds, n = _whole_calls({key: session.call(feeds) for key, session in sessions.items()})
    _tell(emit, "timing every kernel", 0.6)
    runs = _runs(max(min(times) for times in rounds.values()) / 1e9)
    told, unprofiled = profiles(sessions, feeds, runs)
    _tell(emit, "measuring this machine's ceiling again", 0.85)
    ceiling = None if before is None else best_of(before, ceiling_here(threads)).to_json()
    found = {key: [asdict(kernel) for kernel in kernels] for key, kernels in told.items()}
    return {"ceiling": ceiling, "rounds": rounds, "n": n, "runs": runs, "unprofiled": unprofiled} | found


def profile_each(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Times and profiles any number of models beside each other, without the machine's ceiling.

    Args:
        arguments: ``backend``, ``variants`` (path by key), ``files`` (samples by input name), ``threads``, ``batch``,
            ``energy_s`` (seconds for energy of all, where there is a meter).
        emit: takes ``progress`` events with ``step`` and ``done`` from 0 to 1.

    Returns:
        ``rounds`` (median ns of each round), ``kernels`` (fields of ``Executed``) and ``energy`` (see
        ``measure_energy``; empty without a meter), each by key; ``unprofiled`` (why there is no profile, by key).

    Raises:
        BackendError: the backend gave up on one of the models.
    """
    threads, batch = int(arguments["threads"]), int(arguments["batch"])
    pin(quiet_cpus(threads)[0])
    backend, options = usable(arguments["backend"]), SessionOptions(Mode.NATIVE, threads)
    _tell(emit, "loading variants to time their kernels", 0.02)
    sessions = {key: backend.load(Path(path), options) for key, path in arguments["variants"].items()}
    feeds = first_rows(read_samples(arguments["files"]), batch)
    gc.collect()
    gc.disable()
    _tell(emit, "timing whole calls", 0.1)
    calls = {key: session.call(feeds) for key, session in sessions.items()}
    rounds, _ = _whole_calls(calls)
    _tell(emit, "timing every kernel", 0.4)
    told, unprofiled = profiles(sessions, feeds, _runs(max(min(times) for times in rounds.values()) / 1e9))
    _tell(emit, "energy", 0.95)
    order = random.Random(0)  # noqa: S311 - an order, no secret
    energy = measure_energy(calls, backend.capabilities.device, float(arguments["energy_s"]), order)
    kernels = {key: [asdict(kernel) for kernel in each] for key, each in told.items()}
    return {"rounds": rounds, "kernels": kernels, "energy": energy, "unprofiled": unprofiled}


def _tell(emit: Emit, step: str, done: float) -> None:
    emit({"event": "progress", "step": step, "done": done})


def _whole_calls(calls: dict[str, Callable[[], object]]) -> tuple[dict[str, list[int]], int]:
    """Medians of rounds in nanoseconds; in each round each model has a turn, in random order."""
    keys, order, clock = list(calls), random.Random(0), time.perf_counter_ns  # noqa: S311 - an order, no secret
    longest = 1
    for call in calls.values():
        call()
        begin = clock()
        call()
        longest = max(longest, clock() - begin)
    each = int(min(_MOST_CALLS, max(1, _ROUND_S * 1e9 / longest)))
    rounds: dict[str, list[int]] = {key: [] for key in keys}
    for _ in range(_ROUNDS):
        order.shuffle(keys)
        for key in keys:
            rounds[key].append(_turn(calls[key], each, clock))
    return rounds, _ROUNDS * each


def _turn(call: Callable[[], object], each: int, clock: Callable[[], int]) -> int:
    """Median of ``each`` calls after one that only fills the caches again."""
    call()
    times = []
    for _ in range(each):
        begin = clock()
        call()
        times.append(clock() - begin)
    return sorted(times)[each // 2]


def _runs(call_s: float) -> int:
    return int(min(_MOST_RUNS, max(_LEAST_RUNS, _PROFILE_S / max(call_s, 1e-6))))


def profiles(
    sessions: dict[str, Session], feeds: dict[str, Any], runs: int
) -> tuple[dict[str, tuple[Executed, ...]], dict[str, str]]:
    """Every kernel of each model, from the quickest of several turns: what disturbs a turn only makes it slower.

    A profiler that fails costs its model's profile, and says why.
    """
    found: dict[str, tuple[Executed, ...]] = dict.fromkeys(sessions, ())
    why: dict[str, str] = {}
    for _ in range(_TURNS):
        for key, session in sessions.items():
            if key in why:
                continue
            try:
                found[key] = min(filter(None, (found[key], session.profile(feeds, runs))), key=_whole, default=())
            except QExplorerError as error:
                found[key], why[key] = (), error.sentence
    return found, why


def _whole(kernels: tuple[Executed, ...]) -> float:
    return sum(kernel.ms or 0.0 for kernel in kernels)
