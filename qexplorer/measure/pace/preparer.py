"""One process in which a backend prepares all files of a comparison, so that what prepares them is imported once.

Importing LiteRT's converter takes about as long as converting a small model, and a child for each file imports it for
each. What is prepared is kept in the workspace, where the children that judge and time find it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qexplorer.core.errors import BackendError, Cancelled
from qexplorer.graph.allowance import allowance_at
from qexplorer.measure.pace.waiting import OnWait, heard
from qexplorer.process.limits import BASE
from qexplorer.process.places.taking import asked_ns
from qexplorer.run.protocol import Backend
from qexplorer.run.registry import BACKENDS
from qexplorer.scheduling.task import SweepTask
from qexplorer.scheduling.working_child import WorkingChild

__all__ = ["Preparer", "Preparers", "can_prepare"]

_TARGET = "qexplorer.measure.pace.preparer_child:prepare_file"
_LIMITS = replace(BASE, quiet_s=600.0)


def can_prepare(backend: Backend) -> bool:
    """Whether loading a file is what takes long there, and is not done twice."""
    prepares = backend.capabilities.prepares
    return prepares is not None and not prepares.each_shape


class Preparer:
    """A child that prepares one file after the other, started with the first.

    Whoever asks holds no place of the machine: the child takes one for each file. Once it has died it is not started
    again: each file is then prepared by whoever loads it, which tells what is wrong.

    Args:
        backend: for which backend.
        threads: threads of one operator.
    """

    def __init__(self, backend: str, threads: int) -> None:
        self._backend, self._threads = backend, threads
        self._turn, self._dead = threading.Lock(), False
        asked = asked_ns()  # before what waits for a place in the same work: the longest goes first
        self._child = WorkingChild("this machine", None if asked is None else asked - 1, tries=1)

    def prepare(
        self,
        path: Path,
        cancelled: Callable[[], bool],
        said: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Has the file at ``path`` prepared.

        Args:
            path: an ONNX file.
            cancelled: asked a few times a second; the child is ended when it becomes true.
            said: takes ``prepares`` events (see ``waiting``).

        Raises:
            BackendError: the backend cannot prepare it, in the words in which loading it would say so.
            Cancelled: ``cancelled()`` became true.
        """
        while not self._turn.acquire(timeout=0.1):
            if cancelled():
                raise Cancelled("the work was cancelled")
        try:
            if not self._dead:
                self._prepare(path, cancelled, said)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Ends the child."""
        with self._turn:
            self._child.close()

    def _prepare(
        self, path: Path, cancelled: Callable[[], bool], said: Callable[[dict[str, Any]], None] | None
    ) -> None:
        order = {"backend": self._backend, "path": str(path), "threads": self._threads}
        task = SweepTask(_TARGET, order, limits=allowance_at(path, _LIMITS))
        error = self._child.do(task, {}, cancelled, said).error
        if isinstance(error, BackendError | Cancelled):
            raise error
        self._dead = error is not None


class Preparers:
    """The preparer of each backend, made when it is first needed; any thread may ask.

    Args:
        threads: threads of one operator.
    """

    def __init__(self, threads: int) -> None:
        self._threads, self._of = threads, dict[str, Preparer]()

    def file_first(
        self, backend: str, path: Path, cancelled: Callable[[], bool], on_wait: OnWait
    ) -> Callable[[], None] | None:
        """What to do before the file at ``path`` is judged: prepare it, where ``backend`` does so once for all."""
        if not can_prepare(BACKENDS.get(backend)):
            return None
        preparer = self._preparer(backend)
        return lambda: preparer.prepare(path, cancelled, heard(None, on_wait))

    def close(self) -> None:
        """Ends all children."""
        for preparer in self._of.values():
            preparer.close()

    def _preparer(self, backend: str) -> Preparer:
        return self._of.setdefault(backend, Preparer(backend, self._threads))
