"""Expected inputs: the mean of clipped normal numbers, and the shift that a weight's error makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.graph.index import index_of
from qexplorer.quantize.layerwise.expected_shift import clipped_mean, expected_inputs, shift_of
from qexplorer.quantize.layerwise.matrices import matrix_of
from tests.quantize.given_data import given
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of


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
