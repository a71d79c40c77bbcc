"""Real children for the job tests, with kinds of jobs that only tests need: their file is joined to the package's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qexplorer.jobs import manager
from qexplorer.jobs.kind import JOB_KINDS
from tests.contract.throw_away import bring


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Adds the trial kinds, and leaves none of their jobs running."""
    source = (Path(__file__).parent / "trial_kinds.py").read_text()
    folder = tmp_path / "brought"
    folder.mkdir()
    bring(monkeypatch, JOB_KINDS, "trial_kinds", source, folder)
    yield
    for job in manager.running():
        manager.cancel(job.id)
