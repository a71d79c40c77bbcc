"""Transformers as PyTorch exports them: they load to what computes, and run in integers on every backend that is quick.

The whole matrix (families, exporters, operator sets, recipes, all backends) is ``benchmarks/transformers_matrix.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from benchmarks.transformer_families import CLASSES, LENGTH, WIDTH, export, inputs_of
from benchmarks.transformers_matrix import sqnr_db
from qexplorer.core.model import Model
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import BACKENDS, reference

N = 16
FLOOR_DB = 25.0
"""Of 8 bits throughout, two random blocks deep; what is wrong is far below."""
NEAR_DB = 25.0
"""Between a backend and the simulation, where single steps add up; 33 to 64 were seen."""
QUICK = [name for name in ("onnxruntime", "openvino", "torch") if BACKENDS.get(name).availability().available]


def loaded(family: str, folder: Path, *, opset: int = 17) -> Model:
    """The family's model with a free batch, exported and loaded."""
    return qx.load(export(family, "script", opset, folder / f"{family}.onnx"))


def data_of(family: str, folder: Path) -> Path:
    """Samples of the family's inputs, to calibrate and to judge."""
    path = folder / f"{family}.npz"
    calibration = {f"{name}_calibration": array for name, array in inputs_of(family, 4 * N, seed=2).items()}
    np.savez(path, **calibration, **inputs_of(family, N, seed=1))  # type: ignore[arg-type]
    return path


def test_only_what_computes_is_a_layer(tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """No shape arithmetic is left of a BERT with a free batch, views are no layers, and products are those by hand."""
    model = loaded("bert", tmp_path)
    ops = [layer.op for layer in model.layers]
    assert not {"Shape", "Range", "Concat", "Slice"} & set(ops)
    folded = {layer.op for layer in model.layers if not layer.computes}
    assert folded == {"Reshape", "Transpose", "Unsqueeze", "Cast", "Gather"}
    assert [layer.name for layer in model.computing_layers if layer.op == "Gather"] == ["/words/Gather"]
    block = 4 * WIDTH * WIDTH * LENGTH + 2 * WIDTH * 96 * LENGTH + 2 * LENGTH * LENGTH * WIDTH
    assert model.macs == 2 * block + WIDTH * WIDTH + WIDTH * CLASSES


@pytest.mark.parametrize("opset", [13, 21])
def test_operator_sets_come_to_the_same_products(opset: int, tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """Layers with weights and their cost do not depend on which operator set the exporter was asked for."""
    found = loaded("vit-plain", tmp_path, opset=opset)
    assert found.macs == 719_280
    assert sum(layer.weight is not None and layer.computes and bool(layer.macs) for layer in found.layers) == 14


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-dynamic"])
@pytest.mark.parametrize("family", ["bert", "vit", "gpt-sdpa"])
def test_it_runs_in_integers(family: str, recipe: str, tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """Answers are near those in float, each backend's near the simulation's, and products run on codes."""
    model = loaded(family, tmp_path)
    path = qx.quantize(model, recipe, data_of(family, tmp_path)).path
    feeds = inputs_of(family, N, seed=1)
    exact = reference().load(model.path, SessionOptions()).run(feeds)[0]
    simulated = reference().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)[0]
    for name in QUICK:
        session = BACKENDS.get(name).load(path, SessionOptions())
        found = session.run(feeds)[0]
        assert (sqnr_db(found, exact) or np.inf) > FLOOR_DB, name
        assert (sqnr_db(found, simulated) or np.inf) > NEAR_DB, name
        assert sum(session.kernels().integer.values()) >= (10 if recipe == "w8a8" or name != "openvino" else 0), name
