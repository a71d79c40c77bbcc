"""A scheduler whose tasks several threads ask for, each waiting for its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from qexplorer.core.errors import Cancelled
from qexplorer.scheduling.known import keep_end, known_end
from qexplorer.scheduling.scheduler import TaskScheduler
from qexplorer.scheduling.task import SweepTask, TaskEnd

__all__ = ["SharedScheduler"]

_LOOK_S = 0.2


class SharedScheduler:
    """Does tasks for several threads; what is known is not done again.

    Args:
        scheduler: who does them; whoever opened it closes it.
    """

    def __init__(self, scheduler: TaskScheduler) -> None:
        self._scheduler, self._lock = scheduler, threading.Lock()

    def do(self, task: SweepTask, cancelled: Callable[[], bool]) -> TaskEnd:
        """How the task ended; it is kept by then.

        Raises:
            Cancelled: ``cancelled()`` became true, which is asked a few times a second.
            InputError: the task cannot be taken.
            ChildError: the cluster has no workers any more.
        """
        if (known := known_end(task)) is not None:
            return known
        ends: queue.SimpleQueue[TaskEnd] = queue.SimpleQueue()
        self._scheduler.start(task, ends.put)
        while True:
            if cancelled():
                raise Cancelled("the work was cancelled")
            try:
                end = ends.get(timeout=_LOOK_S)
            except queue.Empty:
                with self._lock:
                    self._scheduler.look()
                continue
            if isinstance(end.error, Cancelled):
                raise end.error
            keep_end(end)
            return end
