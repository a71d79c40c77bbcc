"""The job that sweeps: it keeps its result under what it was asked for, and cancelling ends it."""

from __future__ import annotations

from qexplorer.jobs import manager
from qexplorer.jobs.kinds.sweep import SWEEP, SweepOrder, SweepPartial, SweepResult, kept_sweep, sweep_path
from qexplorer.jobs.manager import JobStatus
from qexplorer.measure.kept import write_kept
from tests.jobs.orders import DATA, MODEL, finished

ORDER = SweepOrder(model=MODEL, data=DATA, recipes=("w8a8",), backend="onnxruntime")


def test_a_sweep_is_kept_under_its_order() -> None:
    """It runs in a process of its own, keeps every cell, and another order has nothing."""
    assert kept_sweep(ORDER) is None
    job = finished(SWEEP, ORDER)
    assert job.error is None
    found = kept_sweep(ORDER)
    assert found is not None
    assert [name for _, name in found.variants] == ["float", "w8a8"]
    assert SWEEP.result_of(job) == SweepResult(sum(cell.p50_ms is not None for cell in found.cells))
    assert SWEEP.partial_of(job) == SweepPartial(len(found.cells))
    assert len(found.cells) == 2 * len(found.batches) * len(found.threads)
    assert kept_sweep(ORDER.model_copy(update={"effort": "standard"})) is None


def test_a_sweep_can_be_cancelled() -> None:
    """A cancelled sweep leaves no process and no result."""
    job_id = manager.submit(SWEEP, ORDER)
    assert manager.cancel(job_id).status is JobStatus.CANCELLED
    assert kept_sweep(ORDER) is None


def test_a_result_of_another_version_is_none() -> None:
    """What cannot be read back is as if it were not there."""
    write_kept(sweep_path(ORDER), {"variants": []})
    assert kept_sweep(ORDER) is None
