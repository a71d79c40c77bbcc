"""Which backends there are, and what is said of those that cannot be used."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import BackendError, UnknownName
from qexplorer.run.registry import BACKENDS, reference, usable


def test_the_promised_names_are_listed_and_the_reference_works() -> None:
    """Every backend that the terminal promises is listed, the reference first, and the reference can be used."""
    promised = {"onnxruntime", "onnxruntime-cuda", "onnxruntime-tensorrt", "openvino", "torch", "litert", "tensorrt"}
    assert promised <= set(BACKENDS.names())
    assert BACKENDS.names()[0] == reference().name
    assert [each.name for each in BACKENDS if each.facts.reference] == [reference().name]
    assert reference().capabilities.simulates


@pytest.mark.parametrize("name", [backend.name for backend in BACKENDS if not backend.availability().available])
def test_a_backend_that_cannot_be_used_says_why(name: str) -> None:
    """Asking for it raises its own reason, in which it or what it lacks is named."""
    reason = BACKENDS.get(name).availability().reason
    assert reason
    with pytest.raises(BackendError) as caught:
        usable(name)
    assert reason.rstrip(".") in caught.value.sentence


def test_an_unknown_backend_is_answered_with_the_known_ones() -> None:
    """A misspelt name gets the nearest one offered."""
    with pytest.raises(UnknownName, match="did you mean 'onnxruntime'"):
        usable("onnxruntim")
