"""Other programs on the machine: seen and named, by starting one; our own work is not one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import namedtuple
from types import SimpleNamespace

import psutil
import pytest

from qexplorer.machine import neighbours, usage_watch
from qexplorer.machine.neighbours import Watch

SPIN = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(sys.argv[1])})
if os.fork():
    os._exit(0)
print(os.getpid(), flush=True)
while True:
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="keeping a program on one processor is Linux's")
def test_a_busy_processor_is_seen_and_a_program_named() -> None:
    """A program that keeps a processor busy, and is no child of ours, is seen on that processor; one is named."""
    cpu = sorted(os.sched_getaffinity(0))[0]
    with subprocess.Popen([sys.executable, "-c", SPIN, str(cpu)], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        stranger = int(starter.stdout.readline())
        try:
            watch = Watch()
            time.sleep(0.6)
            busy = watch.busy((cpu,))
        finally:
            os.kill(stranger, 9)
    assert busy is not None
    assert busy.share > 0.1
    assert busy.cpus == (cpu,)
    assert busy.name
    assert f"kept CPU {cpu} busy at" in busy.sentence


def test_own_work_is_not_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processor time of this process and its family is taken off: alone on the machine there is nothing to tell."""
    clock = iter((0.0, 1.0))
    monkeypatch.setattr(neighbours.time, "perf_counter", lambda: next(clock))
    own = iter((0.0, 0.95))
    monkeypatch.setattr(neighbours.time, "process_time", lambda: next(own))
    used = iter(([10.0, 10.0], [10.97, 10.5]))
    monkeypatch.setattr(neighbours, "_used_s", lambda: next(used))
    family = iter(((({}), 3.0), ({}, 4.4)))
    monkeypatch.setattr(neighbours, "_process_times", lambda: next(family))
    assert Watch().busy((0,)) is None


def test_work_on_other_processors_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs on processors beside the measured one are told with what they took and the name of the largest."""
    clock, own = iter((0.0, 1.0)), iter((0.0, 0.95))
    monkeypatch.setattr(neighbours.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(neighbours.time, "process_time", lambda: next(own))
    used = iter(([0.0] * 4, [0.96, 1.0, 0.5, 0.0]))
    monkeypatch.setattr(neighbours, "_used_s", lambda: next(used))
    mine = {(7, 1.0): ("cc1plus", 0.0)}, 0.0
    then = {(7, 1.0): ("cc1plus", 1.4)}, 0.95
    seen = iter((mine, then))
    monkeypatch.setattr(neighbours, "_process_times", lambda: next(seen))
    busy = Watch().busy((0,))
    assert busy is not None
    assert (busy.share, busy.others, busy.name) == (0.0, 3, "cc1plus")
    assert busy.elsewhere == pytest.approx(1.5)
    assert busy.sentence == "another program (cc1plus) kept 1.5 of the 3 other CPUs busy"


def _seen(
    monkeypatch: pytest.MonkeyPatch, *, wall: float, own: float, used: list[float], name: str = "cc1plus"
) -> Watch:
    """A watch over ``wall`` seconds in which this process worked ``own`` and the processors ``used`` seconds each."""
    clock, ours = iter((0.0, wall)), iter((0.0, own))
    monkeypatch.setattr(neighbours.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(neighbours.time, "process_time", lambda: next(ours))
    counts = iter(([1.0] * len(used), [1.0 + each for each in used]))
    monkeypatch.setattr(neighbours, "_used_s", lambda: next(counts))
    table = iter((({}, 2.0), ({(7, 1.0): (name, sum(used) - own)}, 2.0 + own)))
    monkeypatch.setattr(neighbours, "_process_times", lambda: next(table))
    return Watch()


def test_shares_are_of_the_time_of_the_measured_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 4 s others took 2 of the 8 s of two processors, and 3 s, less than one, of the two others."""
    busy = _seen(monkeypatch, wall=4.0, own=4.0, used=[3.5, 3.0, 2.5, 2.5]).busy((1, 0))
    assert busy is not None
    assert (busy.share, busy.elsewhere, busy.others) == (pytest.approx(2.5 / 8), pytest.approx(1.25), 2)
    kept = "another program (cc1plus) kept CPUs 0, 1 busy at 31 % and kept 1.2 of the 2 other CPUs busy"
    assert busy.sentence == kept
    one = _seen(monkeypatch, wall=2.0, own=1.0, used=[1.0, 0.5], name="").busy((0,))
    assert one is not None
    assert one.sentence == "other programs kept the other CPU busy at 25 %"


@pytest.mark.parametrize(
    ("wall", "used", "share", "elsewhere"),
    [
        (10.0, [9.6, 0.0], 0.06, 0.0),
        (10.0, [9.4, 0.0], None, None),
        (10.0, [9.0, 2.6], 0.0, 0.26),
        (10.0, [9.0, 2.4], None, None),
        (10.0, [14.0, 20.0], 0.5, 1.0),  # no more than there is
        (0.1, [0.117, 0.0], None, None),  # a hundredth of a second is what the system counts in
        (0.1, [0.125, 0.0], 0.35, 0.0),
        (0.0, [9.0, 9.0], None, None),
    ],
)
def test_little_is_not_told(
    monkeypatch: pytest.MonkeyPatch, wall: float, used: list[float], share: float | None, elsewhere: float | None
) -> None:
    """From a twentieth of the measured processors and a quarter of one of the others; more where time is short."""
    own = 9.0 * wall / 10
    busy = _seen(monkeypatch, wall=wall, own=own, used=used).busy((0,))
    assert (busy is None) == (share is None)
    if busy is not None:
        assert (busy.share, busy.elsewhere) == (pytest.approx(share), pytest.approx(elsewhere))


def test_processors_that_are_not_known_tell_nothing() -> None:
    """Where this process is not kept on known processors, nothing can be told apart."""
    assert Watch().busy(()) is None
    assert Watch().busy((10_000,)) is None
    assert Watch().busy((psutil.cpu_count() or 1,)) is None


def test_a_processor_that_came_meanwhile_leaves_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that went: what each of them did cannot be told."""
    for after in ([1.0], [1.0, 5.0, 5.0]):
        counts = iter(([1.0, 1.0], after))
        monkeypatch.setattr(neighbours, "_used_s", lambda counts=counts: next(counts))
        assert Watch().busy((0,)) is None


def test_a_process_that_may_not_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of another user may hide its times, and one may hide its name; user and system time are both time."""
    here = os.getpid()
    spent = namedtuple("spent", "user system")
    table = [
        SimpleNamespace(pid=here, info={"name": "python", "cpu_times": spent(2.0, 0.5), "create_time": 1.0}),
        SimpleNamespace(pid=-7, info={"name": None, "cpu_times": spent(3.0, 1.0), "create_time": 2.0}),
        SimpleNamespace(pid=-8, info={"name": "hidden", "cpu_times": None, "create_time": None}),
        SimpleNamespace(pid=-9, info={"name": "make", "cpu_times": spent(0.25, 0.5), "create_time": 3.0}),
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter(table))
    found, ours = neighbours._process_times()
    assert found == {(-7, 2.0): ("", 4.0), (-9, 3.0): ("make", 0.75)}
    assert ours == 2.5


def test_own_family_is_left_out() -> None:
    """Neither this process nor its parents and children are other programs; their seconds are counted as ours."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        others, ours = neighbours._process_times()
        child.kill()
    assert not {pid for pid, _ in others} & {os.getpid(), os.getppid(), child.pid}
    assert ours >= time.process_time() * 0.5


def test_the_busiest_must_have_been_busy() -> None:
    """A program that hardly ran is not named; one that ran most is, also one that began meanwhile."""
    before = {(1, 0.0): ("idle", 5.0), (2, 0.0): ("worker", 1.0)}
    after = {(1, 0.0): ("idle", 5.01), (2, 0.0): ("worker", 1.4), (3, 9.0): ("new", 0.6)}
    assert neighbours._busiest(before, after, 1.0) == "new"
    assert neighbours._busiest(before, {(1, 0.0): ("idle", 5.01)}, 1.0) is None
    assert neighbours._busiest({}, {}, 1.0) is None
    assert (
        neighbours._busiest(before, {(1, 0.0): ("idle", 5.4)}, 10.0) is None
    )  # a twentieth of the time, not of a second
    assert neighbours._busiest(before, {(1, 0.0): ("idle", 5.6)}, 10.0) == "idle"


def test_guests_count_once_and_waiting_for_a_disk_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux counts guests as the user's time already; what the host took away was work of others."""
    Times = namedtuple("Times", "user system idle iowait steal guest guest_nice")
    monkeypatch.setattr(psutil, "cpu_times", lambda **_: [Times(1.0, 0.5, 8.0, 2.0, 0.25, 1.0, 0.5)])
    assert neighbours._used_s() == [1.75]
    assert usage_watch._times() == [(1.75, 11.75)]
