"""Orders of the smallest sample, and jobs waited for."""

from __future__ import annotations

import time

from qexplorer.jobs import manager
from qexplorer.jobs.kind import AnyKind
from qexplorer.jobs.manager import JobState
from qexplorer.jobs.orders import Order
from qexplorer.jobs.references import DataRef, ModelRef

__all__ = ["DATA", "MODEL", "finished", "waited_for"]

MODEL, DATA = ModelRef(sample="tumour_mlp"), DataRef(sample="tumour")


def finished(kind: AnyKind, order: Order, seconds: float = 240.0) -> JobState:
    """The state of a job with this order after its end."""
    return waited_for(manager.submit(kind, order), seconds)


def waited_for(job_id: str, seconds: float = 240.0) -> JobState:
    """The state of this job after its end."""
    end = time.monotonic() + seconds
    while manager.state(job_id).is_running:
        assert time.monotonic() < end, "the job does not end"
        time.sleep(0.05)
    return manager.state(job_id)
