"""Who stands by a job: what is said of an end that the job could not tell itself, and what is ended with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.kinds.observe import OBSERVE, ObserveOrder
from qexplorer.jobs.processes import tree
from qexplorer.jobs.processes.guard import EVENTS, JobGuard
from qexplorer.jobs.processes.mark import MARK
from qexplorer.jobs.processes.tree import is_alive, started_at
from qexplorer.process.limits import BASE
from tests.jobs.orders import DATA, MODEL

JOB = "trial-0123456789ab"


@pytest.mark.parametrize(("code", "said"), [(0, False), (1, False), (2, True), (3, True)])
def test_an_end_that_was_not_its_own_is_told(code: int, said: bool, tmp_path: Path) -> None:
    """0 and 1 are ends of which the job has told itself; what it had half written stands on a line of its own."""
    log = tmp_path / EVENTS
    log.write_text('{"event": "progress", "st')
    child = subprocess.Popen([sys.executable, "-c", f"import os; os._exit({code})"], stdin=subprocess.PIPE, text=True)
    guard = JobGuard(JOB, child, started_at(child.pid), BASE, tmp_path)
    assert guard._thread.daemon, "the app must not wait for it"
    guard._thread.join(timeout=30)
    assert guard.has_ended()
    assert child.stdin is not None
    assert child.stdin.closed
    first, *others = log.read_text().splitlines()
    assert first == '{"event": "progress", "st'
    assert [json.loads(line)["event"] for line in others] == (["error"] if said else [])


def test_a_job_whose_process_lives_has_not_ended(tmp_path: Path) -> None:
    """Nothing is waited for, and nothing said."""
    code = "import sys; sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True)
    guard = JobGuard(JOB, child, started_at(child.pid), BASE, tmp_path)
    assert not guard.has_ended()
    assert child.stdin is not None
    child.stdin.close()
    guard._thread.join(timeout=30)
    assert guard.has_ended()


class _Watch:
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def hear(self, event: Any) -> None:
        """One event."""
        self.heard.append(event)


def test_events_are_heard_once_and_whole(tmp_path: Path) -> None:
    """What is half written is heard when it is whole; what is no JSON never is; without a log there is nothing."""
    guard = JobGuard.__new__(JobGuard)
    watch: Any = _Watch()
    guard._folder, guard._read, guard._watch = tmp_path, 0, watch
    guard._hear()
    log = tmp_path / EVENTS
    log.write_text('{"n": 1}\nnonsense\n{"n"')
    guard._hear()
    assert watch.heard == [{"n": 1}]
    with log.open("a") as file:
        file.write(": 2}\n")
    guard._hear()
    guard._hear()
    assert watch.heard == [{"n": 1}, {"n": 2}]


class _Process:
    """A process with this mark."""

    def __init__(self, pid: int, mark: str | None) -> None:
        self.pid, self._mark = pid, mark

    def environ(self) -> dict[str, str]:
        """Its variables, if it may be looked into."""
        if self._mark == "hidden":
            raise psutil.AccessDenied
        return {} if self._mark is None else {MARK: self._mark}


def test_strays_are_known_by_the_jobs_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of another job, those without one, those that nobody may look into, and this very process are none."""
    marks = [(os.getpid(), JOB), (-2, JOB), (-3, "trial-000000000000"), (-4, None), (-5, "hidden"), (-6, JOB)]
    monkeypatch.setattr(tree.psutil, "process_iter", lambda: [_Process(*each) for each in marks])
    assert [process.pid for process in tree._marked(JOB)] == [-2, -6]


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    """By when it began, within a second; a number that nobody has is no process."""
    began = started_at(os.getpid())
    assert began is not None
    assert is_alive(os.getpid(), began)
    assert is_alive(os.getpid(), began + 0.9)
    assert not is_alive(os.getpid(), began + 1.1)
    assert not is_alive(os.getpid(), began - 1.1)
    assert is_alive(os.getpid(), None)
    assert not is_alive(2**31 - 1, None)
    assert started_at(2**31 - 1) is None


class _Guard:
    """A guard of a job that has ended, or has not."""

    def __init__(self, *, ended: bool) -> None:
        self._ended = ended

    def has_ended(self) -> bool:
        """Whether it has."""
        return self._ended


def test_guards_are_let_go_with_their_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of jobs at work are kept."""
    guards = {"a": _Guard(ended=True), "b": _Guard(ended=False)}
    monkeypatch.setattr(manager, "_GUARDS", guards)
    assert manager.running() == []
    assert list(guards) == ["b"]


def test_a_new_job_makes_room_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace is brought within its limit before a process begins; by then order and owner are on disk."""
    done: list[str] = []

    def starts(*_args: object, **_more: object) -> None:
        done.append("start")
        raise KeyboardInterrupt

    monkeypatch.setattr(manager, "trim", lambda: done.append("trim"))
    monkeypatch.setattr(manager, "start_child", starts)
    with pytest.raises(KeyboardInterrupt):
        manager.submit(OBSERVE, ObserveOrder(model=MODEL, data=DATA), "ada")
    assert done == ["trim", "start"]
    (folder,) = [path for path in workspace("jobs").iterdir() if path.is_dir()]
    assert json.loads((folder / "owners.json").read_text()) == {"owners": ["ada"]}
    order = json.loads((folder / "order.json").read_text())
    assert (order["kind"], order["starter"]["pid"]) == ("observe", os.getpid())
