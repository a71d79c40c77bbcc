"""Two forms of a model are compared on inputs that say something."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from qexplorer.load.normal.verify import Outcome, compare_models
from tests.load.model_graphs import model, weight


def _clipped(high: float) -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Clip", ["h", "", "high"], ["y"])]
    return model(nodes, {"x": ["n", 4]}, ["y"], {"w": weight(4, 3, scale=3), "high": np.float32(high)})


def _shut(bias: float, scale: float) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    parts = {"w": weight(4, 3, scale=3) * np.float32(scale), "b": np.full(3, bias, np.float32)}
    return model(nodes, {"x": ["n", 4]}, ["y"], parts)


def test_a_bound_that_small_inputs_do_not_reach_is_seen() -> None:
    """Clip at 6 and at 60 give the same for inputs around 1; larger ones tell them apart."""
    assert compare_models(_clipped(6.0), _clipped(6.0))[0] is Outcome.SAME
    assert compare_models(_clipped(6.0), _clipped(60.0))[0] is Outcome.DIFFERS


def test_an_output_that_small_inputs_leave_at_zero_is_seen() -> None:
    """A ReLU that a bias of -5 shuts opens on larger inputs, so that a factor in the weight is noticed."""
    assert compare_models(_shut(-5, 1), _shut(-5, 1))[0] is Outcome.SAME
    assert compare_models(_shut(-5, 1), _shut(-5, 1.1))[0] is Outcome.DIFFERS


def test_answers_that_are_all_but_zero_are_no_proof() -> None:
    """Where nothing comes out on any made-up input the comparison says that it could not be made."""
    outcome, why = compare_models(_shut(-1e6, 1), _shut(-1e6, 2))
    assert (outcome, why) == (Outcome.NOT_RUN, "its answers are all but 0 on made-up inputs")


def test_what_rounding_left_of_zero_is_no_difference() -> None:
    """One output of ordinary size, one that is x - x up to rounding: its last bits do not count."""

    def form(tiny: float) -> onnx.ModelProto:
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Mul", ["y", "tiny"], ["z"])]
        return model(nodes, {"x": ["n", 4]}, ["y", "z"], {"w": weight(4, 3), "tiny": np.float32(tiny)})

    assert compare_models(form(1e-9), form(2e-9))[0] is Outcome.SAME
    assert compare_models(form(1e-2), form(2e-2))[0] is Outcome.DIFFERS


def test_an_output_that_opens_above_zero_only_is_seen() -> None:
    """A sum of 400 signed values over that of their sizes is near 0 at any scale; it is 1 where all are above 0."""

    def form(factor: float) -> onnx.ModelProto:
        nodes = [
            helper.make_node("MatMul", ["x", "ones"], ["sum"]),
            helper.make_node("MatMul", ["r", "ones"], ["size"]),
            helper.make_node("Abs", ["x"], ["r"]),
            helper.make_node("Div", ["sum", "size"], ["share"]),
            helper.make_node("Sub", ["share", "half"], ["above"]),
            helper.make_node("Relu", ["above"], ["open"]),
            helper.make_node("Mul", ["open", "factor"], ["y"]),
            helper.make_node("Identity", ["share"], ["z"]),
        ]
        nodes[1], nodes[2] = nodes[2], nodes[1]
        parts = {"ones": np.ones((400, 1), np.float32), "half": np.float32(0.5), "factor": np.float32(factor)}
        return model(nodes, {"x": ["n", 400]}, ["y", "z"], parts)

    assert compare_models(form(1), form(1))[0] is Outcome.SAME
    assert compare_models(form(1), form(1.1))[0] is Outcome.DIFFERS
