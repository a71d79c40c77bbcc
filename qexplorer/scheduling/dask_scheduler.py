"""Tasks on a Dask cluster: the scheduler hands them out again when a worker dies; files go to each machine once."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from qexplorer.core.errors import ChildError, InputError, QExplorerError, error_from_json
from qexplorer.process.unforeseen import unforeseen
from qexplorer.scheduling import on_worker
from qexplorer.scheduling.program import computing_packages, program_digest
from qexplorer.scheduling.scheduler import Told
from qexplorer.scheduling.task import InputFile, SweepTask, TaskEnd

Client = Any  # of distributed, which may not be installed
Future = Any

__all__ = ["MACHINE", "DaskScheduler", "connected", "told_apart"]

MACHINE = "machine"
"""The resource that a worker gives (``--resources machine=1``) which may take timings: one worker of each machine."""

_START_ONE = (
    "start one with 'dask scheduler' and give the address that it prints, such as tcp://192.168.1.5:8786, or have this "
    "machine do the tasks: 'Leave' on page System, '--scheduler off'"
)
_NAME_CERTIFICATES = "start one, and name authority, certificate and key in the environment (docs/cluster.md, TLS)"
_ANSWER_S = 10.0
_NO_WORKER_S = 60.0
_LOOK_S = 5.0
_PART_BYTES = 2**25
_SENDINGS = 5  # of a task to workers that lack its files


def connected(address: str) -> Client:
    """A client of the cluster.

    Raises:
        InputError: ``distributed`` is not installed, or nothing answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        what = "a cluster needs the package distributed, which is not installed"
        raise InputError(what, where=address, do="pip install 'qexplorer[cluster]'") from None
    for name in ("distributed.client", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what happens to a cluster is told in one sentence
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are compared by told_apart, in one sentence
            return Client(address, timeout=_ANSWER_S, set_as_default=False, name="qexplorer")
    except Exception as error:  # of the network, of TLS, of what else may listen there
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        do = _NAME_CERTIFICATES if address.startswith("tls:") else _START_ONE
        raise InputError(f"no Dask scheduler answers there ({reason})", where=address, do=do) from None


def told_apart(found: Mapping[str, Any]) -> str | None:
    """In which ways what ``on_worker.about`` answered is not this program; None if it is the same.

    Args:
        found: by the worker's address; in place of an answer, the exception that came.
    """
    for worker, told in found.items():
        if isinstance(told, ModuleNotFoundError):
            return f"the worker {worker} has no {told.name}"
        if not isinstance(told, Mapping):
            return f"the worker {worker} does not answer ({type(told).__name__}: {told})"
        other = told["packages"]
        for name, version in computing_packages():
            if other.get(name) != version:
                return f"the worker {worker} has {name} {other.get(name) or 'not at all'}, and this machine {version}"
        if told["program"] != program_digest():
            return f"the worker {worker} runs other lines of qexplorer {told['version']} than this machine"
    return None


class DaskScheduler:
    """A sweep's tasks on the cluster at an address.

    Args:
        address: of its scheduler, such as ``tcp://192.168.1.5:8786``.

    Raises:
        InputError: it cannot be reached, has no workers, or a worker runs another program.
    """

    def __init__(self, address: str) -> None:
        self._address, self._sweep = address, uuid.uuid4().hex
        self._client = connected(address)
        self._futures: dict[str, Future] = {}
        self._has: set[tuple[str, str]] = set()  # worker and digest of a file
        self._lock, self._sending, self._closed = threading.Lock(), threading.Lock(), False
        self._workers: dict[str, int] = {}  # threads by address
        self._looked, self._seen = 0.0, time.monotonic()
        try:
            self._check()
        except BaseException:
            self._client.close()
            raise

    @property
    def places(self) -> int:
        """Threads of all workers."""
        self._look()
        return max(sum(self._workers.values()), 1)

    @property
    def takes_timings(self) -> bool:
        """Whether a worker gives its machine to them."""
        workers = self._client.scheduler_info()["workers"].values()
        return any(worker.get("resources", {}).get(MACHINE) for worker in workers)

    def start(self, task: SweepTask, told: Told) -> None:
        """Sends the files that workers lack, and the task."""
        if task.exclusive:
            self._check_machine()
        self._look()
        with contextlib.suppress(OSError):  # a worker died meanwhile: whoever does the task says what it lacks
            self._send(task.inputs.values(), self._workers)
        self._submit(task, told, 1)

    def look(self) -> None:
        """Raises ChildError when there has been no worker for a minute."""
        self._look()
        if time.monotonic() - self._seen > _NO_WORKER_S:
            raise ChildError(
                f"the cluster has had no worker for {_NO_WORKER_S:.0f} s",
                where=self._address,
                do="start workers, then start this again: what is done is kept",
            )

    def close(self) -> None:
        """Has workers end what they do for this sweep, and leaves the cluster."""
        with self._lock:
            self._closed = True
            futures = list(self._futures.values())
            self._futures.clear()
        with contextlib.suppress(Exception):  # the cluster may be gone: then nothing is left to end
            if futures:
                self._client.cancel(futures, force=True)
                self._client.run(on_worker.cancel, self._sweep, on_error="return")
        with contextlib.suppress(Exception):
            self._client.close(timeout=_ANSWER_S)

    def _check(self) -> None:
        found = self._client.run(on_worker.about, on_error="return")
        if not found:
            do = f"start some with 'dask worker {self._address} --nthreads 1 --nworkers 2'"
            raise InputError("the cluster has no workers", where=self._address, do=do)
        if (apart := told_apart(found)) is not None:
            raise InputError(apart, where=self._address, do="install the same on all machines (see docs/cluster.md)")
        self._look()

    def _check_machine(self) -> None:
        if not self.takes_timings:
            raise InputError(
                f"no worker of the cluster gives the resource '{MACHINE}', which a task that takes timings needs",
                where=self._address,
                do=f"start one worker of each machine with --resources {MACHINE}=1",
            )

    def _look(self) -> None:
        """Looks who the workers are, every few seconds."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        with contextlib.suppress(Exception):  # a scheduler that is gone ends the futures
            self._workers = dict(self._client.nthreads())
            if self._workers:
                self._seen = now

    def _send(self, files: Iterable[InputFile], workers: Iterable[str]) -> None:
        """Puts files where they lack, one worker after the other: those of one machine may share a workspace."""
        given = {(file.sha256, file.path.suffix): file for file in files}
        with self._sending:
            for worker in workers:
                asked = [[*key] for key in given if (worker, key[0]) not in self._has]
                if not asked:
                    continue
                for sha256, ending in self._client.run(on_worker.lacking, asked, workers=[worker])[worker]:
                    self._put(given[sha256, ending], worker)
                self._has |= {(worker, sha256) for sha256, _ in asked}

    def _put(self, file: InputFile, worker: str) -> None:
        size, offset = file.path.stat().st_size, 0
        with file.path.open("rb") as stream:
            while True:
                part = stream.read(_PART_BYTES)
                last = offset + len(part) >= size
                given = (self._sweep, file.sha256, file.path.suffix, offset, part, last)
                self._client.run(on_worker.put, *given, workers=[worker])
                offset += len(part)
                if last:
                    return

    def _submit(self, task: SweepTask, told: Told, sending: int) -> None:
        with self._lock:
            if self._closed:
                return
            future = self._client.submit(
                on_worker.do,
                on_worker.wire_of(task, self._sweep),
                key=f"qexplorer-{task.digest}-{self._sweep[:8]}-{sending}",
                pure=False,
                resources={MACHINE: 1} if task.exclusive else None,
            )
            self._futures[task.digest] = future
        future.add_done_callback(lambda done: self._ended(done, task, told, sending))

    def _ended(self, future: Future, task: SweepTask, told: Told, sending: int) -> None:
        """Told by the client, in a thread of its own, that a task ended."""
        if self._closed:
            return
        try:
            end = self._end_of(future, task, sending)
            if end is None:
                self._submit(task, told, sending + 1)
                return
        except QExplorerError as error:
            end = TaskEnd(task, error=error, where=self._address)
        except Exception as error:  # of the cluster: whatever happened must end the task with a sentence
            end = TaskEnd(task, error=_as_sentence(error), where=self._address)
        with self._lock:
            self._futures.pop(task.digest, None)
        told(end)

    def _end_of(self, future: Future, task: SweepTask, sending: int) -> TaskEnd | None:
        """How a task ended; None if it must be submitted again, to a worker that has its files by now."""
        if future.cancelled():
            raise ChildError(
                "the cluster's scheduler went away before the task was done", do="start it again: what is done is kept"
            )
        found = future.result()
        if "other" in found:
            apart = told_apart({found["other"]["machine"]: found["other"]}) or "a worker would do another task"
            raise InputError(apart, do="install the same on all machines (see docs/cluster.md)")
        if "lacking" in found:
            if sending >= _SENDINGS:
                raise InputError("workers lose the files that they are sent", do="make room on their disks")
            self._has.clear()
            self._send(task.inputs.values(), list(self._client.nthreads()))
            return None
        error = None if found["error"] is None else error_from_json(found["error"])
        return TaskEnd(task, found["value"], error, found["where"], found["seconds"])


def _as_sentence(error: Exception) -> QExplorerError:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return ChildError("every worker that began the task died", do="look at what the workers printed")
    return unforeseen(error)
