"""Who does the tasks of a sweep: a cluster where somebody named one, else this machine."""

from __future__ import annotations

from qexplorer.scheduling.chosen import chosen_cluster, cluster_address
from qexplorer.scheduling.dask_scheduler import DaskScheduler
from qexplorer.scheduling.local import LocalScheduler
from qexplorer.scheduling.scheduler import TaskScheduler

__all__ = ["open_scheduler"]


def open_scheduler(address: str | None = None) -> TaskScheduler:
    """The scheduler at an address.

    Args:
        address: of a Dask cluster; None: what was chosen (see ``chosen``), which is this machine by default.

    Raises:
        InputError: it is no address, it cannot be reached, or a worker runs another program.
    """
    named = chosen_cluster() if address is None else cluster_address(address)
    return LocalScheduler() if named is None else DaskScheduler(named)
