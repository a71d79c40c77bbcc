"""Who does tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from qexplorer.scheduling.task import SweepTask, TaskEnd

__all__ = ["TaskScheduler", "Told"]

Told = Callable[[TaskEnd], None]
"""Told how a task ended; from any thread."""


class TaskScheduler(Protocol):
    """Does tasks somewhere, several beside each other. Made for one sweep."""

    @property
    def places(self) -> int:
        """How many tasks it does beside each other now, at least 1."""
        ...

    @property
    def takes_timings(self) -> bool:
        """Whether it takes exclusive tasks: whether somebody gives a machine to them."""
        ...

    def start(self, task: SweepTask, told: Told) -> None:
        """Takes a task and returns at once; ``told`` hears exactly once how it ended, unless all is closed before.

        Raises:
            QExplorerError: it cannot be taken.
        """
        ...

    def look(self) -> None:
        """Raises QExplorerError if nothing can go on any more."""
        ...

    def close(self) -> None:
        """Ends what is not done, and lets go of everything."""
        ...
