"""Each layer by itself: a right backend is within one step everywhere, a wrong one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.measure.alone import each_alone
from qexplorer.run.protocol import Mode, Session, SessionOptions
from qexplorer.run.registry import BACKENDS
from tests.measure.models import SHAPE, make_cnn
from tests.measure.models import quantized as quantize_by_onnxruntime

RIGHT = BACKENDS.get("onnxruntime")
FEEDS = {"x": np.random.default_rng(3).normal(size=(8, *SHAPE)).astype(np.float32)}


class Wrong:
    """A backend that runs another graph than it is given."""

    name, label, capabilities, availability = "wrong", "Wrong", RIGHT.capabilities, RIGHT.availability

    def __init__(self, change: Callable[[onnx.GraphProto], None]) -> None:
        self.change = change

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the changed graph."""
        assert options.mode is Mode.NATIVE
        model = onnx.load(str(path))
        self.change(model.graph)
        other = path.with_name(f"wrong-{path.name}")
        onnx.save(model, str(other))
        return RIGHT.load(other, options)


@pytest.fixture
def quantized(tmp_path: Path) -> Path:
    """A small residual CNN, quantized."""
    return quantize_by_onnxruntime(make_cnn(tmp_path), tmp_path).path


def test_a_right_backend_is_within_one_step_at_every_point(quantized: Path, tmp_path: Path) -> None:
    """Every rounding point of the graph is compared, and none is off by more than one step."""
    found = each_alone(quantized, RIGHT, RIGHT, FEEDS, threads=1, folder=tmp_path)
    ops = [node.op_type for node in onnx.load(str(quantized)).graph.node]
    assert found.right
    assert found.points == ops.count("QuantizeLinear")
    assert found.n == 8


def test_the_first_wrong_layer_is_named(quantized: Path, tmp_path: Path) -> None:
    """A backend that doubles one convolution is caught there, and not at the layers behind it that suffer from it."""

    def double(graph: onnx.GraphProto) -> None:
        node = next(n for n in graph.node if n.name == "conv2")
        index = next(i for i, n in enumerate(graph.node) if n.name == "conv2")
        extra = onnx.helper.make_node("Add", ["doubled", "doubled"], [node.output[0]], "twice")
        node.output[0] = "doubled"
        graph.node.insert(index + 1, extra)

    found = each_alone(quantized, Wrong(double), RIGHT, FEEDS, threads=1, folder=tmp_path)
    assert not found.right
    assert found.worst_steps > 1
    assert found.tensor == "c2"
