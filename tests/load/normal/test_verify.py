"""Two forms of a model are compared on inputs that say something."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from qexplorer.core.errors import ModelError
from qexplorer.load.normal.normalize import normalized
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


def _scaled(factor: float) -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Mul", ["h", "f"], ["y"])]
    return model(nodes, {"x": ["n", 4]}, ["y"], {"w": weight(4, 3), "f": np.float32(factor)})


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [(1 + 1e-4, "same"), (1 + 8e-4, "same"), (1 + 2e-3, "differs"), (1.1, "differs"), (-1, "differs")],
)
def test_a_thousandth_of_the_largest_answer_may_be_rounding(factor: float, outcome: str) -> None:
    """Below it two forms are the same; above it they differ, and it is said by how much."""
    found, why = compare_models(_scaled(1), _scaled(factor))
    assert found.value == outcome
    assert why == ("" if outcome == "same" else f"by {abs(factor - 1):.2g} of the largest output")


def _last(op: str, threshold: float, kind: int = 7) -> onnx.ModelProto:
    nodes = [helper.make_node(op, ["x", "c"], ["b"]), helper.make_node("Cast", ["b"], ["y"], to=kind)]
    made = model(nodes, {"x": ["n", 40]}, ["y"], {"c": np.float32(threshold)})
    made.graph.output[0].type.tensor_type.elem_type = kind
    return made


def test_what_is_chosen_by_comparing_may_flip_in_a_run_and_not_in_all() -> None:
    """Whole numbers that differ on large inputs alone are taken for a tie; those that differ on all are not."""
    assert compare_models(_last("Greater", 8), _last("Greater", 9))[0] is Outcome.SAME
    assert compare_models(_last("Greater", 0), _last("Less", 0))[0] is Outcome.DIFFERS
    assert compare_models(_last("Greater", 8, 1), _last("Greater", 9, 1))[0] is Outcome.DIFFERS
    assert compare_models(_last("Greater", 0), _last("Greater", 0, 6))[0] is Outcome.DIFFERS


def test_a_number_that_becomes_none_is_a_difference() -> None:
    """NaN is like NaN, and like no number."""

    def form(*operators: str) -> onnx.ModelProto:
        names = ["x", *(f"h{k}" for k in range(len(operators) - 1)), "y"]
        return model(
            [helper.make_node(op, [a], [b]) for op, a, b in zip(operators, names, names[1:], strict=False)],
            {"x": ["n", 40]},
            ["y"],
        )

    assert compare_models(form("Sqrt"), form("Sqrt"))[0] is Outcome.SAME
    assert compare_models(form("Sqrt"), form("Abs", "Sqrt"))[0] is Outcome.DIFFERS
    assert compare_models(form("Abs", "Sqrt"), form("Sqrt"))[0] is Outcome.DIFFERS


def test_random_numbers_are_not_compared() -> None:
    """Both forms are loaded, no more."""
    noise = model([helper.make_node("RandomNormalLike", ["x"], ["y"])], {"x": ["n", 4]}, ["y"])
    assert compare_models(noise, noise) == (Outcome.NOT_RUN, "it draws random numbers")


@pytest.mark.parametrize(
    ("op", "settings", "second", "why"),
    [
        ("Transpose", {"perm": [0, 1, 5]}, None, "perm {0, 1, 5}"),
        ("Transpose", {"perm": [0, 1, 1]}, None, "repeated value: 1"),
        ("ReduceMean", {}, np.int64([7]), "axis must be in [-rank, rank-1]; Input rank was 3"),
        ("ReduceMean", {}, np.float32([1]), "its input 'a' may not be a tensor(float)"),
        ("ReduceMean", {}, np.int32([1]), "its input 'a' may not be a tensor(int32)"),
        ("Softmax", {"axis": 9}, None, "Its actual value is: 9"),
        ("Unsqueeze", {}, np.int64([9]), "Unexpected axis value: 9"),
        ("Gather", {"axis": 4}, np.int64([0]), "axis must be in"),
        ("LayerNormalization", {"axis": 5}, np.ones(4, np.float32), "Unexpected axis value (5)"),
    ],
)
def test_a_node_that_breaks_the_rules_of_its_operator_is_named(
    op: str, settings: dict[str, object], second: np.ndarray | None, why: str
) -> None:
    """An axis that a tensor does not have, or axes that are no int64, are refused at loading, in one sentence."""
    node = helper.make_node(op, ["x", "a"][: 1 if second is None else 2], ["y"], "odd", **settings)
    broken = model([node], {"x": ["n", 3, 4]}, ["y"], {} if second is None else {"a": second})
    with pytest.raises(ModelError) as caught:
        normalized(broken, "file.onnx")
    assert caught.value.sentence.startswith(f"file.onnx: the node 'odd' ({op}) breaks the rules of its operator (")
    assert why in caught.value.sentence
    assert "\n" not in caught.value.sentence
