"""Tasks in child processes of this machine, as many beside each other as it has processors."""

from __future__ import annotations

import queue
import threading

from qexplorer.core.errors import InputError
from qexplorer.process.places.homes import places_here
from qexplorer.process.places.taking import asked_ns, holds_place
from qexplorer.scheduling.scheduler import Told
from qexplorer.scheduling.task import SweepTask
from qexplorer.scheduling.working_child import WorkingChild

__all__ = ["LocalScheduler"]

_HERE = "this machine"


class LocalScheduler:
    """A thread and a child for each place, started when there is something to do.

    Each task takes its place in the line for the machine by itself, so whoever runs a sweep must hold none meanwhile.

    Args:
        places: tasks beside each other; None: one for each processor.

    Raises:
        InputError: whoever asks holds a place already.
    """

    def __init__(self, places: int | None = None) -> None:
        if holds_place():
            what = "a sweep cannot begin inside other work on this machine, whose end its tasks would wait for"
            raise InputError(what, do="begin it before or after, not while that work tells how far it is")
        self.places = places or places_here()
        self._tasks: queue.SimpleQueue[tuple[SweepTask, Told] | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._asked_ns = asked_ns()
        self._open, self._lock = 0, threading.Lock()

    @property
    def takes_timings(self) -> bool:
        """It does, alone."""
        return True

    def start(self, task: SweepTask, told: Told) -> None:
        """Puts the task behind the others."""
        with self._lock:
            self._open += 1
            if len(self._threads) < min(self.places, self._open):
                thread = threading.Thread(target=self._work, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._tasks.put((task, told))

    def look(self) -> None:
        """This machine is there."""

    def close(self) -> None:
        """Ends all children."""
        self._closed.set()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        child = WorkingChild(_HERE, self._asked_ns)
        try:
            while (given := self._tasks.get()) is not None and not self._closed.is_set():
                task, told = given
                paths = {name: str(file.path) for name, file in task.inputs.items()}
                end = child.do(task, paths, self._closed.is_set)
                with self._lock:
                    self._open -= 1
                told(end)
        finally:
            child.close()
