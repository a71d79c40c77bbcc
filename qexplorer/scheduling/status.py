"""How a cluster is: its workers, what they have, and what they have done."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

from qexplorer.core.errors import ChildTimeout, InputError
from qexplorer.core.wire import Wire
from qexplorer.process.child import Emit
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child

__all__ = ["ClusterState", "ClusterWorker", "cluster_state"]

_MOST_S = 45.0


@dataclass(frozen=True, slots=True)
class ClusterWorker:
    """One worker process.

    Attributes:
        address: of it.
        machine: name of its machine.
        threads: tasks that it does beside each other.
        cores: processors that it may use.
        memory_bytes: of its machine, or container.
        done: tasks that it has done since it began.
        takes_timings: whether it gives its machine to a task that takes timings.
        problem: why it cannot be used; None: it can.
    """

    address: str
    machine: str
    threads: int
    cores: int
    memory_bytes: int
    done: int
    takes_timings: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterState(Wire):
    """A cluster at one moment.

    Attributes:
        address: of its scheduler.
        workers: by address.
    """

    address: str
    workers: tuple[ClusterWorker, ...]


def cluster_state(address: str) -> ClusterState:
    """How the cluster is; asked by a child, so that no connection stays in this process.

    Raises:
        InputError: ``distributed`` is not installed, or no scheduler answers there, or too slowly.
    """
    limits = replace(BASE, wall_s=_MOST_S)
    try:
        found = run_in_child("qexplorer.scheduling.status:look_in_child", {"address": address}, limits=limits)
    except ChildTimeout:
        what = f"what listens there did not answer as a Dask scheduler does within {_MOST_S:.0f} s"
        raise InputError(what, where=address, do="give the address that 'dask scheduler' prints") from None
    return ClusterState.from_json(found)


def look_in_child(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:  # noqa: ARG001 - it is soon done
    """The child's side of :func:`cluster_state`."""
    from qexplorer.scheduling import on_worker
    from qexplorer.scheduling.dask_scheduler import MACHINE, connected, told_apart

    address = arguments["address"]
    with contextlib.closing(connected(address)) as client:
        about = client.run(on_worker.about, on_error="return")
        known = client.scheduler_info()["workers"]
        workers = []
        for name, told in sorted(about.items()):
            has = told if isinstance(told, dict) else {}
            workers.append(
                ClusterWorker(
                    address=name,
                    machine=str(has.get("machine", known[name].get("host", ""))),
                    threads=int(known[name]["nthreads"]),
                    cores=int(has.get("cores", 0)),
                    memory_bytes=int(has.get("memory_bytes", 0)),
                    done=int(has.get("done", 0)),
                    takes_timings=bool(known[name].get("resources", {}).get(MACHINE)),
                    problem=told_apart({name: told}),
                )
            )
    return ClusterState(address, tuple(workers)).to_json()
