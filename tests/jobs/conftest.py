"""Real children for the job tests, with work that only tests need: the child finds it on an extra package path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qexplorer.jobs import manager

TRIALS = Path(__file__).parent / "trials"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Adds kinds of job that only tests need, and leaves none running."""
    monkeypatch.setenv("PYTHONPATH", f"{TRIALS}{os.pathsep}{ROOT}")
    for name in ("report", "wait", "crash", "refuse", "family", "orphan"):
        monkeypatch.setitem(manager.KINDS, name, (f"qexplorer.job_trials:{name}", 0))
    yield
    for job in manager.running():
        manager.cancel(job.id)
