"""Sweeps on this machine: results as they finish, nothing twice, nothing lost by a death, failures as a sentence."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from qexplorer.core.errors import Cancelled, ChildError, DataError, InputError
from qexplorer.process.places.taking import beside
from qexplorer.scheduling.inputs import bytes_input
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.sweep import TaskSweep, run_tasks
from qexplorer.scheduling.task import InputFile, SweepTask, TaskEnd

Trial = Callable[..., SweepTask]


def gone(pid: int) -> None:
    """Fails unless the process ends soon."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(60)


def run(*tasks: SweepTask) -> list[TaskEnd]:
    """How they end on one child, in the order in which they do."""
    return list(run_tasks(tasks, scheduler=LocalScheduler(1)))


def test_values_come_with_inputs_and_are_known_afterwards(trial: Trial, notes: Path) -> None:
    """A task reads its inputs by name; asked again it is not done again, also where only its inputs' place differs."""
    given = bytes_input(b"seven", ".txt")
    tasks = [trial("add", {"text": given}, a=a, b=1, notes=str(notes)) for a in range(3)]
    told: list[tuple[str, float]] = []
    ends = list(run_tasks(tasks, scheduler=LocalScheduler(1), progress=lambda *each: told.append(each)))
    assert [end.result()["sum"] for end in ends] == [1, 2, 3]
    assert all(end.value["inputs"]["text"] == [5, "seven"] for end in ends)
    assert told[-1] == ("task 3 of 3", 1.0)
    copy = notes / "copy.txt"
    copy.write_bytes(b"seven")
    elsewhere = InputFile(given.sha256, copy)
    again = [trial("add", {"text": elsewhere}, a=a, b=1, notes=str(notes)) for a in range(3)]
    assert [(end.known, end.value["sum"]) for end in run(*again)] == [(True, 1), (True, 2), (True, 3)]
    assert len(list(notes.glob("*-*-*"))) == 3


def test_one_child_does_many_tasks_and_equal_ones_once(trial: Trial, notes: Path) -> None:
    """Tasks on one place share a process, and of equal ones each is answered by one piece of work."""
    ends = run(*(trial("add", a=a, notes=str(notes)) for a in (1, 2, 1, 1)))
    assert sorted(end.value["sum"] for end in ends) == [1, 1, 1, 2]
    assert len({end.value["pid"] for end in ends}) == 1
    assert len(list(notes.iterdir())) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"a": 2},
        {"inputs": {"text": InputFile("0" * 64, Path("x"))}},
        {"exclusive": True},
        {"name": "refuse"},
    ],
)
def test_another_task_has_another_digest(trial: Trial, change: dict[str, object]) -> None:
    """Target, order, inputs and whether it is timed tell tasks apart; the program that does them does too."""
    plain = {"name": "add", "a": 1}
    assert trial(**plain).digest == trial(**plain).digest
    assert trial(**{**plain, **change}).digest != trial(**plain).digest


def test_the_program_is_part_of_the_digest(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version of this program found is not taken for what this one would find."""
    before = trial("add", a=1).digest
    monkeypatch.setattr("qexplorer.scheduling.task.program_digest", lambda: "another program")
    assert trial("add", a=1).digest != before


def test_errors_are_ends_of_their_own_task(trial: Trial) -> None:
    """What a task raises comes as the error that it is, unforeseen ones as a sentence; others go on, none is kept."""
    tasks = [trial("refuse"), trial("crash"), trial("add", a=5)]
    refused, crashed, added = run(*tasks)
    assert isinstance(refused.error, DataError)
    assert refused.error.sentence == "here: no good; try again"
    assert "nobody foresaw (ValueError)" in str(crashed.error)
    assert "\n" not in str(crashed.error)
    assert added.value["sum"] == 5
    with pytest.raises(DataError):
        refused.result()
    assert [end.task.order for end in run(*tasks) if end.known] == [{"a": 5}]


def test_a_child_that_is_killed_is_started_again_once(trial: Trial, notes: Path) -> None:
    """A task whose process dies is done again; one that always kills its process ends in one sentence."""
    once, always = notes / "once", notes / "always"
    once.mkdir()
    always.mkdir()
    first, second, third = run(
        trial("die", notes=str(once)), trial("die", notes=str(always), always=True), trial("add", a=1)
    )
    assert first.error is None
    assert isinstance(second.error, ChildError)
    assert len(list(always.iterdir())) == 2
    assert third.value["sum"] == 1


def test_cancelling_ends_children_at_once(trial: Trial, notes: Path) -> None:
    """A cancel ends what runs, and what was done before stays known."""
    quick, slow = trial("add", a=1), trial("add", a=2, seconds=600, notes=str(notes))

    def started() -> bool:
        return bool(list(notes.glob("2-*")))

    found: list[TaskEnd] = []
    with pytest.raises(Cancelled):
        found.extend(run_tasks([quick, slow], scheduler=LocalScheduler(1), cancelled=started))
    gone(int(next(notes.glob("2-*")).name.split("-")[1]))
    assert [end.known for end in run(quick)] == [True]


def test_the_next_task_can_follow_from_the_last(trial: Trial, notes: Path) -> None:
    """Tasks are submitted while others are at work, and results come as they finish."""
    with TaskSweep(LocalScheduler(2)) as sweep:
        assert sweep.places == 2
        sweep.submit(trial("add", a=0, after=str(notes / "go")))
        sweep.submit(trial("add", a=10))
        first = sweep.next_end()
        sweep.submit(trial("add", a=first.value["sum"], b=1))
        second = sweep.next_end()
        (notes / "go").touch()
        assert [first.value["sum"], second.value["sum"], sweep.next_end().value["sum"]] == [10, 11, 0]
        with pytest.raises(LookupError):
            sweep.next_end()


def test_timed_tasks_are_alone_and_not_kept(trial: Trial, notes: Path) -> None:
    """While a timed task runs no other one does, and its result is taken anew each time."""
    timed = trial("add", a=1, seconds=0.3, notes=str(notes), exclusive=True)
    others = [trial("add", a=a, seconds=0.1, notes=str(notes)) for a in (2, 3)]
    ends = {end.task.order["a"]: end for end in run_tasks([timed, *others], scheduler=LocalScheduler(2))}
    starts = {path.name.split("-")[0]: int(path.name.split("-")[2]) for path in notes.iterdir()}
    for other in ("2", "3"):
        gap_s = (starts[other] - starts["1"]) / 1e9
        assert gap_s >= 0.3 or gap_s <= -0.1
    assert not ends[1].known
    assert not run(timed)[0].known


_KILLED = """
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import SweepTask
orders = [{"a": a, "seconds": 0 if a < 3 else 600, "notes": %r} for a in range(4)]
for _ in run_tasks([SweepTask("qexplorer.task_trials:add", order) for order in orders], scheduler=LocalScheduler(1)):
    pass
"""


def test_a_sweep_that_died_goes_on(trial: Trial, notes: Path) -> None:
    """What was done when the sweep's own process was killed is known, and its children have ended with it."""
    with subprocess.Popen([sys.executable, "-c", _KILLED % str(notes)]) as killed:
        while not list(notes.glob("3-*")):
            time.sleep(0.02)
        killed.kill()
    gone(int(next(notes.glob("3-*")).name.split("-")[1]))
    ends = run(*(trial("add", a=a, seconds=0, notes=str(notes)) for a in range(3)))
    assert [(end.known, end.value["sum"]) for end in ends] == [(True, 0), (True, 1), (True, 2)]


def test_a_sweep_inside_other_work_is_refused() -> None:
    """Tasks would wait for the place that whoever asks holds: that is said, with what to do, and nothing hangs."""
    with beside(), pytest.raises(InputError, match=r"cannot begin inside other work .*begin it before or after"):
        LocalScheduler(1)
