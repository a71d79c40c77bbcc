"""Models that every backend runs, and what makes that quick for backends that convert or compile before they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from qexplorer.core.model import Model
from qexplorer.measure.variant import Variant
from tests.measure.models import make_cnn, quantized


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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A small CNN that takes any batch."""
    return make_cnn(tmp_path_factory.mktemp("cnn"))


@pytest.fixture(scope="module")
def variants(model: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Variant]:
    """The same, quantized: with signed activations and with unsigned ones."""
    return {signed: quantized(model, tmp_path_factory.mktemp("int8"), signed=signed) for signed in (True, False)}
