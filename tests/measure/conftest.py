"""What tests of measuring share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qexplorer.core.model import Model
from qexplorer.measure.variant import Variant
from qexplorer.run.registry import BACKENDS
from tests.measure import trial_backends
from tests.measure.models import make_cnn, quantized

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A small CNN that takes any batch."""
    return make_cnn(tmp_path_factory.mktemp("cnn"))


@pytest.fixture(scope="session")
def int8(cnn: Model, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    """The same, quantized by ONNX Runtime's own quantizer."""
    return quantized(cnn, tmp_path_factory.mktemp("int8"))


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Backends that misbehave, registered here and in every child."""
    folder = Path(trial_backends.__file__).parent / "trials"
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([before] if before else [])]))
    trial_backends.register()
    yield
    for name in trial_backends.NAMES:
        del BACKENDS._entries[name]
