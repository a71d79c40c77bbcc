"""The sample models on every backend that can be used here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.load.samples.shelf import list_samples
from qexplorer.measure.fidelity.gate import differences
from qexplorer.measure.variant import quantized_variant
from qexplorer.run.protocol import Backend, Mode, SessionOptions
from qexplorer.run.registry import reference
from tests.contract.here import HERE

TRANSFORMERS = {"digits_vit", "text_lm"}
"""Between their integer products they compute in float, so answers are near the simulation's, and not steps away."""
SAMPLES = {each.name: each.data for each in list_samples() if each.trained and each.name not in TRANSFORMERS}
PRESENT = {each.name: each.data for each in list_samples() if each.name in TRANSFORMERS}
N = 32


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("backend", HERE, ids=[backend.name for backend in HERE])
def test_a_quantized_sample_answers_as_simulated(backend: Backend, name: str, shared_workspace: Path) -> None:  # noqa: ARG001
    """All samples but one at most get the class that the simulation names, and the answers are single steps apart.

    Deep graphs add single steps up, so not every answer is within one; which layers are wrong is the gate's affair.
    """
    signed = backend.capabilities.activation_formats == {"int8"}
    made = quantized_variant(qx.quantize(name, "w8a8-sym" if signed else "w8a8"))
    (array,) = qx.data(SAMPLES[name]).evaluation.inputs.values()
    feeds = {qx.load(name).inputs[0].name: np.ascontiguousarray(array[:N])}
    session = backend.load(made.path, SessionOptions(Mode.NATIVE))
    simulated = reference().load(made.path, SessionOptions(Mode.SIMULATED))
    names = list(session.output_names)
    off = differences(session.run(feeds), simulated.run(feeds), names, made.output_scales, batch=N, n=N)
    assert off.same_classes is not None
    assert off.same_classes >= N - 1
    assert off.max_lsb is not None
    assert off.max_lsb <= 4
    assert off.within_one >= 0.85 * off.elements
    assert sum(session.kernels().integer.values()) >= 3 or backend.name == "onnxruntime-tensorrt"
    assert all(isinstance(note, str) and note for note in session.notes)


@pytest.mark.parametrize("name", PRESENT)
@pytest.mark.parametrize("backend", HERE, ids=[backend.name for backend in HERE])
def test_a_transformer_answers_nearly_as_simulated(backend: Backend, name: str, shared_workspace: Path) -> None:  # noqa: ARG001
    """In float as ONNX Runtime, and quantized within a thirtieth of the simulation's power, on integer kernels."""
    signed = backend.capabilities.activation_formats == {"int8"}
    made = quantized_variant(qx.quantize(name, "w8a8-sym" if signed else "w8a8"))
    model = qx.load(name)
    (array,) = qx.data(PRESENT[name]).evaluation.inputs.values()
    feeds = {model.inputs[0].name: np.ascontiguousarray(array[:N]).astype(model.inputs[0].dtype)}
    if backend.capabilities.prepares is None:  # who compiles for seconds does it once
        exact = reference().load(model.path, SessionOptions(Mode.NATIVE)).run(feeds)[0]
        assert backend.load(model.path, SessionOptions(Mode.NATIVE)).run(feeds)[0] == pytest.approx(exact, abs=2e-3)
    simulated = reference().load(made.path, SessionOptions(Mode.SIMULATED)).run(feeds)[0]
    session = backend.load(made.path, SessionOptions(Mode.NATIVE))
    assert np.square(session.run(feeds)[0] - simulated).sum() <= np.square(simulated).sum() / 30
    assert sum(session.kernels().integer.values()) >= 3 or backend.name == "onnxruntime-tensorrt"
