"""The job that sweeps: it keeps its result under what it was asked for, and cancelling ends it."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.jobs import manager
from qexplorer.jobs.kinds.sweep import SWEEP, SweepOrder, SweepPartial, SweepResult, kept_sweep, sweep, sweep_path
from qexplorer.jobs.manager import JobStatus
from qexplorer.jobs.report import Report
from qexplorer.measure.kept import write_kept
from qexplorer.measure.timing.sweep_types import Sweep
from tests.jobs.orders import DATA, MODEL, finished
from tests.measure.timing.test_sweep import SWEPT

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


def test_cells_without_numbers_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept comes back whole; how many cells are known is told as it goes."""
    told: list[dict[str, Any]] = []

    def measured(*_args: object, tell: Any, **_more: object) -> Sweep:
        tell("timing", 0.5, SWEPT.cells[:2])
        return SWEPT

    monkeypatch.setattr("qexplorer.measure.timing.sweep.sweep", measured)
    monkeypatch.setattr("qexplorer.jobs.kinds.sweep.load_both", lambda *_: ("model", "data"))
    report = Report("trial-0123456789ab", told.append, SweepPartial)
    assert sweep(ORDER, report) == SweepResult(sum(cell.p50_ms is not None for cell in SWEPT.cells))
    assert sweep(ORDER, report).cells < len(SWEPT.cells)
    assert kept_sweep(ORDER) == SWEPT
    assert [each["value"] for each in told if each["event"] == "partial"] == [{"cells": 2}] * 2
