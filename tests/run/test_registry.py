"""Which backends there are, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from qexplorer.core.errors import BackendError, UnknownName
from qexplorer.run.later import LATER
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.registry import BACKENDS, REFERENCE, usable


def test_the_promised_names_are_listed_and_the_reference_works() -> None:
    """Every backend that the terminal promises is listed, the reference first, and the reference can be used."""
    promised = {"onnxruntime", "onnxruntime-cuda", "onnxruntime-tensorrt", "openvino", "torch", "litert", "tensorrt"}
    assert promised <= set(BACKENDS.names())
    assert BACKENDS.names()[0] == REFERENCE
    assert usable(REFERENCE).capabilities.simulates


@pytest.mark.parametrize("name", [later.name for later in LATER])
def test_a_later_backend_says_that_it_does_not_run_yet(name: str) -> None:
    """It is unavailable with its own reason, offers nothing to install, and loading through it raises that reason."""
    state = BACKENDS.get(name).availability()
    assert not state.available
    assert state.reason == f"this version of qexplorer does not run {BACKENDS.get(name).label} yet"
    assert state.enable is None
    with pytest.raises(BackendError, match="does not run"):
        usable(name)
    with pytest.raises(BackendError, match="does not run"):
        BACKENDS.get(name).load(Path("model.onnx"), SessionOptions())


def test_an_unknown_backend_is_answered_with_the_known_ones() -> None:
    """A misspelt name gets the nearest one offered."""
    with pytest.raises(UnknownName, match="did you mean 'onnxruntime'"):
        usable("onnxruntim")
