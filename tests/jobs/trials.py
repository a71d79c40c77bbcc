"""Brings the kinds of jobs that only tests need, with all their endings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qexplorer.jobs import manager
from qexplorer.jobs.kind import JOB_KINDS, AnyKind
from tests.contract.throw_away import bring

__all__ = ["brought", "trial"]


@contextmanager
def brought(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Joins the trial kinds to the package's, here and in children; at the end none of their jobs is running."""
    source = (Path(__file__).parent / "trial_kinds.py").read_text()
    folder = tmp_path / "brought"
    folder.mkdir()
    bring(monkeypatch, JOB_KINDS, "trial_kinds", source, folder)
    yield
    for job in manager.running():
        manager.cancel(job.id)


def trial(name: str) -> AnyKind:
    """The trial kind that does this."""
    return JOB_KINDS.get(f"trial_{name}")
