"""The job that sweeps: it keeps its result under what it was asked for, and cancelling ends it."""

from __future__ import annotations

import time
from typing import Any

from qexplorer.jobs import manager
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.jobs.work_sweep import kept_sweep
from qexplorer.measure.kept import kept_path, write_kept

ORDER: dict[str, Any] = {
    "model": "tumour_mlp",
    "data": "tumour",
    "preprocessing": None,
    "recipes": ["w8a8"],
    "backend": "onnxruntime",
    "effort": "quick",
}


def ended(order: dict[str, Any]) -> JobState:
    """A sweep after its end."""
    job_id = manager.submit("sweep", order)
    end = time.monotonic() + 240
    while manager.state(job_id).is_running:
        assert time.monotonic() < end, "the job does not end"
        time.sleep(0.1)
    return manager.state(job_id)


def test_a_sweep_is_kept_under_its_order() -> None:
    """It runs in a process of its own, keeps every cell, and another order has nothing."""
    assert kept_sweep(ORDER) is None
    job = ended(ORDER)
    assert job.error is None
    found = kept_sweep(ORDER)
    assert found is not None
    assert [name for _, name in found.variants] == ["float", "w8a8"]
    assert job.result == {"cells": sum(cell.p50_ms is not None for cell in found.cells)}
    assert len(job.partial) == len(found.cells) == 2 * len(found.batches) * len(found.threads)
    assert kept_sweep({**ORDER, "effort": "standard"}) is None


def test_a_sweep_can_be_cancelled() -> None:
    """A cancelled sweep leaves no process and no result."""
    job_id = manager.submit("sweep", ORDER)
    assert manager.cancel(job_id).status is JobStatus.CANCELLED
    assert kept_sweep(ORDER) is None


def test_a_result_of_another_version_is_none() -> None:
    """What cannot be read back is as if it were not there."""
    write_kept(kept_path("sweeps", ORDER), {"variants": []})
    assert kept_sweep(ORDER) is None
