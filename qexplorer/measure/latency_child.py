"""The child that times float and quantized models side by side on quiet processors.

All models are loaded at once. In every round each has one turn, in random order, so that whatever slows the machine
down for a while slows them all. A turn is a run of calls, the first one discarded where it is short: it only fills the
caches again that another model emptied. Each call is timed by itself, with nothing around it but the clock, exactly as
a plain loop over ``session.run`` would.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qexplorer.measure.cpu import pin, quiet_cpus
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.judge_child import first_rows
from qexplorer.measure.meter_child import measure_energy
from qexplorer.measure.scratch import read_samples
from qexplorer.process.child import Emit
from qexplorer.run.protocol import Mode, Session, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["time_all"]

Call = Callable[[], object]
_LONG_NS = 50_000_000  # a call this long does not notice what the caches held before
_WARM_NS = 60_000_000
_MAX_BLOCK = 500


@dataclass(slots=True)
class _Timed:
    """One model at one batch size: its call, how a turn looks, and what was measured."""

    call: Call
    calls: int = 1
    discard: int = 1
    estimate_ns: int = 0
    rounds: list[list[int]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    cpu_ns: int = 0

    def settle(self, block_ms: float, warm_ns: int) -> None:
        """Runs until the time of a call has settled, and decides how many calls make a turn. All of it is discarded."""
        clock = time.perf_counter_ns
        begin, times = clock(), list[int]()
        while len(times) < 2 or (len(times) < _MAX_BLOCK and clock() - begin < warm_ns):
            start = clock()
            self.call()
            times.append(clock() - start)
        self.estimate_ns = sorted(times[1:])[(len(times) - 1) // 2]
        self.calls = int(min(_MAX_BLOCK, max(1, round(block_ms * 1e6 / max(self.estimate_ns, 1)))))
        self.discard = 0 if self.estimate_ns > _LONG_NS else 1

    def turn(self) -> None:
        """One turn: the calls of one round."""
        call, clock = self.call, time.perf_counter_ns
        for _ in range(self.discard):
            call()
        times: list[int] = []
        add = times.append
        cpu, begin = time.process_time_ns(), clock()
        for _ in range(self.calls):
            start = clock()
            call()
            add(clock() - start)
        wall, used = clock() - begin, time.process_time_ns() - cpu
        self.shares.append(used / max(wall, 1))
        self.cpu_ns += used
        self.rounds.append(times)

    @property
    def n(self) -> int:
        """Timed calls."""
        return sum(map(len, self.rounds))


def time_all(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Times every variant.

    Args:
        arguments: ``backend``, ``variants`` (path by key), ``files`` (samples by input name), ``batches`` (latency's
            first), ``threads``, ``plan`` (fields of ``TimingPlan``), ``seed``.
        emit: takes ``progress`` events with ``done`` from 0 to 1.

    Returns:
        ``cpus`` and ``load`` (how busy they were before); by key: ``rounds`` (ns of each call, by round), ``shares``
        (processor time over wall time, by round), ``cpu_ns`` of all turns, ``throughput``
        {batch: {per_s, n}}, ``energy`` or None.

    Raises:
        BackendError: the backend gave up.
    """
    plan, threads, batches = TimingPlan(**arguments["plan"]), int(arguments["threads"]), list(arguments["batches"])
    cpus, load = quiet_cpus(threads)
    pinned = pin(cpus)
    backend = usable(arguments["backend"])
    options = SessionOptions(Mode.NATIVE, threads)
    sessions = {key: backend.load(Path(path), options) for key, path in arguments["variants"].items()}
    inputs = read_samples(arguments["files"])
    order = random.Random(arguments["seed"])  # noqa: S311  (an order of turns, no secret)
    gc.collect()
    gc.disable()
    timed = _prepare(sessions, first_rows(inputs, batches[0]), plan)
    _rounds(timed, plan, order, lambda done: emit({"event": "progress", "done": 0.75 * done}))
    throughput = {key: {batches[0]: _rate(item, batches[0])} for key, item in timed.items()}
    for batch in batches[1:]:
        for key, rate in _throughput(sessions, timed, first_rows(inputs, batch), batch, plan, order).items():
            throughput[key][batch] = rate
    emit({"event": "progress", "done": 0.95})
    energy = measure_energy({k: t.call for k, t in timed.items()}, backend.capabilities.device, plan.energy_s, order)
    values = {
        key: {"rounds": t.rounds, "shares": t.shares, "cpu_ns": t.cpu_ns, "energy": energy.get(key)}
        | {"throughput": throughput[key]}
        for key, t in timed.items()
    }
    return {"cpus": list(cpus) if pinned else [], "load": load, "variants": values}


def _prepare(sessions: dict[str, Session], feeds: dict[str, Any], plan: TimingPlan) -> dict[str, _Timed]:
    timed = {key: _Timed(session.call(feeds)) for key, session in sessions.items()}
    for item in timed.values():
        item.settle(plan.block_ms, _WARM_NS)
    return timed


def _rounds(timed: dict[str, _Timed], plan: TimingPlan, order: random.Random, report: Callable[[float], None]) -> None:
    """Rounds until the budget is spent, and for a slow model until it has calls enough or patience ends."""
    keys, begin = list(timed), time.perf_counter()
    reported, rounds = 0.0, 0
    while True:
        spent = time.perf_counter() - begin
        enough = rounds >= plan.min_rounds and min(t.n for t in timed.values()) >= plan.min_calls
        if (enough and spent >= plan.budget_s) or (
            rounds >= plan.min_rounds and spent >= plan.patience * plan.budget_s
        ):
            return
        order.shuffle(keys)
        for key in keys:
            timed[key].turn()
        rounds += 1
        if spent - reported > 0.25:
            reported = spent
            report(min(0.99, max(spent / plan.budget_s if enough else 0.0, rounds / (2 * plan.min_rounds))))


def _throughput(
    sessions: dict[str, Session],
    timed: dict[str, _Timed],
    feeds: dict[str, Any],
    batch: int,
    plan: TimingPlan,
    order: random.Random,
) -> dict[str, dict[str, float]]:
    """Rates at a larger batch; empty where four calls of every variant would take longer than there is time.

    Larger batches are only used where a file takes any, and then latency's batch is 1.
    """
    expected_s = sum(t.estimate_ns for t in timed.values()) * batch * 4 / 1e9
    if expected_s > plan.patience * plan.throughput_s:
        return {}
    larger = {key: _Timed(session.call(feeds)) for key, session in sessions.items()}
    for item in larger.values():
        item.settle(plan.block_ms, _WARM_NS // 10)
    keys, begin, rounds = list(larger), time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - begin < plan.throughput_s / 2:
        order.shuffle(keys)
        for key in keys:
            larger[key].turn()
        rounds += 1
    return {key: _rate(item, batch) for key, item in larger.items()}


def _rate(item: _Timed, batch: int) -> dict[str, float]:
    """Samples per second at the median call."""
    times = sorted(t for turn in item.rounds for t in turn)
    return {"per_s": batch * 1e9 / times[len(times) // 2], "n": len(times)}
