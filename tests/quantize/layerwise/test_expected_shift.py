"""Expected inputs: the mean of clipped normal numbers, and the shift that a weight's error makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.graph.index import index_of
from qexplorer.quantize.layerwise.expected_shift import clipped_mean, expected_inputs, shift_of
from qexplorer.quantize.layerwise.matrices import matrix_of
from tests.quantize.given_data import given
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run


@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (0.0, 6.0), (-1.0, 1.0), (-np.inf, 0.5)])
def test_the_mean_of_clipped_normal_numbers(low: float, high: float) -> None:
    """The closed form agrees with two million draws of several means and deviations."""
    mean, deviation = np.array([-2.0, 0.0, 0.7, 5.0]), np.array([0.5, 1.0, 3.0, 1.5])
    drawn = mean[:, None] + deviation[:, None] * np.random.default_rng(0).normal(size=(4, 500_000))
    wanted = np.clip(drawn, low, high).mean(1)
    np.testing.assert_allclose(clipped_mean(mean, deviation, low, high), wanted, atol=0.01)


def test_behind_a_relu_the_expected_input_is_that_of_a_clipped_normal(shared_workspace: Path) -> None:
    """From moments in front of the Relu; from a batch normalization without data; elsewhere what was observed."""
    del shared_workspace
    b = Builder(2)
    x = b.input("x", ("n", 4, 6, 6))
    gamma, beta = np.array([0.5, -1, 2, 1], np.float32), np.array([0.3, 1, -1, 0], np.float32)
    h = b.node("Sigmoid", x)
    norm = b.node("BatchNormalization", h, b.constant(gamma), b.constant(beta), b.normal(4), b.constant(gamma * gamma))
    first = b.node("Conv", b.node("Relu", norm), b.normal(4, 4, 1, 1), name="first")
    second = b.node("Conv", b.node("Relu", first), b.normal(5, 4, 3, 3), name="second", pads=[1] * 4)
    b.output(second, 4)
    model = model_of(b.model(), "bn")
    view = index_of(model)
    samples = np.random.default_rng(1).normal(size=(64, 4, 6, 6)).astype(np.float32)
    layers = [(n, m) for n in ("first", "second") if not isinstance(m := matrix_of(view.nodes[n], view), str)]
    found = expected_inputs(model, view, given({"x": samples}).calibration, layers, lambda _: None)
    assert found["second"].by == "the clipped normal of what was observed"
    assert found["first"].by == "its batch normalization"
    wanted = clipped_mean(beta.astype(float), np.abs(gamma).astype(float), 0.0, np.inf)
    np.testing.assert_allclose(found["first"].mean, wanted, rtol=1e-6)


def _clip(b: Builder, h: str, low: float | None, high: float | None) -> str:
    bounds = ["" if each is None else b.constant(np.float32(each)) for each in (low, high)]
    return str(b.node("Clip", h, *bounds))


def _computed(b: Builder, h: str) -> str:
    return str(b.node("Clip", h, b.constant(np.float32(0)), b.node("ReduceMax", h, keepdims=0)))


def _pooled(b: Builder, h: str, op: str) -> str:
    return str(b.node(op, b.node("Relu", h), kernel_shape=[2, 2]))


BETWEEN: dict[str, tuple[Callable[[Builder, str], str], tuple[float, float] | None]] = {
    "relu": (lambda b, h: str(b.node("Relu", h)), (0.0, np.inf)),
    "clip": (lambda b, h: _clip(b, h, 0.0, 0.5), (0.0, 0.5)),
    "clip to both sides": (lambda b, h: _clip(b, h, -0.25, 0.5), (-0.25, 0.5)),
    "clip above": (lambda b, h: _clip(b, h, None, 0.25), (-np.inf, 0.25)),
    "clip below": (lambda b, h: _clip(b, h, -0.1, None), (-0.1, np.inf)),
    "clip nowhere": (lambda b, h: _clip(b, h, None, None), None),
    "clip at what is computed": (_computed, None),
    "mean of places": (lambda b, h: _pooled(b, h, "AveragePool"), (0.0, np.inf)),
    "mean of all": (lambda b, h: str(b.node("GlobalAveragePool", b.node("Relu", h))), (0.0, np.inf)),
    "largest of places": (lambda b, h: _pooled(b, h, "MaxPool"), None),
    "sigmoid": (lambda b, h: str(b.node("Sigmoid", h)), None),
}
"""What stands between two convolutions, and between which bounds what the second reads is a clipped normal."""


@pytest.mark.parametrize(
    ("case", "flat"), [(case, flat) for case in BETWEEN for flat in (False, True) if not (flat and " of " in case)]
)
def test_what_is_cut_off_is_a_clipped_normal_and_all_else_is_observed(
    case: str, flat: bool, shared_workspace: Path
) -> None:
    """Through means of places, whose mean is the same; a product is told of its last axis, and of no pool."""
    assert shared_workspace
    between, bounds = BETWEEN[case]
    b = Builder(5)
    if flat:
        h = b.node("MatMul", b.input("x", ("n", 6, 3)), b.normal(3, 4), name="first")
    else:
        h = b.node("Conv", b.input("x", ("n", 3, 6, 6)), b.normal(4, 3, 1, 1), b.normal(4), name="first")
    read = between(b, h)
    second = b.node("MatMul", read, b.normal(4, 2), name="second") if flat else b.conv(read, 4, 2, kernel=1)
    b.output(b.node("Identity", second), 3 if flat else 4)
    model = model_of(b.model(), case)
    view = index_of(model)
    (label,) = view.consumers[read]
    matrix = matrix_of(view.nodes[label], view)
    assert not isinstance(matrix, str)
    x = np.random.default_rng(6).normal(size=(12, *model.inputs[0].shape[1:])).astype(np.float32)
    found = expected_inputs(model, view, given({"x": x}).calibration, [(label, matrix)], lambda _: None)
    proto = model.proto()
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in (h, read))
    axis = 2 if flat else 1
    front, seen = (np.moveaxis(each, axis, 0).reshape(4, -1).astype(np.float64) for each in run(proto, {"x": x})[-2:])
    wanted = seen.mean(1) if bounds is None else clipped_mean(front.mean(1), front.std(1), *bounds)
    np.testing.assert_allclose(found[label].mean, wanted, rtol=1e-4, atol=1e-6)
    observed = "the observed mean of its input" if bounds is None else "the clipped normal of what was observed"
    assert found[label].by == observed


def test_the_shift_of_a_grouped_convolution() -> None:
    """Each place of the kernel adds the channel's mean."""
    b = Builder(0)
    x = b.input("x", ("n", 4, 5, 5))
    b.output(b.node("Conv", x, b.normal(6, 2, 3, 3), name="conv", group=2), 4)
    from qexplorer.graph.index import GraphIndex

    view = GraphIndex(b.model())
    matrix = matrix_of(view.nodes["conv"], view)
    assert not isinstance(matrix, str)
    error = np.random.default_rng(0).normal(size=(6, 2, 3, 3))
    mean = np.array([1.0, 2.0, 3.0, 4.0])
    wanted = [error[o].sum((1, 2)) @ mean[:2] if o < 3 else error[o].sum((1, 2)) @ mean[2:] for o in range(6)]
    np.testing.assert_allclose(shift_of(error, matrix, mean), wanted)
