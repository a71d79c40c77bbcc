"""The numbers of a window, on a clock of its own: each call takes and draws what its made-up model takes and draws."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qexplorer.core.dataset import Array
from qexplorer.core.usage import UsageSample
from qexplorer.machine.meters.estimate import watts_per_cpu
from qexplorer.machine.usage_watch import UsageSampler
from qexplorer.measure.live import stream_child
from qexplorer.measure.live.stream_child import stream
from qexplorer.measure.live.windows import RECENT_S, LiveSide, LiveWindow, since, speed, totals
from qexplorer.measure.scratch import keep_samples
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu

N, ODD = 100, 7
"""Samples, and the one of which the two models say another class."""
CALL_S, CALL_J, ALL_THE_TIME_W = {"a": 0.040, "b": 0.011}, {"a": 0.2, "b": 0.033}, 2.0


class Machine:
    """A clock, a counter of energy, and what was run. It stands in for the module ``time``, the meter and the backend;
    half of the time goes to other processes."""

    name, capabilities, time = "counter", OnnxRuntimeCpu.capabilities, staticmethod(time.time)

    def __init__(self, *, counts: bool) -> None:
        self.now_s, self.joules, self.counts = 0.0, 0.0, counts
        self.ran: list[tuple[str, list[float]]] = []
        self.slow: set[float] = set()

    def perf_counter(self) -> float:
        """Seconds."""
        return self.now_s

    monotonic = perf_counter

    def perf_counter_ns(self) -> int:
        """Nanoseconds."""
        return round(self.now_s * 1e9)

    def process_time(self) -> float:
        """Half of it."""
        return self.now_s / 2

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        self.now_s += seconds

    def read_joules(self) -> float | None:
        """What calls used, and what is drawn all the time."""
        return self.joules + ALL_THE_TIME_W * self.now_s if self.counts else None

    def load(self, path: Path, _: object) -> Model:
        """A model by its file's name."""
        return Model(self, path.name)


class Model:
    """Names class ``row % 3``; the second one another for one sample."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name = machine, name

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], list[Array]]:
        """Its call."""

        def run() -> list[Array]:
            rows = feeds["x"][:, 0].tolist()
            self.machine.now_s += CALL_S[self.name] * (3 if rows[0] in self.machine.slow else 1)
            self.machine.joules += CALL_J[self.name]
            self.machine.ran.append((self.name, rows))
            said = [int(row + (self.name == "b" and row == ODD)) % 3 for row in rows]
            return [np.eye(3, dtype=np.float32)[said]]

        return run


@pytest.fixture(params=[True, False], ids=["metered", "estimated"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine, with a meter and without."""
    found = Machine(counts=request.param)
    monkeypatch.setattr(stream_child, "time", found)
    monkeypatch.setattr(stream_child, "usable", lambda _: found)
    monkeypatch.setattr(stream_child, "best_meter", lambda _: found)
    monkeypatch.setattr(UsageSampler, "sample", lambda _: UsageSample(1.0, (50.0,), 10**6, ()))
    return found


def run(folder: Path, windows: int, **order: Any) -> list[LiveWindow]:
    """So many windows of both models, and what the machine ran in them."""
    control, found = folder / "control.json", list[LiveWindow]()
    control.write_text(json.dumps({"version": 1}))
    sides = {p: {"label": p, "backend": "any", "path": p, "seen": 0, "scores": {}} for p in CALL_S}
    given: dict[str, Any] = {
        "sides": sides,
        "files": keep_samples(folder, {"x": np.arange(N, dtype=np.float32)[:, None]}),
        "positions": list(range(500, 500 + N)),
        "control": str(control),
        "heartbeat": str(control),
    }
    given |= {"metric": None, "labels": None, "batch": 1, "threads": 1, "rate": None, "version": 1, "stale_s": 60.0}
    given |= {"turn_s": 60.0, "t_s": 0.0, "cursor": 0, "pairs": {}, "threshold": 0.0}

    def emit(event: dict[str, Any]) -> None:
        found.append(LiveWindow.from_json(event["window"]))
        if len(found) == windows:
            control.write_text(json.dumps({"version": 2}))

    stream(given | order, emit)
    return found


def test_a_side_of_a_window_is_what_its_calls_took(machine: Machine, tmp_path: Path) -> None:
    """As fast as it goes the first variant has half of the window, and the other its samples; power is that of its own
    turn: 5 W and 3 W of the calls above what is drawn all the time, or the share of a processor."""
    (window,) = run(tmp_path, 1)
    first = machine.ran[6][0]  # behind three calls of each to warm up
    n = {"a": 7, "b": 23}[first]
    whole = n * sum(CALL_S.values())
    assert window.t_s == pytest.approx(whole)
    for place, watts in (("a", 5.0), ("b", 3.0)):
        side, call_s = window.sides[place], CALL_S[place]
        assert side.n == side.seen == n
        assert side.p50_ms == pytest.approx(1e3 * call_s)
        assert (side.p90_ms is None) == (n < 10)
        assert side.per_s == pytest.approx(1 / call_s)
        assert side.busy == pytest.approx(n * call_s / whole)
        measured = machine.counts
        assert side.watts == pytest.approx(ALL_THE_TIME_W + watts if measured else watts_per_cpu() / 2)
        assert side.watts_source == ("measured:counter" if measured else "estimated")


@pytest.mark.parametrize("machine", [True], indirect=True)
def test_a_pace_is_kept_and_both_say_what_they_said(machine: Machine, tmp_path: Path) -> None:
    """Eight samples a second are four in each half second, rest included; the last one's classes are told, and of
    eight different samples seven are named alike."""
    windows = run(tmp_path, 2, rate=8.0)
    assert [window.t_s for window in windows] == pytest.approx([0.5, 1.0])
    assert windows[1].sides["a"].busy == pytest.approx(4 * 0.040 / 0.5)
    assert [(w.both, w.agree) for w in windows] == [(4, 4), (8, 7)]
    assert windows[1].said == {"a": 1, "b": 2}
    assert [w.position for w in windows] == [503, 507]
    assert [rows for place, rows in machine.ran if place == "a"][3:] == [[float(row)] for row in range(8)]


@pytest.mark.parametrize("machine", [True], indirect=True)
def test_a_slow_pace_has_a_sample_in_each_window_and_a_file_its_batch(machine: Machine, tmp_path: Path) -> None:
    """One in two seconds is less than one a window; a file that insists on four samples gets the same four times."""
    windows = run(tmp_path, 2, rate=0.5, batch=4)
    assert [window.sides["b"].n for window in windows] == [1, 1]
    assert [rows for place, rows in machine.ran if place == "a"][3:] == [[0.0] * 4, [1.0] * 4]


@pytest.mark.parametrize("machine", [True], indirect=True)
@pytest.mark.parametrize(("rate", "times"), [(18.0, None), (20.0, 1.2)])
def test_of_ten_calls_the_ninetieth_percentile_is_told(
    machine: Machine, tmp_path: Path, rate: float, times: float | None
) -> None:
    """Between the ninth and the tenth, which takes three times as long; of nine there is none."""
    machine.slow = {9.0}
    (found,) = run(tmp_path, 1, rate=rate)
    for place, call_s in CALL_S.items():
        side = found.sides[place]
        assert side.p50_ms == pytest.approx(1e3 * call_s)
        assert side.p90_ms == (None if times is None else pytest.approx(1e3 * times * call_s))


@pytest.mark.parametrize("machine", [True], indirect=True)
def test_either_variant_goes_first(machine: Machine, tmp_path: Path) -> None:
    """Of twenty windows of one sample each neither begins all; a chance of one in half a million."""
    run(tmp_path, 20, rate=1.0)
    assert {place for place, _ in machine.ran[6::2]} == {"a", "b"}


@pytest.mark.parametrize("machine", [True], indirect=True)
def test_who_waits_gets_the_machine_once_the_turn_is_over(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn of 1.2 s is three windows of half a second, however early somebody waits."""
    monkeypatch.setattr(stream_child, "somebody_waits", lambda: True)
    assert len(run(tmp_path, 9, rate=2.0, turn_s=1.2)) == 3
    assert machine.counts


def window(t_s: float, **sides: tuple[float, float]) -> LiveWindow:
    """Median and rate of each side."""
    made = {
        place: LiveSide(place, 1, p50, None, rate, 1.0, None, "estimated", 1) for place, (p50, rate) in sides.items()
    }
    return LiveWindow(t_s, made, (), None)


def test_the_numbers_of_the_moment_are_medians_of_ten_seconds() -> None:
    """A window that ended ten seconds before the last counts, one before that does not."""
    old = [window(t, a=(99.0, 99.0), b=(1.0, 1.0)) for t in (1.0, 2.0, 2.9)]
    recent = [window(3.0, a=(1.0, 30.0), b=(1.0, 1.0)), window(8.0, a=(8.0, 10.0)), window(13.0, a=(2.0, 50.0))]
    assert since([*old, *recent], RECENT_S) == recent
    assert totals([*old, *recent], "a") == (2.0, 30.0)
    assert totals([*old, *recent], "b") is None
    assert totals([], "a") is None


def test_the_numbers_of_the_moment_are_those_of_the_variant_that_is_there() -> None:
    """Windows without it, or with another one at its place, do not count; of two the higher one is told."""
    others = [window(1.0, b=(1.0, 1.0)), _other(window(2.0, a=(70.0, 70.0), b=(1.0, 1.0)), "a")]
    own = [window(3.0, a=(5.0, 1.0), b=(1.0, 1.0)), window(4.0, a=(4.0, 2.0), b=(1.0, 1.0))]
    assert totals([*others, *own], "a") == (5.0, 2.0)


@pytest.mark.parametrize("place", ["a", "b"])
def test_a_speed_up_is_of_the_two_that_are_there(place: str) -> None:
    """Windows in which another variant stood at either place are not paired."""
    before = [_other(window(t / 10, a=(9.0, 1.0), b=(1.0, 1.0)), place) for t in range(5)]
    now = [window(1.0 + t / 10, a=(4.0, 1.0), b=(2.0, 1.0)) for t in range(6)]
    assert speed([*before, *now[1:]]) is None
    found = speed([*before, *now])
    assert found is not None
    assert found.ratio == pytest.approx(2.0)
    assert speed([]) is None


def _other(window: LiveWindow, place: str) -> LiveWindow:
    """The same of another variant at ``place``."""
    return replace(window, sides=window.sides | {place: replace(window.sides[place], label="another")})


def test_a_speed_up_is_of_the_last_ten_seconds() -> None:
    """Six windows of ten seconds ago and before do not stretch its interval; five are too few for one."""
    old = [window(t / 10, a=(9.0, 1.0), b=(1.0, 1.0)) for t in range(10)]
    recent = [window(11.0 + t / 10, a=(4.0, 1.0), b=(2.0, 1.0)) for t in range(6)]
    found = speed([*old, *recent])
    assert found is not None
    assert (found.ratio, found.ci95) == (pytest.approx(2.0), (pytest.approx(1.95), pytest.approx(2.05)))
    assert speed([*old, *recent[1:]]) is None
    assert speed([*recent, window(11.9, a=(4.0, 1.0))]) is None
