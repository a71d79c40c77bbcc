"""The child that times float and quantized models side by side on quiet processors.

All models are loaded at once. In every round each has one turn, in random order, so that whatever slows the machine
down for a while slows them all. A turn is a run of calls, the first one discarded where it is short
(``timed_calls.py``). Each call is timed by itself, exactly as a plain loop over ``session.run`` would.

Several times on the way every model is loaded anew, in random order: two copies of one model, in one process, differ by
up to 2 % for as long as they live, by nothing but where in memory they came to lie (Mytkowicz et al. 2009, Producing
wrong data without doing anything obviously wrong). Only what many loadings agree on is said of the model.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import Array
from qexplorer.machine.cpu import pin, quiet_cpus
from qexplorer.machine.neighbours import Busy, Watch
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.energy.metered_rounds import measure_energy
from qexplorer.measure.fidelity.batches import first_rows
from qexplorer.measure.pace.waiting import announce
from qexplorer.measure.scratch import read_samples
from qexplorer.measure.timing.timed_calls import Turns
from qexplorer.process.child import Emit
from qexplorer.run.protocol import Backend, Mode, Session, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["Models", "get_ready", "time_all"]

_AGAIN_SHARE = 2.0
"""Loading anew, all in all, may take this many times the budget of latency; else it is given up."""
_LEAST_ROUNDS = 6
"""Rounds at a larger batch: the least with an interval of the median."""
_FIRST = 3.0
"""The first loading may take this many times what one may take later: it also starts the runtime."""


def get_ready(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001 - as every child's work is called
    """Imports what timing on ``backend`` takes. No thread may start here: the process chooses its processors later."""
    import onnx  # noqa: F401

    usable(arguments["backend"]).import_runtime()


def time_all(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Times every variant.

    Args:
        arguments: ``backend``, ``variants`` (path by key), ``files`` (samples by input name), ``batches`` (latency's
            first), ``threads``, ``plan`` (fields of ``TimingPlan``), ``seed``.
        emit: takes ``progress`` events with ``done`` from 0 to 1, and ``prepares`` events (see ``waiting``).

    Returns:
        ``cpus``; ``before`` and ``during``: what other programs did (fields of ``Busy``) or None; by key:
        ``rounds`` (ns of each call, by round), ``shares`` (processor time over wall time, by round), ``loads`` (which
        loading of the model each round ran on), ``cpu_ns`` of all turns, ``larger`` {batch: {rounds, shares}}, and
        ``energy`` or None.

    Raises:
        BackendError: the backend gave up.
    """
    plan, threads, batches = TimingPlan(**arguments["plan"]), int(arguments["threads"]), list(arguments["batches"])
    announce(emit)
    watch = Watch()
    cpus, _load = quiet_cpus(threads)
    before = watch.busy(cpus)
    pinned = pin(cpus)
    backend = usable(arguments["backend"])
    inputs = read_samples(arguments["files"])
    order = random.Random(arguments["seed"])  # noqa: S311  (an order of turns, no secret)
    models = Models(backend, arguments["variants"], SessionOptions(Mode.NATIVE, threads), order)
    gc.collect()
    gc.disable()
    watch = Watch()
    timed = _latency(models, first_rows(inputs, batches[0]), plan, order, lambda done: _tell(emit, 0.75 * done))
    during = watch.busy(cpus if pinned else ())
    larger: dict[str, dict[int, Any]] = {key: {} for key in timed}
    for batch in batches[1:]:
        for key, item in _larger(models.sessions, timed, first_rows(inputs, batch), batch, plan, order).items():
            larger[key][batch] = {"rounds": item.rounds, "shares": item.shares}
    _tell(emit, 0.95)
    energy = measure_energy({k: t.call for k, t in timed.items()}, backend.capabilities.device, plan.energy_s, order)
    values = {
        key: {"rounds": t.rounds, "shares": t.shares, "loads": t.loads, "cpu_ns": t.cpu_ns}
        | {"energy": energy.get(key), "larger": larger[key]}
        for key, t in timed.items()
    }
    found = {"before": _plain(before), "during": _plain(during), "variants": values}
    return {"cpus": list(cpus) if pinned else [], **found}


def _tell(emit: Emit, done: float) -> None:
    emit({"event": "progress", "done": done})


def _plain(busy: Busy | None) -> dict[str, Any] | None:
    return None if busy is None else asdict(busy)


class Models:
    """The sessions that are timed, all loaded, in places in memory that change whenever they are loaded anew.

    Args:
        backend: on which backend.
        paths: files by key.
        options: how to load them.
        order: the order of loading.
    """

    def __init__(
        self, backend: Backend, paths: Mapping[str, str], options: SessionOptions, order: random.Random
    ) -> None:
        self._backend, self._paths, self._options, self._order = backend, dict(paths), options, order
        self._between: list[bytearray] = []
        self.sessions: dict[str, Session] = {}
        begin = time.perf_counter()
        self.load()
        self.load_s = time.perf_counter() - begin

    def load(self) -> None:
        """Lets go of every session, and loads all in random order with holes of random size between them."""
        keys = list(self._paths)
        self._order.shuffle(keys)
        self.sessions.clear()
        self._between.clear()
        gc.collect()
        found: dict[str, Session] = {}
        for key in keys:
            self._between += [bytearray(self._order.randrange(1, 1 << 16)) for _ in range(16)]
            self._between.append(bytearray(self._order.randrange(1, 1 << 22)))
            found[key] = self._backend.load(Path(self._paths[key]), self._options)
        self.sessions.update({key: found[key] for key in self._paths})


def _latency(
    models: Models, feeds: dict[str, Array], plan: TimingPlan, order: random.Random, report: Callable[[float], None]
) -> dict[str, Turns]:
    """Warm-up, then rounds until the budget is spent, and for a slow model until it has calls enough or patience ends.

    Each loading gets its share of the time, the rounds and the calls.
    """
    begin = time.perf_counter()
    timed = {key: Turns(session.call(feeds)) for key, session in models.sessions.items()}
    first_s = models.load_s + time.perf_counter() - begin  # some backends compile when the call is made
    for item in timed.values():
        item.settle(plan.block_ms, plan.warm_ms * 1e6, pair=True)
    most_s = _AGAIN_SHARE * plan.budget_s / max(plan.loads - 1, 1)
    again, load = first_s <= _FIRST * most_s, 0
    for part in range(plan.loads):
        if part and again:
            again, load = _load_again(models, timed, feeds, plan) <= most_s, load + 1
        _rounds(timed, plan, order, load, (part + 1) / plan.loads, begin)
        report((part + 1) / plan.loads)
    return timed


def _load_again(models: Models, timed: dict[str, Turns], feeds: dict[str, Array], plan: TimingPlan) -> float:
    """Loads every model anew and warms it up; returns the seconds that loading took."""
    begin = time.perf_counter()
    for item in timed.values():
        item.call = _nothing  # it holds the session that is let go of
    models.load()
    for key, item in timed.items():
        item.call = models.sessions[key].call(feeds)
    took_s = time.perf_counter() - begin
    for item in timed.values():
        item.warm(plan.warm_ms * 1e6 / 3, least=2 - item.discard)
    return took_s


def _nothing() -> None:
    """Stands in for a call between two loadings."""


def _rounds(
    timed: dict[str, Turns], plan: TimingPlan, order: random.Random, load: int, share: float, begin: float
) -> None:
    """Rounds on one loading, until ``share`` of the plan is done; at least one."""
    keys, cool_s = list(timed), 0.0
    while True:
        start = time.perf_counter()
        order.shuffle(keys)
        if cool_s:
            timed[keys[0]].warm(plan.block_ms * 1e6 / 2)  # the clock slowed down while there was nothing to do
        for key in keys:
            timed[key].turn(load)
        now = time.perf_counter()
        spent, rounds = now - begin, len(timed[keys[0]].rounds)
        cool_s = plan.cool_share * (now - start)
        if rounds >= share * plan.min_rounds:
            enough = min(t.n for t in timed.values()) >= share * plan.min_calls
            if (enough and spent >= share * plan.budget_s) or spent >= plan.patience * share * plan.budget_s:
                return
        if cool_s:
            time.sleep(cool_s)


def _larger(
    sessions: dict[str, Session],
    timed: dict[str, Turns],
    feeds: dict[str, Array],
    batch: int,
    plan: TimingPlan,
    order: random.Random,
) -> dict[str, Turns]:
    """Rounds at a larger batch; empty where the least number of them would take longer than there is time.

    Larger batches are only used where a file takes any, and then latency's batch is 1.
    """
    expected_s = sum(t.estimate_ns for t in timed.values()) * batch * (_LEAST_ROUNDS + 2) / 1e9
    if expected_s > plan.patience * plan.throughput_s:
        return {}
    larger = {key: Turns(session.call(feeds)) for key, session in sessions.items()}
    for item in larger.values():
        item.settle(plan.block_ms, plan.warm_ms * 1e5)
    keys, begin, rounds = list(larger), time.perf_counter(), 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() - begin < plan.throughput_s / 2:
        order.shuffle(keys)
        for key in keys:
            larger[key].turn()
        rounds += 1
    return larger
