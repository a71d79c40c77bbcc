"""What the files of a job say about it, without any process that does it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import ChildMemory, DataError
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.ids import check_kind_name, is_job_id, new_job_id
from qexplorer.jobs.kinds.observe import OBSERVE, ObserveOrder
from qexplorer.jobs.manager import JobStatus
from qexplorer.jobs.processes.tree import started_at
from qexplorer.jobs.records import START_S, job_ids, read_json, read_state, write_json
from qexplorer.process.places.waiting import Waiting
from tests.jobs.orders import DATA, MODEL

ME = {"pid": os.getpid(), "started": started_at(os.getpid())}
REUSED = {"pid": os.getpid(), "started": 5.0}  # this number belonged to another process once
RESULT: dict[str, Any] = {"event": "result", "value": {"samples": 3}}


def kept(name: str = "observe-0123456789ab", *, ago: float = 0.0, process: Any = None, **order: Any) -> Path:
    """The folder of a job that was ordered so many seconds ago."""
    folder = workspace("jobs", name)
    written = {"kind": "observe", "digest": "d", "started": time.time() - ago, **order}
    (folder / "order.json").write_text(json.dumps(written))
    if process is not None:
        (folder / "pid.json").write_text(json.dumps(process))
    return folder


def told(folder: Path, *events: dict[str, Any]) -> None:
    """What the job has reported."""
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def at(step: str, done: float, left: float | None = None) -> dict[str, Any]:
    """One report of progress."""
    return {"event": "progress", "step": step, "done": done, "seconds_left": left}


def test_a_job_at_work_shows_its_last_step() -> None:
    """With the share and the time left as they were told; before that it is starting, with nothing done."""
    folder = kept(process=ME)
    first = read_state(folder.name)
    assert (first.status, first.step, first.done, first.seconds_left) == (JobStatus.RUNNING, "starting", 0.0, None)
    told(folder, at("loading", 0.1), at("timing", 0.25, 7.0), {"event": "partial", "value": 3})
    now = read_state(folder.name)
    assert (now.step, now.done, now.seconds_left, now.partial, now.result) == ("timing", 0.25, 7.0, 3, None)
    assert now.is_running


@pytest.mark.parametrize(("told_share", "shown"), [(1.7, 1.0), (-0.5, 0.0), (None, 0.0), (0.3, 0.3)])
def test_a_share_is_one_between_nothing_and_all(told_share: Any, shown: float) -> None:
    """Whatever the work says of itself."""
    folder = kept(process=ME)
    told(folder, at("counting", told_share))
    assert read_state(folder.name).done == shown


def test_a_result_is_there_whatever_came_after() -> None:
    """A job that was done before it was cancelled, or before its process was ended, is done: all of it."""
    folder = kept(process=REUSED)
    told(folder, at("timing", 0.25, 7.0), RESULT)
    (folder / "cancelled").touch()
    found = read_state(folder.name)
    assert (found.status, found.done, found.seconds_left, found.error) == (JobStatus.DONE, 1.0, None, None)
    assert found.result == {"samples": 3}


def test_a_cancelled_job_is_no_failure() -> None:
    """What it died of is what was asked for; what it had come to stays."""
    folder = kept(process=REUSED)
    told(folder, at("timing", 0.25, 7.0), {"event": "error", "error": ChildMemory("it was ended").to_json()})
    (folder / "cancelled").touch()
    found = read_state(folder.name)
    assert (found.status, found.error, found.seconds_left, found.done) == (JobStatus.CANCELLED, None, None, 0.25)


@pytest.mark.parametrize(
    ("step", "error", "said"),
    [
        ("timing", ChildMemory("its memory ran out", do="wait"), "its memory ran out (it was at 'timing'); wait"),
        (None, ChildMemory("its memory ran out"), "its memory ran out (it had not reported anything yet)"),
        ("timing", DataError("there are no samples", where="x.npz"), "x.npz: there are no samples"),
    ],
)
def test_what_a_job_failed_of_is_said_with_its_step_where_a_person_gave_nothing_wrong(
    step: str | None, error: Any, said: str
) -> None:
    """A child that was ended was at something; what is wrong with an input is so at any step."""
    folder = kept(process=ME)
    told(folder, *([at(step, 0.5)] if step else []), {"event": "error", "error": error.to_json()})
    found = read_state(folder.name)
    assert (found.status, found.error, found.result) == (JobStatus.FAILED, said, None)


@pytest.mark.parametrize(
    ("ago", "starter", "running"),
    [(0.0, None, True), (0.0, ME, True), (0.0, REUSED, False), (30.0, ME, False), (START_S - 5, ME, True)],
)
def test_an_order_without_a_process_is_being_started_for_a_moment(
    ago: float, starter: dict[str, Any] | None, running: bool
) -> None:
    """As long as who starts it lives, and no longer than starting takes."""
    found = read_state(kept(ago=ago, starter=starter).name)
    assert found.is_running is running
    assert running or found.error == (
        "the app that had started it was ended (it had not reported anything yet); start it again"
    )


def test_ended_jobs_are_forgotten_after_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next order, and however few there are; what is at work stays."""
    monkeypatch.setattr(manager, "_start", lambda *_: "started")
    day = 24 * 3600
    old, lately = kept("observe-00000000000a", ago=8 * day), kept("observe-00000000000b", ago=6 * day)
    working = kept("observe-00000000000c", ago=9 * day, process=ME)
    assert manager.submit(OBSERVE, ObserveOrder(model=MODEL, data=DATA)) == "started"
    assert [folder.exists() for folder in (old, lately, working)] == [False, True, True]


def test_the_same_order_is_joined_while_it_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its digest: another order, or the same one after its end, is work of its own."""
    monkeypatch.setattr(manager, "_start", lambda *_: "started")
    order = ObserveOrder(model=MODEL, data=DATA)
    running = kept("observe-00000000000a", process=ME, digest=OBSERVE.digest(order))
    (running / "owners.json").write_text('{"owners": ["ada"]}')
    assert manager.submit(OBSERVE, order, "bob") == running.name
    assert manager.state(running.name).owners == ("ada", "bob")
    assert manager.at_work_for(OBSERVE, OBSERVE.digest(order), "bob") == running.name
    assert manager.at_work_for(OBSERVE, OBSERVE.digest(order), "eve") is None
    assert manager.at_work_for(OBSERVE, "another", "bob") is None
    assert manager.submit(OBSERVE, order.model_copy(update={"samples": 7})) == "started"
    told(running, RESULT)
    assert manager.submit(OBSERVE, order) == "started"
    assert manager.at_work_for(OBSERVE, OBSERVE.digest(order), "bob") is None


def test_what_is_no_job_is_not_listed() -> None:
    """A folder without an order is one that is being made or deleted, and another file is somebody else's."""
    kept("observe-00000000000a")
    workspace("jobs", "observe-00000000000b")
    (workspace("jobs", "notes") / "order.json").touch()
    (workspace("jobs") / "observe-00000000000c").touch()
    assert job_ids() == ["observe-00000000000a"]


@pytest.mark.parametrize(("process", "ending", "waits"), [(ME, None, True), (REUSED, None, False), (ME, RESULT, False)])
def test_only_a_job_at_work_stands_in_the_line(process: Any, ending: Any, waits: bool) -> None:
    """And once it goes on it stands there no more."""
    folder = kept(process=process)
    line = {"event": "progress", "waiting": {"place": 2, "seconds": 7.0}}
    told(folder, at("waiting", 0.0), line, *([ending] if ending else []))
    assert read_state(folder.name).waiting == (Waiting(2, 7.0) if waits else None)
    told(folder, at("waiting", 0.0), line, {"event": "progress", "waiting": None}, at("loading", 0.1))
    assert read_state(folder.name).waiting is None


def test_a_full_disk_is_said_of_a_job_that_just_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it stands, what the job was at, and what to do."""
    folder = kept(process=REUSED)
    told(folder, at("timing", 0.25))
    monkeypatch.setattr("qexplorer.jobs.records.is_full", lambda where: where == folder)
    said = f"{folder}: the disk is full (it was at 'timing'); free some of it and start again"
    assert read_state(folder.name).error == said


def test_a_file_of_a_job_that_cannot_be_read_is_not_there(tmp_path: Path) -> None:
    """Half of one, or none."""
    path = tmp_path / "order.json"
    assert read_json(path) is None
    path.write_text('{"kind": "obs')
    assert read_json(path) is None
    write_json(path, {"kind": "observe"})
    assert read_json(path) == {"kind": "observe"}


def test_nobody_starts_work_while_another_process_does() -> None:
    """Each of two servers on one workspace sees what the other has started."""
    fcntl = pytest.importorskip("fcntl")
    with (workspace("jobs") / "lock").open("a") as other:
        with manager._one_at_a_time(), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_jobs_at_work_are_listed_newest_first() -> None:
    """And those that have ended are not."""
    for name, ago, process in (("a", 30.0, ME), ("b", 10.0, ME), ("c", 20.0, ME), ("d", 5.0, REUSED)):
        kept(f"observe-00000000000{name}", ago=ago, process=process)
    assert [job.id[-1] for job in manager.running()] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("compare-0123456789ab", True),
        ("a_kind2-0123456789ab", True),
        ("compare-0123456789a", False),
        ("compare-0123456789abc", False),
        ("compare-0123456789AB", False),
        ("2d-0123456789ab", False),
        ("a/b-0123456789ab", False),
        ("x" * 41 + "-0123456789ab", False),
        ("x" * 40 + "-0123456789ab", True),
    ],
)
def test_an_id_is_a_kind_and_twelve_digits(text: str, is_one: bool) -> None:
    """A path, or the id of something else, is none; a kind whose jobs could not be found again is refused."""
    assert is_job_id(text) is is_one
    kind, _, digits = text.rpartition("-")
    if len(digits) == 12 and digits == digits.lower():
        if is_one:
            check_kind_name(kind)
            assert is_job_id(new_job_id(kind))
        else:
            with pytest.raises(ValueError, match="is no name for a kind of job"):
                check_kind_name(kind)
