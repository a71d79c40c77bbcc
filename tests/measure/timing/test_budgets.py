"""How long is timed, at which batches, and what the children return: on a clock of its own."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.machine.neighbours import Busy
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.timing import latency_child, sweep_child, timed_calls
from qexplorer.measure.timing.latency_child import time_all
from qexplorer.measure.timing.sweep_child import sweep_batches
from qexplorer.measure.timing.timed_calls import Turns
from qexplorer.run.protocol import Mode
from tests.measure.timing.made_up_machine import Clock, Steady

PLAN = TimingPlan(1.0, 3.0, 40, 6, 10.0, 0.02, 0.5, loads=1, warm_ms=5.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock, in place of the real one."""
    found = Clock()
    for module in (timed_calls, latency_child, sweep_child):
        monkeypatch.setattr(module, "time", found)
    return found


def timed(clock: Clock, call_s: float, plan: TimingPlan = PLAN) -> tuple[dict[str, Turns], float]:
    """Three models alike, and the seconds that timing them took."""
    models: Any = SimpleNamespace(load_s=0.0, sessions={key: Steady(clock, call_s) for key in "abc"})
    found = latency_child._latency(models, {}, plan, random.Random(0), lambda _: None)
    return found, clock.perf_counter()


@pytest.mark.parametrize(
    ("call_s", "least_s", "most_s", "n"),
    [
        (0.001, 1.0, 1.05, None),  # the budget is what ends it
        (0.015, 2.5, 3.0, 40),  # calls enough come later
        (0.1, 3.0, 3.4, None),  # and later than patience lasts
        (1.0, 18.0, 25.0, 6),  # rounds enough come even then
    ],
)
def test_timing_ends_with_calls_enough_or_with_patience(
    clock: Clock, call_s: float, least_s: float, most_s: float, n: int | None
) -> None:
    """A budget of 1 s; for 40 calls of each three times that; six rounds in any case."""
    found, took_s = timed(clock, call_s)
    assert least_s <= took_s <= most_s
    assert {each.n for each in found.values()} == {next(iter(found.values())).n if n is None else n}


def test_each_loading_has_its_share(clock: Clock) -> None:
    """Of four loadings each has a quarter of the rounds, though the budget is not spent."""
    models: Any = SimpleNamespace(load_s=0.0, sessions={"a": Steady(clock, 0.3)}, load=lambda: None)
    plan = replace(PLAN, loads=4, min_rounds=12)
    found = latency_child._latency(models, {}, plan, random.Random(0), lambda _: None)
    assert found["a"].loads == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_the_processor_rests_after_each_round_and_runs_again_untimed(clock: Clock) -> None:
    """Half as long as the round of 33 ms; what goes first afterwards has half a turn to warm up."""
    timed(clock, 0.001, replace(PLAN, cool_share=0.5))
    assert clock.slept[0] == pytest.approx(0.0165)
    assert clock.slept[1:] == pytest.approx([0.019] * (len(clock.slept) - 1))
    clock.slept.clear()
    timed(clock, 0.001)
    assert clock.slept == []


@pytest.mark.parametrize(("patience", "there"), [(9.0, False), (10.0, True)])
def test_a_larger_batch_is_timed_where_six_rounds_and_two_to_settle_fit(
    clock: Clock, patience: float, there: bool
) -> None:
    """Three models of 1 ms a sample take 192 ms for eight calls of batch 8, where 20 ms times patience are allowed."""
    found, _ = timed(clock, 0.001)
    sessions: Any = {key: Steady(clock, 0.001) for key in "abc"}
    plan = replace(PLAN, patience=patience)
    larger = latency_child._larger(sessions, found, {"x": np.zeros(8)}, 8, plan, random.Random(0))
    assert (list(larger) == ["a", "b", "c"]) is there
    assert all(len(each.rounds) == 6 and set(each.rounds[0]) == {8_000_000} for each in larger.values())


class _Watch:
    """Others did this before, and that meanwhile, wherever looked at."""

    seen: tuple[Busy | None, ...] = ()
    looked: tuple[tuple[int, ...], ...] = ()

    def busy(self, cpus: tuple[int, ...]) -> Busy | None:
        """What comes next."""
        found, _Watch.seen = _Watch.seen[0], _Watch.seen[1:]
        _Watch.looked = (*_Watch.looked, cpus)
        return found


@pytest.fixture
def child(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A process that pins nothing, whose backend is the clock."""
    _Watch.looked = ()
    for module in (latency_child, sweep_child):
        monkeypatch.setattr(module, "quiet_cpus", lambda count: (tuple(range(count)), 0.0))
        monkeypatch.setattr(module, "pin", lambda cpus: len(cpus) == 1)
        monkeypatch.setattr(module, "usable", lambda _: clock)
        monkeypatch.setattr(module, "read_samples", lambda _: {"x": np.arange(40.0)})
        monkeypatch.setattr(module, "gc", SimpleNamespace(collect=lambda: None, disable=lambda: None))
        monkeypatch.setattr(module, "Watch", _Watch)
    return clock


def test_a_timing_child_returns_what_was_timed(child: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch by its own samples, native sessions on so many threads, energy by key, others before and meanwhile."""
    _Watch.seen = Busy(0.5, (0,), 0.0, 1, "before"), Busy(0.5, (0,), 0.0, 1, "meanwhile")
    given: list[Any] = []

    def measured(calls: Any, device: str, seconds: float, _: random.Random) -> dict[str, Any]:
        given.extend([list(calls), device, seconds])
        return {"q": {"source": "measured:meter"}}

    monkeypatch.setattr(latency_child, "measure_energy", measured)
    told: list[float] = []
    order = {"backend": "clock", "variants": {"f": "0.002", "q": "0.001"}, "files": {}, "batches": [1, 8, 32]}
    found = time_all(
        order | {"threads": 1, "plan": asdict(replace(PLAN, patience=40.0)), "seed": 3},
        lambda event: told.append(event["done"]) if event["event"] == "progress" else None,
    )
    assert (found["before"]["name"], found["during"]["name"], found["cpus"]) == ("before", "meanwhile", [0])
    assert _Watch.looked == ((0,), (0,))
    assert set(child.batches) == {1, 8, 32}
    assert {(name, options.mode, options.threads) for name, options in child.loaded} == {
        ("0.002", Mode.NATIVE, 1),
        ("0.001", Mode.NATIVE, 1),
    }
    for key, sample_ns in (("f", 2_000_000), ("q", 1_000_000)):
        item = found["variants"][key]
        assert {ns for turn in item["rounds"] for ns in turn} == {sample_ns}
        assert item["cpu_ns"] == sum(map(sum, item["rounds"]))
        assert set(item["shares"]) == {1.0}
        assert set(item["loads"]) == {0}
        for batch in (8, 32):
            assert {ns for turn in item["larger"][batch]["rounds"] for ns in turn} == {batch * sample_ns}
    assert [found["variants"][key]["energy"] for key in "fq"] == [None, {"source": "measured:meter"}]
    assert given == [["f", "q"], "cpu", 0.5]
    assert told == sorted(told)
    assert told[-1] <= 1


def test_where_nothing_can_be_pinned_nobody_says_which_processor_was_shared(
    child: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two threads here: no processors are told, and those of others meanwhile are not looked at."""
    _Watch.seen = None, None
    monkeypatch.setattr(latency_child, "measure_energy", lambda *_: {})
    order = {"backend": "clock", "variants": {"f": "0.002"}, "files": {}, "batches": [1], "threads": 2, "seed": 0}
    found = time_all(order | {"plan": asdict(PLAN)}, lambda _: None)
    assert (found["before"], found["during"], found["cpus"]) == (None, None, [])
    assert _Watch.looked == ((0, 1), ())
    assert {options.threads for _, options in child.loaded} == {2}


@pytest.mark.usefixtures("child")
def test_a_sweep_goes_from_small_batches_to_those_that_take_too_long() -> None:
    """Two models of 10 ms a sample, 0.3 s for each at each batch: 36 calls where they fit into six times that, as many
    as do where not, and none where four do not; the load is told where others did most."""
    _Watch.seen = Busy(0.1, (0,), 1.5, 3, "much"), Busy(0.4, (0,), 0.0, 3, "less")
    cells: list[dict[str, Any]] = []
    order = {"backend": "clock", "variants": {"f": "0.01", "q": "0.010"}, "files": {}, "batches": [1, 8, 64]}
    found = sweep_batches(order | {"threads": 1, "cell_s": 0.3, "seed": 0}, lambda event: cells.extend(event["cells"]))
    assert [(cell["digest"], cell["batch"], cell["threads"]) for cell in cells] == [
        (digest, batch, 1) for batch in (1, 8, 64) for digest in "fq"
    ]
    first, second, left_out = cells[0], cells[2], cells[4]
    assert (first["n"], first["p50_ms"], first["p90_ms"]) == (36, 10.0, 10.0)
    assert (first["per_s"], first["per_s_ci95"]) == (100.0, pytest.approx((1e3 / 10.25, 1e3 / 9.75)))
    assert (second["n"], second["p50_ms"], second["p90_ms"], second["worst_ms"]) == (23, 80.0, None, 80.0)
    assert (second["per_s"], second["per_s_ci95"]) == (100.0, pytest.approx((1e3 / 10.25, 1e3 / 9.75)))
    assert first["valid"]
    assert (left_out["p50_ms"], left_out["valid"]) == (None, False)
    assert "one call of every variant takes about 1.3 s" in left_out["reason"]
    assert "much" in found["load"]


def test_several_threads_of_a_cell_are_not_blamed_for_sharing() -> None:
    """Half of the wall time is no noise of two threads, and is of one."""
    rounds = [[1_000_000] * 3] * 6
    for threads, valid in ((1, False), (2, True)):
        turns = Turns(lambda: None, rounds=rounds, shares=[0.5] * 6)
        assert sweep_child._cell("of a model", 4, threads, turns, None).valid is valid
