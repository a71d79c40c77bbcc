"""What every test shares: a workspace of its own, no telemetry, short timing, a hypothesis profile without a clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from qexplorer.measure.effort import PLANS, Effort, TimingPlan

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # these processes share the processors; OpenMP's threads spin while they wait
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "local", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session", autouse=True)
def session_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The workspace of module- and session-scoped fixtures: slow things are built here once and never changed."""
    folder = tmp_path_factory.mktemp("session_workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QEXPLORER_WORKSPACE", str(folder))
        patch.setenv("QEXPLORER_PLACES", str(tmp_path_factory.mktemp("places")))  # nobody waits for other programs
        yield folder


@pytest.fixture(scope="session", autouse=True)
def short_timing() -> Iterator[None]:
    """Comparisons in this process time for a tenth of a second: through every step, too short to mean anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PLANS, Effort.QUICK, TimingPlan(0.05, 2.0, 6, 6, 1.0, 0.02, 0.1, 6, 3.0, 0.1))
        yield


@pytest.fixture(autouse=True)
def workspace_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh workspace for every test, so that no test sees what another left and nothing reaches the user's own."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def shared_workspace(workspace_folder: Path, session_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Instead of a fresh one, the session's workspace: for tests that only read what is slow to build."""
    assert workspace_folder != session_workspace, "this fixture must come after the one that it overrides"
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(session_workspace))
    return session_workspace
