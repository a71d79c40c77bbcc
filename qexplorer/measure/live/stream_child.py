"""The child that runs a stream of samples through two variants in turns, until somebody wants something else.

In every window both variants run the same samples, one after the other in random order, one call a sample, each call
timed by itself. Which variant goes first is drawn anew each time, so that neither always finds the warmer caches.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.machine.meters.estimate import watts_per_cpu
from qexplorer.machine.meters.protocol import Meter
from qexplorer.machine.meters.registry import best_meter
from qexplorer.machine.usage_watch import UsageSampler
from qexplorer.measure.live.judge import LiveJudge, first_sample
from qexplorer.measure.live.windows import WINDOW_S, LiveSide, LiveWindow
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.scratch import read_samples
from qexplorer.process.child import Emit
from qexplorer.process.places.taking import somebody_waits
from qexplorer.run.protocol import Mode, Session, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["stream"]

_WARM_CALLS = 3


@dataclass(slots=True)
class _Turn:
    """What one variant did in one window."""

    times_ns: list[int] = field(default_factory=list)
    said: list[int | None] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    joules: float | None = None


@dataclass(slots=True)
class _Player:
    """One variant: its session and what it has answered so far."""

    place: str
    label: str
    session: Session
    meter: Meter
    threshold: float | None
    judge: LiveJudge | None
    seen: int = 0

    def play(self, feeds: Callable[[int], dict[str, Array]], rows: list[int], until_s: float | None) -> _Turn:
        """Runs ``rows`` in order, all of them, or only as many as begin before ``until_s`` (on the clock of time)."""
        turn = _Turn()
        joules, cpu, begin = self.meter.read_joules(), time.process_time(), time.perf_counter()
        for row in rows:
            if until_s is not None and turn.times_ns and time.perf_counter() > until_s:
                break
            call = self.session.call(feeds(row))
            start = time.perf_counter_ns()
            found: Any = call()
            turn.times_ns.append(time.perf_counter_ns() - start)
            outputs = first_sample(found)
            said = predictions(outputs, 1, threshold=self.threshold)
            turn.said.append(None if said is None else int(said[0]))
            if self.judge is not None:
                self.judge.see(row, outputs)
        turn.wall_s, turn.cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        after = self.meter.read_joules()
        turn.joules = None if joules is None or after is None else after - joules
        return turn


def stream(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Runs until the control file's version is another one, or nobody has looked for a while.

    Args:
        arguments: ``sides`` {place: {label, backend, path, seen, scores}}, ``files`` (samples by input name),
            ``metric`` and ``labels`` (name and file; None where answers are not judged), ``positions``, ``batch``
            (samples a call), ``threads``, ``rate`` (samples a second; None: as fast
            as it goes), ``control`` (path), ``version``, ``heartbeat`` (path), ``stale_s``, ``turn_s`` (seconds
            until it makes way for others who wait for the machine), ``threshold``, and where the last stream
            stopped: ``t_s``, ``cursor``, ``pairs`` (by row, whether both named the same class).
        emit: takes ``window`` events.

    Returns:
        ``reason`` (``changed``, ``left`` or ``others wait``), ``t_s``, ``cursor``, ``pairs``, and
        {place: {seen, scores}}.

    Raises:
        BackendError: a backend gave up.
    """
    return _Stream(arguments, emit).run()


class _Stream:
    def __init__(self, arguments: dict[str, Any], emit: Emit) -> None:
        self._given, self._emit = arguments, emit
        self._inputs = read_samples(arguments["files"])
        self._n = next(iter(self._inputs.values())).shape[0]
        self._metric = arguments["metric"]
        self._order = random.Random()  # noqa: S311  (an order of turns, no secret)
        self._players = [self._player(place, side) for place, side in arguments["sides"].items()]
        self._cursor, self._t_s = int(arguments["cursor"]), float(arguments["t_s"])
        self._pairs = {int(row): bool(same) for row, same in arguments["pairs"].items()}
        self._usage, self._began = UsageSampler(os.getpid()), time.monotonic()

    def _player(self, place: str, side: dict[str, Any]) -> _Player:
        backend = usable(side["backend"])
        options = SessionOptions(Mode.NATIVE, int(self._given["threads"]))
        session = backend.load(Path(side["path"]), options)
        for _ in range(_WARM_CALLS):
            session.call(self._feeds(0))()
        meter = best_meter(backend.capabilities.device)
        threshold, judge = self._given["threshold"], None
        if self._metric is not None:
            judge = LiveJudge(self._metric, self._given["labels"], self._n, threshold, side["scores"])
        return _Player(place, side["label"], session, meter, threshold, judge, int(side["seen"]))

    def _feeds(self, row: int) -> dict[str, Array]:
        """One call's inputs: the sample at ``row``, repeated where the file insists on a larger batch."""
        batch = int(self._given["batch"])
        return {k: np.repeat(np.ascontiguousarray(v[row : row + 1]), batch, axis=0) for k, v in self._inputs.items()}

    def run(self) -> dict[str, Any]:
        begin = time.perf_counter() - self._t_s
        while (reason := self._wanted()) is None:
            opened = time.perf_counter()
            turns, rows = self._window()
            rest = WINDOW_S - (time.perf_counter() - opened)
            if self._given["rate"] and rest > 0:
                time.sleep(rest)
            self._t_s = time.perf_counter() - begin
            self._tell(turns, rows, time.perf_counter() - opened)
        scores = {p.place: {"seen": p.seen, "scores": p.judge.told() if p.judge else {}} for p in self._players}
        pairs = {str(row): same for row, same in self._pairs.items()}
        state = {"t_s": self._t_s, "cursor": self._cursor, "pairs": pairs}
        return {"reason": reason, **state, "sides": scores}

    def _wanted(self) -> str | None:
        """Why to stop: another order, nobody looks any more, or others have their turn."""
        try:
            version = json.loads(Path(self._given["control"]).read_bytes())["version"]
            looked = Path(self._given["heartbeat"]).stat().st_mtime
        except (OSError, ValueError, KeyError):
            return "left"
        if version != self._given["version"]:
            return "changed"
        if time.time() - looked > float(self._given["stale_s"]):
            return "left"
        had_turn = time.monotonic() - self._began > float(self._given["turn_s"])
        return "others wait" if had_turn and somebody_waits() else None

    def _window(self) -> tuple[dict[str, _Turn], list[int]]:
        """Both variants on the same samples: the first decides how many there is time for."""
        order = self._order.sample(self._players, len(self._players))
        rate = self._given["rate"]
        count = max(1, round(float(rate) * WINDOW_S)) if rate else self._n
        rows = [(self._cursor + i) % self._n for i in range(count)]
        until = None if rate else time.perf_counter() + WINDOW_S / len(order)
        turns: dict[str, _Turn] = {}
        for player in order:
            turns[player.place] = player.play(self._feeds, rows, until)
            rows, until = rows[: len(turns[player.place].times_ns)], None
        self._cursor = (self._cursor + len(rows)) % self._n
        return turns, rows

    def _tell(self, turns: dict[str, _Turn], rows: list[int], wall_s: float) -> None:
        for player in self._players:
            player.seen += len(rows)
        named = [turn.said for turn in turns.values()]
        comparable = len(named) == 2 and None not in (*named[0], *named[1])
        if comparable:  # a sample that comes again gets the same answers: it counts once
            self._pairs.update({row: x == y for row, x, y in zip(rows, *named, strict=True)})
        last = {place: turn.said[-1] for place, turn in turns.items()}
        seen = self._usage.sample()
        window = LiveWindow(
            t_s=self._t_s,
            sides={p.place: self._side(p, turns[p.place], wall_s) for p in self._players},
            cpu_percent=seen.cpu_percent,
            rss_bytes=seen.rss_bytes,
            gpu_percent=tuple(gpu.percent for gpu in seen.gpus if gpu.percent is not None),
            position=int(self._given["positions"][rows[-1]]),
            said={place: int(c) for place, c in last.items() if c is not None},
            both=len(self._pairs),
            agree=sum(self._pairs.values()) if self._pairs else None,
            metric=self._metric,
        )
        self._emit({"event": "window", "window": window.to_json()})

    def _side(self, player: _Player, turn: _Turn, wall_s: float) -> LiveSide:
        times = np.asarray(turn.times_ns, np.float64) / 1e6
        busy_s = float(times.sum()) / 1e3
        if turn.joules is not None:
            watts, source = turn.joules / max(turn.wall_s, 1e-9), f"measured:{player.meter.name}"
        else:
            watts, source = watts_per_cpu() * turn.cpu_s / max(turn.wall_s, 1e-9), "estimated"
        judged, value, ci95 = (0, None, None) if player.judge is None else player.judge.result()
        return LiveSide(
            label=player.label,
            n=len(times),
            p50_ms=float(np.median(times)),
            p90_ms=float(np.quantile(times, 0.9)) if len(times) >= 10 else None,
            per_s=len(times) / max(busy_s, 1e-9),
            busy=busy_s / wall_s,
            watts=watts,
            watts_source=source,
            seen=player.seen,
            judged=judged,
            value=value,
            ci95=ci95,
        )
