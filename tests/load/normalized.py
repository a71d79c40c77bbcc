"""A hand-built graph, loaded: what the tests of normalization look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from qexplorer.core.model import Model
from qexplorer.load.child import load_file
from tests.load.model_graphs import run, saved


def load(proto: onnx.ModelProto, tmp_path: Path) -> tuple[Model, onnx.ModelProto]:
    """The model and the normalized graph."""
    path, out = saved(proto, tmp_path), tmp_path / "normalized.onnx"
    arguments = {"path": str(path), "out": str(out), "name": "m", "where": "m", "folder": None}
    found = load_file(arguments, lambda _: None)
    return Model.from_json(found["model"]), onnx.load(out)


def operators(proto: onnx.ModelProto) -> list[str]:
    """Operator types in execution order."""
    return [node.op_type for node in proto.graph.node]


def same(before: onnx.ModelProto, after: onnx.ModelProto, **feeds: np.ndarray) -> None:
    """Asserts that both compute the same."""
    for a, b in zip(run(before, **feeds), run(after, **feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
