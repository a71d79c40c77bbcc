"""One model's turns in a measurement: runs of timed calls with nothing around a call but the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Call", "Turns"]

Call = Callable[[], object]
_LONG_NS = 50_000_000  # a call this long does not notice what the caches held before
_MAX_BLOCK = 500


@dataclass(slots=True)
class Turns:
    """One model at one batch size: its call, how a turn looks, and what was measured.

    Attributes:
        call: the bare call of the session that is loaded now.
        calls: timed calls of one turn.
        discard: calls before them that are not timed: they only fill the caches again that another model emptied.
        estimate_ns: about how long a call takes.
        rounds: nanoseconds of each call, by round.
        shares: processor time over wall time, by round.
        loads: which loading of the model each round ran on, counted from 0.
        cpu_ns: processor time of all turns.
    """

    call: Call
    calls: int = 1
    discard: int = 1
    estimate_ns: int = 0
    rounds: list[list[int]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    loads: list[int] = field(default_factory=list)
    cpu_ns: int = 0

    def settle(self, block_ms: float, warm_ns: float, *, pair: bool = False) -> None:
        """Runs until the time of a call has settled, and decides how many calls make a turn. All of it is discarded.

        With ``pair`` a turn has two calls at least where one is discarded: of two, half would be thrown away.
        """
        times = self.warm(warm_ns)
        self.estimate_ns = sorted(times[1:])[(len(times) - 1) // 2]
        self.discard = 0 if self.estimate_ns > _LONG_NS else 1
        least = 1 + (self.discard if pair else 0)
        self.calls = int(min(_MAX_BLOCK, max(least, round(block_ms * 1e6 / max(self.estimate_ns, 1)))))

    def warm(self, warm_ns: float, *, least: int = 2) -> list[int]:
        """Runs for about ``warm_ns``, and ``least`` times; returns the time of each call."""
        clock = time.perf_counter_ns
        begin, times = clock(), list[int]()
        while len(times) < least or (len(times) < _MAX_BLOCK and clock() - begin < warm_ns):
            start = clock()
            self.call()
            times.append(clock() - start)
        return times

    def turn(self, load: int = 0) -> None:
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
        self.loads.append(load)

    @property
    def n(self) -> int:
        """Timed calls."""
        return sum(map(len, self.rounds))
