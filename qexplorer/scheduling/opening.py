"""Who does the tasks of a sweep: this machine."""

from __future__ import annotations

from qexplorer.core.errors import InputError
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.scheduler import TaskScheduler

__all__ = ["open_scheduler"]


def open_scheduler(address: str | None = None) -> TaskScheduler:
    """The scheduler at an address; None: this machine.

    Raises:
        InputError: it cannot be reached.
    """
    if address is None:
        return LocalScheduler()
    raise InputError("tasks can be done on this machine alone", where=address)
