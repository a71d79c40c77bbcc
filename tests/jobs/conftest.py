"""Real children for the job tests, with kinds of jobs that only tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.trials import brought


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Adds the trial kinds, and leaves none of their jobs running."""
    with brought(monkeypatch, tmp_path):
        yield
