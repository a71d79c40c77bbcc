"""What the tests of sweeps share: children find the work in ``trials``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qexplorer.scheduling.task import SweepTask

TRIALS = Path(__file__).parent / "trials"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets children find the work in ``trials``."""
    rest = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TRIALS), str(ROOT), *([rest] if rest else [])]))


@pytest.fixture
def trial() -> Callable[..., SweepTask]:
    """A task of the trials by its name, with its order as keywords."""

    def made(name: str, inputs: dict[str, Any] | None = None, *, exclusive: bool = False, **order: Any) -> SweepTask:
        return SweepTask(f"qexplorer.task_trials:{name}", order, inputs or {}, exclusive=exclusive)

    return made


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder in which trials note that they ran."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder
