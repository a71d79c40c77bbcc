"""Which calls count: on a clock of its own, where a call takes what the state of a made-up machine makes it take."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.timing import latency_child, timed_calls
from qexplorer.measure.timing.timed_calls import Turns

PLAN = TimingPlan(1.0, 1.0, 40, 12, 10.0, 0.5, 0.0, loads=4, warm_ms=120.0)
WARM, COLD, EMPTY = 1_000_000, 2_000_000, 3_000_000
"""Nanoseconds of a call: usually; while the model was called fewer than ten times; after another one had the caches."""


@dataclass
class Machine:
    """A clock, and who was called last. It stands in for the module ``time``."""

    now: int = 0
    last: object = None
    turns: list[str] = field(default_factory=list)

    def perf_counter_ns(self) -> int:
        """Nanoseconds."""
        return self.now

    def process_time_ns(self) -> int:
        """The processor does nothing else."""
        return self.now

    def perf_counter(self) -> float:
        """Seconds."""
        return self.now / 1e9

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        self.now += int(seconds * 1e9)


class Session:
    """A model on the machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.calls = machine, 0

    def call(self, _feeds: object) -> Callable[[], None]:
        """Its call."""

        def run() -> None:
            cold, empty = self.calls < 10, self.machine.last is not self
            self.machine.now += EMPTY if empty else COLD if cold else WARM
            self.calls += 1
            self.machine.last = self

        return run


class Models:
    """Models that are loaded in no time, cold each time."""

    load_s = 0.0

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.load()

    def load(self) -> None:
        """Everything anew."""
        self.sessions = {name: Session(self.machine) for name in ("a", "b", "c")}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine, its clock in place of the real one, every turn noted."""
    found = Machine()
    monkeypatch.setattr(timed_calls, "time", found)
    monkeypatch.setattr(latency_child, "time", found)
    names: dict[int, str] = {}
    real = Turns.turn

    def turn(self: Turns, load: int = 0) -> None:
        found.turns.append(names.setdefault(id(self), "abc"[len(names) % 3]))
        real(self, load)

    monkeypatch.setattr(Turns, "turn", turn)
    return found


def timed(machine: Machine) -> dict[str, Turns]:
    """All three, timed by the plan."""
    models = Models(machine)
    return latency_child._latency(models, {}, PLAN, random.Random(3), lambda _: None)  # type: ignore[arg-type]


def test_only_calls_that_are_warm_count(machine: Machine) -> None:
    """No cold call of any loading is timed, nor the first of a turn, which finds another model's data in the caches;
    turns last as long as the plan says, by what a warm call takes."""
    found = timed(machine)
    assert {ns for turns in found.values() for turn in turns.rounds for ns in turn} == {WARM}
    assert {turns.calls for turns in found.values()} == {10}
    assert {load for turns in found.values() for load in turns.loads} == {0, 1, 2, 3}


def test_rounds_are_shuffled(machine: Machine) -> None:
    """In every round each has one turn, and no order is that of every round, at batch 1 and at a larger one."""
    found = timed(machine)
    latency = len(machine.turns)
    latency_child._larger(Models(machine).sessions, found, {}, 8, PLAN, random.Random(4))  # type: ignore[arg-type]
    for turns in (machine.turns[:latency], machine.turns[latency:]):
        rounds = [tuple(turns[i : i + 3]) for i in range(0, len(turns), 3)]
        assert len(rounds) >= 6
        assert all(len(set(each)) == 3 for each in rounds)
        assert len(set(rounds)) > 1


def test_a_turn_of_latency_throws_away_no_more_than_half(machine: Machine) -> None:
    """A call of 20 ms is longer than a turn of 10: with one call discarded, two are timed; alone, one is."""
    turns = Turns(lambda: machine.sleep(0.02))
    turns.settle(10.0, 1.0, pair=True)
    assert (turns.calls, turns.discard) == (2, 1)
    turns.settle(10.0, 1.0)
    assert (turns.calls, turns.discard) == (1, 1)


def test_a_long_call_is_not_discarded(machine: Machine) -> None:
    """A call of 60 ms does not notice what the caches held: its turn is that one call."""
    turns = Turns(lambda: machine.sleep(0.06))
    turns.settle(10.0, 1.0)
    before = machine.now
    turns.turn()
    assert machine.now - before == 60_000_000
    assert (turns.calls, turns.discard, turns.n) == (1, 0, 1)
    assert turns.shares == [1.0]
    assert replace(turns).cpu_ns == 60_000_000
