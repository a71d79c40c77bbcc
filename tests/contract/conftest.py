"""What makes the contract tests quick for backends that convert a model before they run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qexplorer.run.protocol import Backend


@pytest.fixture(autouse=True)
def kept_conversions(backend: Backend, session_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteRT converts here instead of in a child for each file, and what it converted once serves all tests."""
    if backend.name == "litert":
        from tests.run.litert_here import keep

        keep(session_workspace, monkeypatch)
