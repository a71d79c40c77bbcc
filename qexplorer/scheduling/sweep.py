"""Tasks and what comes of them: nothing is done twice, results come as they finish, a sweep goes on where it was."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from qexplorer.core.errors import Cancelled
from qexplorer.scheduling.known import keep_end, known_end
from qexplorer.scheduling.opening import open_scheduler
from qexplorer.scheduling.scheduler import TaskScheduler
from qexplorer.scheduling.task import SweepTask, TaskEnd

__all__ = ["TaskSweep", "run_tasks"]

_LOOK_S = 0.2

Progress = Callable[[str, float], None]


class TaskSweep:
    """Tasks at work; a context manager, at whose end everything that is not done is ended.

    Tasks can be submitted at any time, by one thread. Whoever chooses the next task by what the last ones found keeps
    ``places`` of them at work::

        with TaskSweep() as sweep:
            while ...:
                while sweep.open < sweep.places:
                    sweep.submit(task_of(ask()))
                tell(sweep.next_end())

    Args:
        scheduler: who does them: the address of a Dask cluster (``tcp://...``, ``tls://...``), a scheduler, or None:
            the one that was chosen for this workspace, which is this machine by default (see ``opening``).
        cancelled: asked a few times a second while :meth:`next_end` waits.

    Raises:
        InputError: the cluster cannot be reached, or not be used.
    """

    def __init__(
        self, scheduler: str | TaskScheduler | None = None, *, cancelled: Callable[[], bool] | None = None
    ) -> None:
        self._given, self._cancelled = scheduler, cancelled or (lambda: False)
        self._scheduler: TaskScheduler | None = None
        self._ends: queue.SimpleQueue[TaskEnd] = queue.SimpleQueue()
        self._wanted: dict[str, list[SweepTask]] = {}
        self._ready: list[TaskEnd] = []
        self.open = 0

    def __enter__(self) -> TaskSweep:
        if not isinstance(self._given, str | None):
            self._scheduler = self._given
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._scheduler is not None:
            self._scheduler.close()

    @property
    def scheduler(self) -> TaskScheduler:
        """Who does the tasks; reached when first asked for, so that a sweep of which all is known needs nobody."""
        if self._scheduler is None:
            assert isinstance(self._given, str | None)
            self._scheduler = open_scheduler(self._given)
        return self._scheduler

    @property
    def places(self) -> int:
        """How many tasks are done beside each other now."""
        return self.scheduler.places

    def submit(self, task: SweepTask) -> None:
        """Asks for a task. One that was done before, or is at work already, is not done again.

        Raises:
            InputError: the cluster cannot be reached, or not be used.
        """
        self.open += 1
        if task.digest in self._wanted:
            self._wanted[task.digest].append(task)
        elif (known := known_end(task)) is not None:
            self._ready.append(known)
        else:
            self._wanted[task.digest] = [task]
            self.scheduler.start(task, self._ends.put)

    def next_end(self) -> TaskEnd:
        """How the next of the submitted tasks ended, in the order in which they end; it is kept by then.

        Raises:
            Cancelled: ``cancelled()`` became true.
            ChildError: the cluster has no workers any more.
            LookupError: nothing is at work.
        """
        if not self.open:
            raise LookupError("no task is at work")
        while not self._ready:
            if self._cancelled():
                raise Cancelled("the work was cancelled")
            try:
                self._take(self._ends.get(timeout=_LOOK_S))
            except queue.Empty:
                self.scheduler.look()
        self.open -= 1
        return self._ready.pop(0)

    def _take(self, end: TaskEnd) -> None:
        if isinstance(end.error, Cancelled):
            raise end.error
        keep_end(end)
        for task in self._wanted.pop(end.task.digest):
            self._ready.append(TaskEnd(task, end.value, end.error, end.where, end.seconds, end.known))


def run_tasks(
    tasks: Iterable[SweepTask],
    *,
    scheduler: str | TaskScheduler | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[TaskEnd]:
    """Does all tasks and yields how they end, in the order in which they end; each given one is yielded once.

    Args:
        tasks: what is done.
        scheduler: as for :class:`TaskSweep`.
        progress: told a sentence and the share that is done after each; may raise Cancelled.
        cancelled: asked a few times a second.

    Raises:
        InputError: the cluster cannot be reached, or not be used.
        Cancelled: somebody cancelled.
    """
    with TaskSweep(scheduler, cancelled=cancelled) as sweep:
        for task in tasks:
            sweep.submit(task)
        count = sweep.open
        for done in range(1, count + 1):
            end = sweep.next_end()
            if progress is not None:
                progress(f"task {done} of {count}", done / count)
            yield end
