"""Real children for the job tests, with work that only tests need: the child finds it in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs.trial_registry import TRIALS, brought


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Adds kinds of job that only tests need, and leaves none running."""
    with brought(TRIALS / "kinds", TRIALS, monkeypatch):
        yield
