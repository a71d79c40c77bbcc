"""Children that will time, started while judging leaves a processor free: they import their runtimes before they have
the machine to themselves, so that it does not stand still meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Protocol

from qexplorer.core.errors import QExplorerError
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.pace.forecast import workers
from qexplorer.measure.timing import latency
from qexplorer.measure.variant import Subject
from qexplorer.process.parent import EarlyChild
from qexplorer.process.places.taking import beside

__all__ = ["EarlyTimers"]


class _Start(Protocol):
    """Begins work in another thread."""

    def __call__(self, work: Callable[[str], None], backend: str, /) -> Future[None]: ...


class EarlyTimers:
    """One child for each backend, until it is taken.

    Args:
        subject: the model and its samples.
        plan: how much will be timed.
        cancelled: asked by the threads that wait.
        start: begins work in another thread, which holds no place of the machine.
        here: whether it is this machine that times.
    """

    def __init__(
        self, subject: Subject, plan: TimingPlan, cancelled: Callable[[], bool], start: _Start, *, here: bool = True
    ) -> None:
        self._subject, self._plan, self._cancelled, self._start = subject, plan, cancelled, start
        self._here = here
        self._getting_ready: dict[str, Future[None]] = {}
        self._children: dict[str, EarlyChild] = {}

    def begin(self, backends: Iterable[str], judging: int = 0) -> None:
        """Starts the child of each of ``backends`` that had none yet, as there are places of the machine; nothing
        happens while more variants are still judged than there are processors."""
        for backend in backends if self._here and judging <= workers() else ():
            if backend not in self._getting_ready:
                self._getting_ready[backend] = self._start(self._get_ready, backend)

    def take(self, backend: str) -> EarlyChild | None:
        """The child of ``backend``, ready, once no other gets ready any more; None where there is none."""
        for future in list(self._getting_ready.values()):
            with contextlib.suppress(QExplorerError):  # whoever times on it says so
                future.result()
        return self._children.pop(backend, None)

    def close(self) -> None:
        """Ends those that were not taken; nothing may get ready any more."""
        for child in self._children.values():
            child.close()
        self._children.clear()

    def _get_ready(self, backend: str) -> None:
        with beside(self._cancelled):
            child = latency.early_timer(backend, self._subject, self._plan, self._cancelled)
            self._children[backend] = child
            child.get_ready()
