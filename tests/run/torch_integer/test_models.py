"""Whole sample models on the PyTorch integer backend: every code of every tensor is the exact oracle's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import qexplorer as qx
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import reference
from qexplorer.run.torch_integer import TORCH
from tests.run.qdq_layers import Values
from tests.run.qdq_oracle import Oracle, telling_codes

MODELS = {"digits_cnn": "digits", "glyphs_mobilenet": "glyphs", "tumour_mlp": "tumour"}
INTEGER = ("w8a8", "w8a8-sym", "w8a8-tensor", "w4a8-asym", "w6a5")
OTHERS = ("w8a16", "w8", "w4-b32", "fp16", "bf16", "w8a8-dynamic")
N = 12

pytestmark = pytest.mark.usefixtures("shared_workspace")


def samples(name: str) -> dict[str, Values]:
    """The first samples of a model's own data, by the model's input name."""
    (array,) = qx.data(MODELS[name]).evaluation.inputs.values()
    return {qx.load(name).inputs[0].name: np.ascontiguousarray(array[:N])}


@pytest.mark.parametrize("recipe", INTEGER)
@pytest.mark.parametrize("name", MODELS)
def test_every_code_of_a_sample_model_is_the_oracle_s(name: str, recipe: str, tmp_path: Path) -> None:
    """All codes and all int32 sums of a whole model equal those of the NumPy reference, element for element."""
    feeds = samples(name)
    model, points = telling_codes(onnx.load(str(qx.quantize(name, recipe).path)))
    onnx.save(model, str(tmp_path / "telling.onnx"))
    session, oracle = TORCH.load(tmp_path / "telling.onnx", SessionOptions()), Oracle(model)
    found = dict(zip(session.output_names, session.run(feeds), strict=True))
    expected = oracle(feeds)
    assert not session.kernels().float
    assert len(points) >= 4
    assert [p for p in points if not np.array_equal(found[p], expected[p])] == []
    ranges = session.accumulator_ranges(feeds)
    assert ranges == {layer: (sums.min(), sums.max()) for layer, sums in oracle.sums.items()}
    last = next(reversed(ranges))
    assert np.array_equal(session.accumulators(feeds, last), oracle.sums[last])


@pytest.mark.parametrize("recipe", OTHERS)
@pytest.mark.parametrize("name", MODELS)
def test_recipes_beyond_8_bits_run_as_the_reference_simulates_them(name: str, recipe: str) -> None:
    """What is not integer here runs in float as written, and answers as ONNX Runtime's simulation does."""
    feeds, path = samples(name), qx.quantize(name, recipe).path
    found = TORCH.load(path, SessionOptions()).run(feeds)[0]
    expected = reference().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)[0]
    allowed = {"fp16": 5e-3, "bf16": 5e-2, "w8a16": 1e-3}.get(recipe, 1e-4)
    assert found.dtype == expected.dtype
    assert np.abs(found - expected).max() <= allowed * np.abs(expected).max()


def test_dynamic_layers_sum_in_integers() -> None:
    """Layers that find their ranges as they run are MatMulInteger and ConvInteger here too."""
    kernels = TORCH.load(qx.quantize("digits_cnn", "w8a8-dynamic").path, SessionOptions()).kernels()
    assert kernels.integer["ConvInteger"] >= 4
    assert kernels.integer["MatMulInteger"] == 1
