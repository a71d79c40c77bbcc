"""Each layer by itself: a right backend is within one step everywhere, a wrong one is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.errors import BackendError
from qexplorer.measure.fidelity.alone import summary
from qexplorer.measure.fidelity.gate import Difference, verdict
from qexplorer.measure.fidelity.rounding_points import points_of
from qexplorer.measure.fidelity.single_points import Asked, each_alone, observe
from qexplorer.run.protocol import Mode, Session, SessionOptions
from qexplorer.run.registry import BACKENDS
from tests.measure.models import SHAPE, make_cnn
from tests.measure.models import quantized as quantize_by_onnxruntime

RIGHT = BACKENDS.get("onnxruntime")
FEEDS = {"x": np.random.default_rng(3).normal(size=(8, *SHAPE)).astype(np.float32)}


def asked(path: Path, backend: object, folder: Path) -> Asked:
    """The question about ``backend``, with the batch of this file."""
    return Asked(path, backend, RIGHT, [FEEDS], 1, folder, BACKENDS.get("torch"))  # type: ignore[arg-type]


Change = Callable[[onnx.GraphProto], None]


class Wrong:
    """A backend that runs another graph than it is given; ``shy``: only while nobody reads codes out."""

    name, label, capabilities, availability = "wrong", "Wrong", RIGHT.capabilities, RIGHT.availability

    def __init__(self, change: Change, shy: Callable[[set[str]], bool] = lambda _: False) -> None:
        self.change, self.shy = change, shy

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the changed graph."""
        assert options.mode is Mode.NATIVE
        model = onnx.load(str(path))
        if not self.shy({output.name for output in model.graph.output}):
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
    found = each_alone(asked(quantized, RIGHT, tmp_path))
    ops = [node.op_type for node in onnx.load(str(quantized)).graph.node]
    assert found.right
    assert found.points == ops.count("QuantizeLinear")
    assert found.n == 8


def double(graph: onnx.GraphProto) -> None:
    """Makes the second convolution give twice what it should."""
    index, node = next((i, n) for i, n in enumerate(graph.node) if n.name == "conv2")
    extra = onnx.helper.make_node("Add", ["doubled", "doubled"], [node.output[0]], "twice")
    node.output[0] = "doubled"
    graph.node.insert(index + 1, extra)


def unrounded(graph: onnx.GraphProto) -> None:
    """Leaves out the rounding between the second convolution and the sum, as a fused kernel does."""
    index, pair = next((i, n) for i, n in enumerate(graph.node) if n.op_type == "QuantizeLinear" and n.input[0] == "c2")
    sum_ = next(n for n in graph.node if n.name == "sum")
    values = next(n.output[0] for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] == pair.output[0])
    sum_.input[list(sum_.input).index(values)] = "c2"
    graph.node.insert(index, onnx.helper.make_node("Identity", ["c2"], ["nobody"], "nobody"))


def test_the_first_wrong_layer_is_named(quantized: Path, tmp_path: Path) -> None:
    """A backend that doubles one convolution is caught there, and not at the layers behind it that suffer from it."""
    found = each_alone(asked(quantized, Wrong(double), tmp_path))
    assert not found.right
    assert found.worst_steps > 1
    assert found.tensor == "c2"
    assert (found.parts, found.grows) == ("conv2", "conv2")


def test_some_samples_are_enough_to_be_right_and_all_are_judged_before_anything_is_wrong(
    quantized: Path, tmp_path: Path
) -> None:
    """The references are asked about 3 of 8 samples of a right backend, and about all 8 of a wrong one."""
    some = replace(asked(quantized, RIGHT, tmp_path), rows=[(0, 4, 7)])
    found = each_alone(some)
    assert found.right
    assert (found.n, found.sizes) == (3, (8,))
    wrong = each_alone(replace(some, backend=Wrong(double)))  # type: ignore[arg-type]
    assert (wrong.n, wrong.tensor) == (8, "c2")


def test_what_a_loaded_session_answered_is_not_asked_again(quantized: Path, tmp_path: Path) -> None:
    """The graph is loaded by nobody then; and answers that are not those of the graph are not taken for right."""
    loaded: list[str] = []

    class Loads(Wrong):
        def load(self, path: Path, options: SessionOptions) -> Session:
            loaded.append(path.name)
            return RIGHT.load(path, options)

    session = RIGHT.load(quantized, SessionOptions(Mode.NATIVE))
    plain = session.run(FEEDS)
    question = replace(asked(quantized, Loads(double), tmp_path), session=session, plain=[plain])
    assert each_alone(question) == each_alone(asked(quantized, RIGHT, tmp_path))
    assert quantized.name not in loaded
    assert not each_alone(replace(question, plain=[[plain[0] + 9]])).right


def test_samples_that_cannot_be_judged_apart_are_judged_together(quantized: Path, tmp_path: Path) -> None:
    """A graph whose batch is written into it is right on all samples of the batch."""
    model = onnx.load(str(quantized))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
    onnx.save(model, str(tmp_path / "fixed.onnx"))
    found = each_alone(replace(asked(tmp_path / "fixed.onnx", RIGHT, tmp_path), rows=[(0, 4, 7)]))
    assert found.right
    assert found.n == 8


def test_a_backend_that_is_right_only_while_looked_at_is_not_right(quantized: Path, tmp_path: Path) -> None:
    """Codes of a run whose answers changed much prove nothing about the run without looking."""
    shy = Wrong(double, shy=lambda outputs: outputs != {"y"})
    found = each_alone(asked(quantized, shy, tmp_path))
    assert not found.conclusive
    assert not found.right
    off = Difference(8, 8, 8, 9.0, None, exact=False)
    said = verdict([off], found) or ""
    assert "output 'y' is not what the layers make of it, with a step granted to each of the 7 roundings" in said
    assert "cannot be told, because it answers otherwise" in said


def test_a_rounding_that_is_fused_away_is_blind_and_the_rest_is_seen(quantized: Path, tmp_path: Path) -> None:
    """Where reading one tensor changes the answers, every other point is still compared with codes that count."""
    codes = next(p.codes for p in points_of(onnx.load(str(quantized)).graph) if p.tensor == "c2")
    fusing = Wrong(unrounded, shy=lambda outputs: codes in outputs)
    seen = observe(asked(quantized, fusing, tmp_path), thorough=True)
    assert not seen.disturbed
    assert seen.conclusive
    assert len(seen.found) == seen.points - 1
    assert "c2" not in {point.tensor for point in seen.found}
    behind = next(point for point in seen.found if point.layer == "sum")
    assert behind.allowed == 2
    assert behind.alone_share > 0
    assert summary(seen).blind == 1


def test_a_backend_that_cannot_tell_codes_is_not_conclusive(quantized: Path, tmp_path: Path) -> None:
    """Where no graph with further outputs can be run, no point is compared and nothing is claimed."""

    class Mute(Wrong):
        def load(self, path: Path, options: SessionOptions) -> Session:
            if len(onnx.load(str(path)).graph.output) > 1:
                raise BackendError("one output only")
            return super().load(path, options)

    found = each_alone(asked(quantized, Mute(lambda _: None), tmp_path))
    assert (found.points, found.conclusive, found.right) == (0, False, False)


def test_points_know_their_layer_and_where_they_lead(quantized: Path) -> None:
    """A point is named by the layer that made its tensor, and knows whether a sum of two activations reads it."""
    points = {p.tensor: p for p in points_of(onnx.load(str(quantized)).graph)}
    assert (points["x"].layer, points["x"].op) == ("x", "input")
    assert (points["c2"].layer, points["c2"].op, points["c2"].joins) == ("conv2", "Conv", True)
    assert not points["x"].joins
