"""Jobs as real child processes: endings, cancel, reload, double submission."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from qexplorer.core.errors import UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.kind import JOB_KINDS, JobKind
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.process.places.waiting import Waiting
from tests.jobs.trials import trial
from tests.process.killing import kill_one
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("trials")


def ended(job_id: str, seconds: float = 60.0) -> JobState:
    """The state of a job after its end."""
    until(lambda: not manager.state(job_id).is_running, seconds)
    return manager.state(job_id)


def started(name: str, **fields: Any) -> str:
    """Starts the trial called so and returns its id."""
    return manager.submit(trial(name), trial(name).order(**fields))


def waiting(name: str = "wait", **fields: Any) -> str:
    """Starts work that waits for ever; returns when it does."""
    job_id = started(name, **fields)
    until(lambda: manager.state(job_id).step == "waiting" or not manager.state(job_id).is_running)
    assert manager.state(job_id).is_running, manager.state(job_id).error
    return job_id


def gone(pid: int) -> bool:
    """Whether the process has ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


_SERVER = [
    sys.executable,
    "-c",
    "from qexplorer.jobs import manager as m; from qexplorer.jobs.kind import JOB_KINDS; import time; "
    "kind = JOB_KINDS.get('trial_wait'); m.submit(kind, kind.order()); time.sleep(600)",
]
"""A process that orders a job and lives on."""


def test_a_job_reports_and_returns() -> None:
    """A job that ends well has its result, its last step and its partial results."""
    kind = trial("report_three")
    job = ended(started("report_three", value=(1, 2)))
    assert (job.status, job.step, job.done, job.seconds_left) == (JobStatus.DONE, "step 2", 1.0, None)
    assert kind.order_of(job) == kind.order(value=(1, 2))
    assert kind.result_of(job) == kind.result((1, 2))
    assert kind.partial_of(job) == kind.partial(2)


def test_progress_is_seen_while_it_runs() -> None:
    """A running job shows its step, its fraction and its time left."""
    job_id = waiting()
    job = manager.state(job_id)
    assert (job.status, job.done, job.seconds_left) == (JobStatus.RUNNING, 0.5, 7.0)
    assert [j.id for j in manager.running()] == [job_id]
    manager.cancel(job_id)


def test_our_own_errors_arrive_as_their_sentence() -> None:
    """An error of this program reaches the page as one sentence with where and what to do."""
    job = ended(started("refuse"))
    assert job.status is JobStatus.FAILED
    assert job.error == "labels.csv: the labels are shorter than the images; give one label for each image"


def test_a_killed_child_is_a_failure_with_its_step() -> None:
    """A process that dies without a result is failed, and the reason names what it was doing."""
    job = ended(started("crash"))
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert "'dying'" in job.error


def test_cancel_ends_children_in_sessions_of_their_own(tmp_path: Path) -> None:
    """Cancel leaves neither the job, nor its child, nor its grandchild, although each leads its own session."""
    pids = tmp_path / "pids"
    job_id = waiting("family", pids=str(pids))
    family = [int(p) for p in pids.read_text().split()]
    assert not any(gone(pid) for pid in family)
    assert manager.cancel(job_id).status is JobStatus.CANCELLED
    until(lambda: all(gone(pid) for pid in family))
    assert manager.running() == []


def test_cancel_ends_orphans(tmp_path: Path) -> None:
    """Cancel finds a process whose parent has died, by the mark it inherited."""
    pids = tmp_path / "pids"
    job_id = waiting("orphan", pids=str(pids))
    stray = int(pids.read_text())
    assert not gone(stray)
    manager.cancel(job_id)
    until(lambda: gone(stray))


def test_cancel_after_the_end_changes_nothing() -> None:
    """A job that is done stays done when somebody cancels it too late."""
    job = ended(started("report_three", value=(1,)))
    assert manager.cancel(job.id).status is JobStatus.DONE


def test_the_same_order_twice_is_one_job() -> None:
    """Two threads that order the same work at once get one job; other arguments get another."""
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(started("wait", value=(1,)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other = started("wait", value=(2,))
    assert len(set(got)) == 1
    assert other != got[0]
    for job_id in (got[0], other):
        manager.cancel(job_id)


def test_equal_work_is_shared_and_one_cancel_is_ones_own() -> None:
    """Two owners of one job: the first that leaves ends only its own wait, the last one ends the job."""
    kind = trial("wait")
    job_id = manager.submit(kind, kind.order(), "ada")
    assert manager.submit(kind, kind.order(), "bob") == job_id
    until(lambda: manager.state(job_id).step == "waiting")
    assert manager.state(job_id).owners == ("ada", "bob")
    left = manager.leave(job_id, "ada")
    assert (left.is_running, left.owners) == (True, ("bob",))
    assert manager.leave(job_id, "ada").is_running, "who has left cannot leave again"
    pid = json.loads((workspace("jobs") / job_id / "pid.json").read_text())["pid"]
    assert manager.leave(job_id, "bob").status is JobStatus.CANCELLED
    until(lambda: gone(pid))


def test_who_left_may_join_again() -> None:
    """The same order from one who cancelled is the job that still runs, and it is theirs again."""
    kind = trial("wait")
    job_id = manager.submit(kind, kind.order(), "ada")
    manager.submit(kind, kind.order(), "bob")
    manager.leave(job_id, "ada")
    assert manager.submit(kind, kind.order(), "ada") == job_id
    manager.leave(job_id, "bob")
    assert manager.state(job_id).is_running
    manager.leave(job_id, "ada")
    assert manager.submit(kind, kind.order(), "ada") != job_id, "what was cancelled is not joined"


def test_timing_jobs_stand_in_a_line_that_is_told() -> None:
    """Who waits knows the place and the time; one that is cancelled leaves the line, and the next goes at the end."""
    first = waiting("timed", value=(1,))
    second, third = started("timed", value=(2,)), started("timed", value=(3,))
    until(lambda: manager.state(second).waiting == Waiting(2, 7.0))
    until(lambda: manager.state(third).waiting == Waiting(3))  # the second has not said how long it will take
    manager.cancel(second)
    until(lambda: manager.state(third).waiting == Waiting(2, 7.0))
    manager.cancel(first)
    until(lambda: manager.state(third).step == "waiting")
    assert manager.state(third).waiting is None
    manager.cancel(third)


def test_after_its_end_the_same_order_is_new_work() -> None:
    """Ordering what has ended before starts it again."""
    first = ended(started("report_three", value=(1,))).id
    assert started("report_three", value=(1,)) != first


def test_another_process_sees_and_cancels_the_job() -> None:
    """A server that has restarted sees the running job and can end it."""
    job_id = waiting()
    code = f"from qexplorer.jobs import manager as m; print(m.state({job_id!r}).status, m.cancel({job_id!r}).status)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["running", "cancelled"]
    assert manager.state(job_id).status is JobStatus.CANCELLED


def test_a_job_ends_with_the_process_that_ordered_it() -> None:
    """When the server is killed its job ends with it, whoever looks later is told so, and may start it again."""

    def at_work(_: object) -> bool:
        return any(workspace("jobs").glob("*/pid.json"))

    done = kill_one(_SERVER, lambda running: running[0], ready=at_work)
    assert (len(done.seen), done.left) == (2, [])
    (job_id,) = (p.name for p in workspace("jobs").iterdir() if p.is_dir())
    job = manager.state(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert "the app that had started it was ended" in job.error
    assert manager.running() == []


def test_a_killed_job_leaves_nothing(tmp_path: Path) -> None:
    """SIGKILL of a job ends its children, also one in a session of its own, and is told as what it was."""
    pids = tmp_path / "pids"
    job_id = waiting("family", pids=str(pids))
    family = [int(p) for p in pids.read_text().split()]
    os.kill(json.loads((workspace("jobs") / job_id / "pid.json").read_text())["pid"], signal.SIGKILL)
    job = ended(job_id)
    assert (
        job.error
        == "the process that did the work was ended from outside (SIGKILL) (it was at 'waiting'); start it again"
    )
    until(lambda: all(gone(pid) for pid in family))


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ("spin", "s that such a model and its samples are given, and was ended"),
        ("fill", "of memory, more than the 82 MB that such a model and its samples are given, and was ended"),
    ],
)
def test_a_job_that_exceeds_its_limits_is_ended_and_told(
    monkeypatch: pytest.MonkeyPatch, work: str, words: str
) -> None:
    """A job that computes for ever, or takes ever more memory, fails with one sentence that says where it was."""
    monkeypatch.setenv("QEXPLORER_LIMITS", "0.02")
    job = ended(started(work), 300)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert words in job.error
    assert "(it was at '" in job.error


def test_a_reused_process_id_is_not_the_job() -> None:
    """A living process with the job's id but another start is not taken for the job, and is not killed."""
    job_id = waiting()
    manager.cancel(job_id)
    folder = workspace("jobs") / job_id
    (folder / "cancelled").unlink()
    (folder / "pid.json").write_text(json.dumps({"pid": os.getpid(), "started": 1.0}))
    assert manager.state(job_id).status is JobStatus.FAILED
    manager.cancel(job_id)
    assert psutil.Process().is_running()


def test_a_half_written_line_is_not_read() -> None:
    """An event without its line feed, and one that is not JSON, are passed over."""
    job_id = waiting()
    manager.cancel(job_id)
    events = workspace("jobs") / job_id / "events.jsonl"
    with events.open("a") as file:
        file.write('nonsense\n{"event": "result", "value": {"hal')
    assert manager.state(job_id).status is JobStatus.CANCELLED
    assert manager.state(job_id).step == "waiting"


def test_forget_leaves_nothing() -> None:
    """A forgotten job has no files and no state, and forgetting it again is no error."""
    job = ended(started("report_three", value=(1,)))
    manager.forget(job.id)
    manager.forget(job.id)
    assert not (workspace("jobs") / job.id).exists()
    with pytest.raises(UnknownName, match="no job called"):
        manager.state(job.id)


def test_forget_ends_a_running_job() -> None:
    """Forgetting a job that runs ends its process."""
    job_id = waiting()
    pid = json.loads((workspace("jobs") / job_id / "pid.json").read_text())["pid"]
    manager.forget(job_id)
    until(lambda: gone(pid))


@pytest.mark.parametrize("name", ["../../etc", "compare-XYZ", "", "compare-000000000000"])
def test_what_is_no_job_is_refused(name: str) -> None:
    """A job id from outside is never taken as a path."""
    with pytest.raises(UnknownName):
        manager.state(name)


def test_an_unknown_kind_names_the_known_ones() -> None:
    """A kind of job that does not exist is refused, with the kinds that do; so is one that is not registered."""
    with pytest.raises(UnknownName, match="compare"):
        JOB_KINDS.get("compere")
    known = trial("wait")
    stray: JobKind[Any, Any] = JobKind("compere", "T", "P", known.order, known.result, known.work)
    with pytest.raises(UnknownName, match="compare"):
        manager.submit(stray, known.order())
    assert manager.running() == []


def test_what_is_reported_too_often_is_thinned_and_its_end_is_not_lost() -> None:
    """Two thousand reports of one step leave few lines in the log, and the last of them is there."""
    job = ended(started("many", value=(2000,)))
    lines = (workspace("jobs") / job.id / "events.jsonl").read_text().splitlines()
    assert len(lines) < 200
    assert json.loads(lines[-2])["done"] == 1999 / 2000


def test_a_job_of_an_earlier_version_is_no_crash() -> None:
    """A job whose order was written in another form is found, has ended as it ended, and has no order to read."""
    folder = workspace("jobs", "load-0123456789ab")
    order = {"kind": "load", "arguments": {"path": "/x.onnx"}, "digest": "d", "started": time.time()}
    (folder / "order.json").write_text(json.dumps(order))
    (folder / "events.jsonl").write_text('{"event": "result", "value": {"name": "x"}}\n')
    job = manager.state("load-0123456789ab")
    assert (job.status, job.order) == (JobStatus.DONE, None)
    for kind in JOB_KINDS:
        assert (kind.order_of(job), kind.result_of(job), kind.partial_of(job)) == (None, None, None)
    assert manager.running() == []


def test_old_jobs_are_cleaned_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new order deletes ended jobs beyond the newest few, and no running one."""
    monkeypatch.setattr(manager, "KEPT", 1)
    running = waiting()
    old, newer = ended(started("report_three", value=(1,))), ended(started("report_three", value=(2,)))
    last = ended(started("report_three", value=(3,)))
    kept = {p.name for p in workspace("jobs").iterdir() if p.is_dir()}
    assert kept == {running, newer.id, last.id}
    assert old.id not in kept
    manager.cancel(running)
