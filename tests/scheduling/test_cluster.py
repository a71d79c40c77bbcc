"""Sweeps on a real Dask cluster of two worker processes, which have a workspace of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from qexplorer.core.errors import Cancelled, ChildError, DataError, InputError
from qexplorer.scheduling import dask_scheduler
from qexplorer.scheduling.inputs import bytes_input
from qexplorer.scheduling.opening import open_scheduler
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import SweepTask
from tests.scheduling.conftest import ROOT, TRIALS

Trial = Callable[..., SweepTask]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A scheduler and two workers of one thread each.

    A page that ran in this process before has left itself as the main module, which every new worker would run.
    """
    from distributed import LocalCluster

    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TRIALS), str(ROOT), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("QEXPLORER_WORKSPACE", str(folder / "workspace"))
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", local_directory=str(folder)
        ) as started:
            started.workspace = folder / "workspace"
            yield started


def wait_for(notes: Path, pattern: str, count: int = 1) -> list[Path]:
    """What trials have noted, once there is so much of it."""
    end = time.monotonic() + 60
    while len(found := list(notes.glob(pattern))) < count:
        assert time.monotonic() < end, "no such note"
        time.sleep(0.02)
    return found


def test_files_go_there_once_and_results_come_back(cluster: Any, trial: Trial) -> None:
    """A task finds its input in the worker's own workspace, whole, and the next one that reads it sends nothing."""
    address, large = cluster.scheduler_address, bytes_input(b"x" * (2**25 + 5), ".txt")
    first = next(run_tasks([trial("add", {"text": large}, a=1, b=2)], scheduler=address))
    assert (first.value["sum"], first.value["inputs"]["text"]) == (3, [2**25 + 5, "x" * 9])
    sent = cluster.workspace / "inputs" / f"{large.sha256}.txt"
    before = sent.stat()
    more = [trial("add", {"text": large}, a=a) for a in range(4)]
    assert {end.value["sum"] for end in run_tasks(more, scheduler=address)} == {0, 1, 2, 3}
    assert sent.stat().st_ino == before.st_ino
    assert [path.name for path in sent.parent.iterdir()] == [sent.name]


def test_a_file_that_a_worker_lost_is_sent_again(cluster: Any, trial: Trial) -> None:
    """A worker whose workspace was tidied up in the middle of a sweep gets its files anew."""
    given = bytes_input(b"seven", ".txt")
    scheduler = open_scheduler(cluster.scheduler_address)
    ends = run_tasks([trial("add", {"text": given}, a=a, seconds=0.2) for a in range(6)], scheduler=scheduler)
    next(ends)
    (cluster.workspace / "inputs" / f"{given.sha256}.txt").unlink()
    assert all(end.value["inputs"]["text"] == [5, "seven"] for end in ends)


def test_a_worker_that_is_killed_loses_nothing(cluster: Any, trial: Trial, notes: Path) -> None:
    """Its task is done by another one, and every result comes once."""
    tasks = [trial("add", a=a, seconds=0.3, notes=str(notes)) for a in range(8)]
    ends = run_tasks(tasks, scheduler=cluster.scheduler_address)
    sums = [next(ends).value["sum"]]
    worker = next(iter(cluster.workers.values()))
    os.kill(worker.pid, signal.SIGKILL)
    sums += [end.value["sum"] for end in ends]
    assert sorted(sums) == list(range(8))


_KILLED = """
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import SweepTask
orders = [{"a": a, "seconds": 0.3, "notes": %r} for a in range(6)]
for end in run_tasks([SweepTask("qexplorer.task_trials:add", order) for order in orders], scheduler=%r):
    open(%r, "a").write(f"{end.value['sum']} ")
"""


def test_a_sweep_whose_program_was_killed_goes_on(cluster: Any, trial: Trial, notes: Path, tmp_path: Path) -> None:
    """What had come back by then is read from the workspace, the rest is done, and no task that ended is done twice."""
    told = tmp_path / "told"
    script = _KILLED % (str(notes), cluster.scheduler_address, str(told))
    with subprocess.Popen([sys.executable, "-c", script]) as killed:
        while not told.exists() or len(told.read_text().split()) < 2:
            time.sleep(0.02)
        killed.kill()
    come = {int(each) for each in told.read_text().split()}
    tasks = [trial("add", a=a, seconds=0.3, notes=str(notes)) for a in range(6)]
    ends = list(run_tasks(tasks, scheduler=cluster.scheduler_address))
    assert sorted(end.value["sum"] for end in ends) == list(range(6))
    assert {end.value["sum"] for end in ends if end.known} >= come
    assert all(len(list(notes.glob(f"{a}-*"))) == 1 for a in come)


def test_cancelling_ends_the_children_of_workers(cluster: Any, trial: Trial, notes: Path) -> None:
    """A cancel here ends what runs there."""
    slow = [trial("add", a=a, seconds=600, notes=str(notes)) for a in range(4)]
    with pytest.raises(Cancelled):
        list(run_tasks(slow, scheduler=cluster.scheduler_address, cancelled=lambda: len(list(notes.iterdir())) >= 2))
    for path in notes.iterdir():
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(path.name.split("-")[1])).wait(60)
    time.sleep(0.3)
    assert len(list(notes.iterdir())) == 2


def test_what_fails_there_is_a_sentence_here(cluster: Any, trial: Trial, notes: Path) -> None:
    """Errors arrive as they are; a task that kills its process ends, and workers live on."""
    tasks = [trial("refuse"), trial("crash"), trial("die", notes=str(notes), always=True), trial("add", a=1)]
    ends = {end.task.target.partition(":")[2]: end for end in run_tasks(tasks, scheduler=cluster.scheduler_address)}
    assert isinstance(ends["refuse"].error, DataError)
    assert "nobody foresaw (ValueError)" in str(ends["crash"].error)
    assert isinstance(ends["die"].error, ChildError)
    assert ends["add"].value["sum"] == 1


def test_timed_tasks_need_a_worker_that_gives_its_machine(cluster: Any, trial: Trial) -> None:
    """Without such a worker it is said at once; with one the task is done."""
    from distributed import Client

    timed = trial("add", a=3, exclusive=True)
    with pytest.raises(InputError, match="--resources machine=1"):
        list(run_tasks([timed], scheduler=cluster.scheduler_address))

    async def give(dask_worker: Any) -> None:
        await dask_worker.set_resources(machine=1)

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        workers = list(client.nthreads())
        client.run(give, workers=workers[:1])
    assert next(run_tasks([timed], scheduler=cluster.scheduler_address)).value["sum"] == 3


def test_another_program_or_package_on_a_worker_is_said(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that would answer otherwise is refused, with what differs."""
    with monkeypatch.context() as patched:
        patched.setattr(dask_scheduler, "program_digest", lambda: "another")
        with pytest.raises(InputError, match=r"runs other lines of qexplorer .*install the same"):
            open_scheduler(cluster.scheduler_address)
    with monkeypatch.context() as patched:
        patched.setattr(dask_scheduler, "computing_packages", lambda: (("torch", "9.9"),))
        with pytest.raises(InputError, match=r"has torch 2\..* and this machine 9\.9"):
            open_scheduler(cluster.scheduler_address)
    assert dask_scheduler.told_apart({"tcp://x:1": ModuleNotFoundError(name="qexplorer")}) == (
        "the worker tcp://x:1 has no qexplorer"
    )


def test_a_cluster_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, trial: Trial) -> None:
    """Nothing that listens, no address and no workers are a sentence each; what is known needs no cluster."""
    from distributed import LocalCluster

    monkeypatch.setattr(dask_scheduler, "_ANSWER_S", 0.3)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        open_scheduler("tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="no address of a Dask scheduler"):
        open_scheduler("file:///etc/passwd")
    monkeypatch.setattr(dask_scheduler, "_ANSWER_S", 5)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(InputError, match="has no workers"),
    ):
        open_scheduler(empty.scheduler_address)
    known = next(run_tasks([trial("add", a=1)]))
    again = next(run_tasks([trial("add", a=1)], scheduler="tcp://127.0.0.1:9"))
    assert again.known
    assert again.value == known.value
