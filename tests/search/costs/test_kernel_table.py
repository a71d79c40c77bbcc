"""The table of latencies from profiles whose times are known, and whose kernel's time is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from qexplorer.api.given import load
from qexplorer.measure.why.layers import Owners
from qexplorer.run.protocol import Executed, KernelKind
from qexplorer.search.costs.attributing import Homes, KernelSums, homes_of, sums_of
from qexplorer.search.costs.kernel_table import TimedVariant, alternations, mixes_to_time, table_of

INTEGER, FLOAT = 0, 1
GROUPS = 12
EDGES = tuple((i, i + 1) for i in range(GROUPS - 1))
HOMES = Homes({}, EDGES)


class _Machine:
    """A machine of which everything is known: layers take their own time, conversions theirs, a call something more.

    Its profiler says what kernels take, ``slower`` times.
    """

    def __init__(self, slower: float = 1.0, noise: float = 0.0) -> None:
        rng = np.random.default_rng(3)
        quick = rng.uniform(0.05, 0.2, GROUPS)
        self.ms = np.stack([quick, quick * rng.uniform(1.5, 4.0, GROUPS)], 1)
        self.conversions = {edge: np.array([[0.0, 0.03], [0.05, 0.0]]) * rng.uniform(0.5, 2) for edge in EDGES}
        self.slower, self.noise, self.rng = slower, noise, rng

    def call_ms(self, choice: tuple[int, ...]) -> float:
        """Of a whole call."""
        pays = sum(float(v[choice[a], choice[b]]) for (a, b), v in self.conversions.items())
        return 0.02 + sum(float(self.ms[g, c]) for g, c in enumerate(choice)) + pays

    def timed(self, choice: tuple[int, ...]) -> TimedVariant:
        """As it is timed and profiled: conversions are counted to the group that makes what is converted."""
        own = np.array([self.ms[g, c] for g, c in enumerate(choice)])
        for (a, b), values in self.conversions.items():
            own[a] += values[choice[a], choice[b]]
        own = own * self.slower + self.rng.uniform(0, self.noise, GROUPS) if self.noise else own * self.slower
        sums = KernelSums(tuple(own.tolist()), tuple(c == INTEGER for c in choice), 0.0)
        return TimedVariant(choice, self.call_ms(choice), sums)


def _measured(machine: _Machine, more: int = 6) -> tuple[list[TimedVariant], list[TimedVariant]]:
    plain = [machine.timed((c,) * GROUPS) for c in (INTEGER, FLOAT)]
    mixes = mixes_to_time(["codes", "floats"], EDGES, GROUPS, more)
    return plain, [machine.timed(choice) for choice in mixes]


def _others(count: int = 20) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(9)
    return [tuple(int(v) for v in rng.integers(0, 2, GROUPS)) for _ in range(count)]


@pytest.mark.parametrize("slower", [1.0, 3.0])
def test_times_that_add_up_are_found_again(slower: float) -> None:
    """Of mixes that were never timed, whatever factor the profiler slows kernels down by."""
    machine = _Machine(slower)
    table = table_of(*_measured(machine), HOMES, ["uint8", "float"])
    for choice in _others():
        assert table.of(choice) == pytest.approx(machine.call_ms(choice), rel=0.01)
    assert table.error is not None
    assert table.error < 0.01
    assert table.form.startswith("kernels")


def test_neighbours_that_go_together_pay_nothing_and_others_their_conversion() -> None:
    """In each direction what it takes, at the pair where it stands."""
    machine = _Machine()
    table = table_of(*_measured(machine), HOMES, ["uint8", "float"])
    for edge in EDGES:
        assert table.edges[edge] == pytest.approx(machine.conversions[edge], abs=0.004)


def test_conversions_that_no_profile_shows_are_counted_by_boundaries() -> None:
    """What a call takes whenever neighbours differ, and what it takes to begin, are found beside the kernels."""
    machine = _Machine()
    machine.conversions = {edge: np.array([[0.0, 0.04], [0.04, 0.0]]) for edge in EDGES}

    def timed(choice: tuple[int, ...]) -> TimedVariant:
        own = tuple(float(machine.ms[g, c]) for g, c in enumerate(choice))
        return TimedVariant(choice, machine.call_ms(choice), KernelSums(own, tuple(c == INTEGER for c in choice), 0.0))

    mixes = mixes_to_time(["codes", "floats"], EDGES, GROUPS, 6)
    plain = [timed((c,) * GROUPS) for c in (INTEGER, FLOAT)]
    table = table_of(plain, [timed(choice) for choice in mixes], HOMES, ["uint8", "float"])
    assert table.form == "kernels and boundaries"
    assert table.start == pytest.approx(0.02, rel=0.05)
    for choice in _others(5):
        assert table.of(choice) == pytest.approx(machine.call_ms(choice), rel=0.001)


def test_where_kernels_are_noise_layers_and_boundaries_are_counted() -> None:
    """A profiler that says nothing of the kernels: predictions rest on counts, and do better than its sums."""
    machine = _Machine(slower=0.01, noise=2.0)
    table = table_of(*_measured(machine, more=8), HOMES, ["uint8", "float"])
    assert table.form == "boundaries"
    true = np.array([machine.call_ms(choice) for choice in _others()])
    foretold = np.array([table.of(choice) for choice in _others()])
    assert np.corrcoef(true, foretold)[0, 1] > 0.7


def test_choices_of_one_kind_need_no_mixes_and_convert_nothing() -> None:
    """int8 and int4 on the same kernels: nothing alternates, no pair pays."""
    assert mixes_to_time(["codes", "codes"], EDGES, GROUPS, 6) == []
    machine = _Machine()
    first = machine.timed((INTEGER,) * GROUPS)
    table = table_of([first, first], [], HOMES, ["uint8", "uint8"])
    assert not any(values.any() for values in table.edges.values())
    assert (table.error, table.n) == (None, 2), "too few to leave one out"
    assert table.of((0,) * GROUPS) == pytest.approx(first.call_ms, rel=0.01)


def test_mixes_to_time_alternate_both_ways_round_and_then_in_stretches() -> None:
    """Of three choices on two kinds of kernels the first of each kind alternate; random mixes come on top, seeded."""
    plain = mixes_to_time(["codes", "codes", "floats"], EDGES, GROUPS, 0)
    assert plain == [(0, 2) * (GROUPS // 2), (2, 0) * (GROUPS // 2)] or plain == [
        (2, 0) * (GROUPS // 2),
        (0, 2) * (GROUPS // 2),
    ]
    more = mixes_to_time(["codes", "codes", "floats"], EDGES, GROUPS, 5)
    assert more[:2] == plain
    assert 3 <= len(more) <= 7
    assert {choice for row in more for choice in row} == {0, 2}
    changes = [sum(a != b for a, b in pairwise(row)) for row in more[2:]]
    assert max(changes) < GROUPS - 1, "neighbours go together more often than not"
    assert more == mixes_to_time(["codes", "codes", "floats"], EDGES, GROUPS, 5)
    assert len(mixes_to_time(["a", "b", "c"], EDGES, GROUPS, 0)) == 6


def _chain(*names: str) -> SimpleNamespace:
    """Layers one behind the other."""
    layers = [
        SimpleNamespace(name=n, inputs=(f"in_{n}",), outputs=(f"in_{m}",))
        for n, m in zip(names, [*names[1:], "y"], strict=True)
    ]
    return SimpleNamespace(layers=layers)


def test_what_stands_in_front_of_every_group_is_counted_to_the_first() -> None:
    """And what stands behind to the last; a group that reads another is its neighbour, in order, once."""
    homes = homes_of(_chain("pre", "a", "act", "b", "post"), [["a"], ["b"]])  # type: ignore[arg-type]
    assert dict(homes.groups) == {"pre": 0, "a": 0, "act": 0, "b": 1, "post": 1}
    assert homes.edges == ((0, 1),)


def test_the_kernel_that_takes_most_of_a_group_tells_what_it_computes_on() -> None:
    """A short conversion or a short float layer beside it does not; a kernel without a time takes none."""
    homes = Homes({"a": 0, "b": 1}, ())
    owners = SimpleNamespace(layers=lambda kernel: kernel.layers)
    kernels = [
        Executed("long", "Conv", KernelKind.INTEGER, 2.0, ("a",)),
        Executed("short", "Add", KernelKind.FLOAT, 1.0, ("a",)),
        Executed("longest", "Reorder", KernelKind.CONVERTS, 3.0, ("a",)),
        Executed("untimed", "Add", KernelKind.FLOAT, None, ("b",)),
    ]
    sums = sums_of(kernels, homes, owners, 2)  # type: ignore[arg-type]
    assert (sums.groups, sums.integer, sums.rest, sums.whole) == ((6.0, 0.0), (True, False), 0.0, 6.0)


def test_neighbours_alternate() -> None:
    """In a chain all, at a branch as many as can."""
    sides = alternations(EDGES, GROUPS)
    assert all(sides[a] != sides[b] for a, b in EDGES)
    triangle = alternations(((0, 1), (1, 2), (0, 2)), 3)
    assert sum(triangle[a] != triangle[b] for a, b in ((0, 1), (1, 2), (0, 2))) == 2


def test_layers_without_a_choice_are_counted_to_the_group_in_front(shared_workspace: Path) -> None:  # noqa: ARG001
    """digits_cnn: an activation to its convolution, a sum to the later of its branches, and a kernel to one group."""
    model = load("digits_cnn")
    groups = [[layer.name] for layer in model.layers if layer.weight and layer.macs]
    homes = homes_of(model, groups)
    assert set(homes.groups) == {layer.name for layer in model.layers}
    for at, (name,) in enumerate(groups):
        assert homes.groups[name] == at
    assert all(a < b for a, b in homes.edges)
    kernels = [
        Executed("one", "Conv", KernelKind.INTEGER, 2.0, (groups[0][0],)),
        Executed("both", "Conv", KernelKind.FLOAT, 1.0, (groups[1][0], groups[2][0])),
        Executed("nobody", "Reorder", KernelKind.CONVERTS, 0.5),
    ]
    sums = sums_of(kernels, homes, Owners(model), len(groups))
    assert sums.groups[:3] == (2.0, 0.5, 0.5)
    assert sums.integer[:2] == (True, False)
    assert (sums.rest, sums.whole) == (0.5, 3.5)
