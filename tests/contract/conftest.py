"""What makes the contract tests quick for backends that convert or compile a model before they run it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def kept_conversions(
    request: pytest.FixtureRequest,
    session_workspace: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LiteRT and PyTorch convert here instead of in a child for each file; what they made once serves all tests."""
    given = getattr(getattr(request.node, "callspec", None), "params", {}).get("backend")
    backend = getattr(given, "name", None)  # None: a contract of something else
    if backend == "litert":
        from tests.run.litert_here import keep

        keep(session_workspace, monkeypatch)
    if backend == "torch-inductor":
        from tests.run import inductor_here

        inductor_here.keep(inductor_here.kept_folder(tmp_path_factory), monkeypatch)
