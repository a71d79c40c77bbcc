"""LiteRT: the sample models against the simulation, and the grids in the files that it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import qexplorer as qx
from qexplorer.core.dataset import Array
from qexplorer.measure.fidelity.batches import OneByOne
from qexplorer.measure.fidelity.gate import differences, explained, verdict
from qexplorer.measure.fidelity.single_points import Asked, each_alone
from qexplorer.measure.judging import judge_variant
from qexplorer.measure.scratch import keep_samples
from qexplorer.measure.variant import quantized_variant, subject_of
from qexplorer.run.litert.backend import LiteRt
from qexplorer.run.litert.rewrite.weights import codes_of
from qexplorer.run.litert.tflite_file import Tensor, operators, weight_key
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions
from tests.run.litert_here import HERE, file_of, keep, session_of
from tests.run.small_transformer import SmallTransformer

SAMPLES = {"digits_cnn": "digits", "glyphs_mobilenet": "glyphs", "tumour_mlp": "tumour"}
N = 32

pytestmark = pytest.mark.skipif(not HERE, reason="litert is not installed")


@pytest.fixture(autouse=True)
def kept(shared_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was converted once serves all tests."""
    keep(shared_workspace, monkeypatch)


def inputs_of(name: str) -> dict[str, Array]:
    """The first samples of a model's own data, by the model's input name."""
    (array,) = qx.data(SAMPLES[name]).evaluation.inputs.values()
    return {qx.load(name).inputs[0].name: np.ascontiguousarray(array[:N])}


def tensors(content: bytes) -> list[Tensor]:
    """Every tensor that an operator of a file reads or makes."""
    return list({t.name: t for op in operators(content) for t in (*op.inputs, *op.outputs)}.values())


CASES = [(name, "w8a8") for name in SAMPLES]
CASES += [("digits_cnn", recipe) for recipe in ("w4a8", "w8a8-sym", "w8a16-sym", "w8a8-dynamic")]
CASES += [("tumour_mlp", recipe) for recipe in ("w8a16", "w8", "w4", "w4-b32", "fp16", "w8a8-dynamic")]


@pytest.mark.parametrize(("name", "recipe"), CASES)
def test_samples_pass_the_gate(name: str, recipe: str, tmp_path: Path) -> None:
    """A sample model, quantized, answers as the simulation does at every batch size; dynamic, as each sample alone."""
    made, feeds = qx.quantize(qx.load(name), recipe), inputs_of(name)
    session, alone = session_of(made.path), None
    reference = OnnxRuntimeCpu().load(made.path, SessionOptions(Mode.SIMULATED))
    if recipe.endswith("dynamic"):
        reference = OneByOne(reference)
    found = []
    for batch in (1, 8, N):
        given = {key: np.ascontiguousarray(value[:batch]) for key, value in feeds.items()}
        ours, theirs = session.run(given), reference.run(given)
        scales = dict(made.output_scales)
        found.append(differences(ours, theirs, session.output_names, scales, batch=batch, n=batch))
    if not all(map(explained, found)):
        batches = [feeds]
        if recipe.endswith("dynamic"):
            batches = [{key: value[i : i + 1] for key, value in feeds.items()} for i in range(N)]
        alone = each_alone(Asked(made.path, LiteRt(), OnnxRuntimeCpu(), batches, 1, tmp_path))
    assert verdict(found, alone) is None


def test_a_transformer_passes_the_gate(tmp_path: Path) -> None:
    """Its layers and attention products work on codes, the softmax between them in float, and it says so."""
    torch.manual_seed(2)
    inputs = np.random.default_rng(0).normal(size=(N, 12, 16)).astype(np.float32)
    np.savez(tmp_path / "tokens.npz", x=inputs)
    model = qx.load(SmallTransformer(16).eval(), torch.from_numpy(inputs[:2]), name="transformer")
    made = qx.quantize(model, "w8a8", qx.data(tmp_path / "tokens.npz"))
    session, feeds = session_of(made.path), {model.inputs[0].name: inputs}
    expected = OnnxRuntimeCpu().load(made.path, SessionOptions(Mode.SIMULATED)).run(feeds)
    scales = dict(made.output_scales)
    found = differences(session.run(feeds), expected, session.output_names, scales, batch=N, n=N)
    assert verdict([found]) is None
    assert session.kernels().integer["FULLY_CONNECTED"] == 5
    assert session.kernels().integer["BATCH_MATMUL"] == 2
    assert any("Softmax" in sentence for sentence in session.notes)


def test_layers_of_samples_are_integer() -> None:
    """Nothing but rounding the input and undoing it at the output works on floats."""
    kernels = session_of(qx.quantize(qx.load("glyphs_mobilenet"), "w8a8").path).kernels()
    assert not kernels.float
    assert kernels.other["QUANTIZE"] == kernels.other["DEQUANTIZE"] == 1
    assert kernels.integer["CONV_2D"] + kernels.integer["DEPTHWISE_CONV_2D"] == 25


@pytest.mark.parametrize("recipe", ["w8a8", "w4a8"])
def test_grids_and_codes_are_those_of_the_graph(recipe: str) -> None:
    """Scales are the same float32 numbers, zero points differ by 128, weight codes not at all."""
    path = qx.quantize(qx.load("digits_cnn"), recipe).path
    graph = onnx.load(str(path)).graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    grids, weights = set(), set()
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero = (constants[name] for name in node.input[1:])
            grids.add((float(scale), int(zero) - 128))
        elif node.op_type == "DequantizeLinear" and constants.get(node.input[0], np.zeros(0)).dtype == np.int8:
            weights.add(weight_key(constants[node.input[0]], constants[node.input[1]].reshape(-1)))
    stored = tensors(file_of(session_of(path)))
    assert {(float(t.scales[0]), int(t.zero_points[0])) for t in stored if t.scales.size == 1} <= grids
    computed = [t for t in stored if t.values is None and t.scales.size]
    assert {(float(t.scales[0]), int(t.zero_points[0])) for t in computed} == grids
    constant = [t for t in stored if t.values is not None and t.dtype in ("int8", "int4")]
    assert {weight_key(t.values, t.scales) for t in constant if t.values is not None} == weights
    assert len(weights) == 12


def test_four_bit_weights_are_stored_in_four_bits_where_that_is_quick() -> None:
    """Those of fully connected layers; convolutions have no quick kernel for it and carry the codes in 8 bits."""
    session = session_of(qx.quantize(qx.load("digits_cnn"), "w4a8").path)
    by_layer = {(op.name, op.inputs[1].dtype) for op in operators(file_of(session)) if len(op.inputs) == 3}
    assert by_layer == {("CONV_2D", "int8"), ("FULLY_CONNECTED", "int4"), ("DEPTHWISE_CONV_2D", "int8")}
    assert session.kernels().integer["FULLY_CONNECTED (int4 weights)"] == 1


def test_codes_of_scales_below_zero_are_turned_over() -> None:
    """LiteRT's scales are above zero: values stay, and 8 bits are taken where -8 became 8."""
    codes, scale = np.array([[-8, 7], [-7, 3]], np.int8), np.array([-0.5, 0.25], np.float32)
    found = codes_of(codes, scale, None, 0)
    assert found is not None
    assert (found.scales.tolist(), found.bits) == ([0.5, 0.25], 8)
    assert found.values.tolist() == [[4.0, -3.5], [-1.75, 0.75]]
    plain = codes_of(codes, np.abs(scale), None, 0)
    assert plain is not None
    assert plain.bits == 4


def test_dynamic_layers_read_floats_and_integer_weights() -> None:
    """They quantize what they read themselves, and it is said that they do it by rows."""
    session = session_of(qx.quantize(qx.load("tumour_mlp"), "w8a8-dynamic").path)
    assert session.kernels().integer == {"FULLY_CONNECTED (dynamic)": 3}
    assert any("row by row" in sentence for sentence in session.notes)


def test_one_file_serves_every_batch() -> None:
    """A network whose samples do not know of each other is converted once."""
    session, feeds = session_of(qx.load("tumour_mlp").path), inputs_of("tumour_mlp")
    whole = session.run(feeds)[0]
    parts = [session.run({key: value[i : i + 1] for key, value in feeds.items()})[0] for i in range(N)]
    assert len(session._files) == 1
    assert np.allclose(whole, np.concatenate(parts), rtol=1e-5, atol=1e-5)


def test_a_child_process_judges_what_another_converts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the app nothing is loaded beforehand: the judging child lets a child of its own convert."""
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "fresh"))
    model, data = qx.load("tumour_mlp"), qx.data("tumour")
    subject = subject_of(model, data, N)
    variant = quantized_variant(qx.quantize(model, "w8a8"))
    found: Any = judge_variant(variant, "litert", subject, keep_samples(tmp_path, subject.inputs))
    assert (found.failed, found.refused) == (None, None)
    assert found.kernels.integer == {"FULLY_CONNECTED": 3}
    assert found.fidelity.argmax_agreement == 1
