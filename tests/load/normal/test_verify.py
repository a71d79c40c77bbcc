"""Two forms of a model are compared on inputs that say something."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import helper

from qexplorer.core.errors import ModelError
from qexplorer.load.normal import verify
from qexplorer.load.normal.normalize import normalized
from qexplorer.load.normal.verify import Outcome, compare_models, random_inputs
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


@pytest.mark.parametrize(("side", "outcome"), [(4, "same"), (32, "same"), (224, "same"), (5, "not run")])
def test_a_picture_of_free_size_is_tried_at_the_usual_ones(side: int, outcome: str) -> None:
    """A classifier that fits one size alone can be compared where that is 32 or 224; else it is said why not."""
    nodes = [helper.make_node("Flatten", ["x"], ["h"]), helper.make_node("MatMul", ["h", "w"], ["y"])]
    form = model(nodes, {"x": ["n", 1, "height", "width"]}, ["y"], {"w": weight(side * side, 2)})
    found, why = compare_models(form, form)
    assert found is (Outcome.SAME if outcome == "same" else Outcome.NOT_RUN)
    assert why == ("" if outcome == "same" else "its MatMul '' cannot take them")


def _port(name: str, kind: str, *shape: int | str | None) -> SimpleNamespace:
    return SimpleNamespace(name=name, type=f"tensor({kind})", shape=list(shape))


def test_made_up_inputs_are_one_sample_of_the_types_that_are_asked_for() -> None:
    """What is called as the batch is 1 wherever it stands, fixed lengths stay; whole numbers may be indices."""
    ports = [_port("x", "float", "n", 3, 500), _port("s", "int64", 2, "n", 50), _port("m", "bool", "n", 90)]
    (feeds,) = random_inputs(ports)
    assert {name: (a.shape, a.dtype.name) for name, a in feeds.items()} == {
        "x": ((1, 3, 500), "float32"),
        "s": ((2, 1, 50), "int64"),
        "m": ((1, 90), "bool"),
    }
    assert set(feeds["s"].ravel().tolist()) == {0, 1}
    assert set(feeds["m"].ravel().tolist()) == {False, True}
    assert abs(feeds["x"].mean()) < 0.2
    assert feeds["x"].std() == pytest.approx(1, abs=0.1)
    for kind, dtype in {"double": "float64", "float16": "float16", "uint8": "uint8", "int32": "int32"}.items():
        (feeds,) = random_inputs([_port("x", kind, 1)])
        assert feeds["x"].dtype == dtype


@pytest.mark.parametrize(
    ("ports", "sizes"),
    [
        ([_port("x", "float", None, 2, 3)], 1),
        ([_port("x", "float", "n", "t", 3)], 3),
        ([_port("x", "float", "n", None, 3)], 3),
        ([_port("x", "float", "n", 4), _port("z", "float", 4, "n")], 1),
        ([_port("x", "float", 1, 2**26)], 1),
        ([_port("x", "float", 1, 2**26), _port("z", "float", 1)], 0),
        ([_port("x", "string", "n", 4)], 0),
        ([_port("x", "float", "n", 2**20, "t")], 2),
    ],
)
def test_free_lengths_are_tried_small_ones_first_as_far_as_there_is_room(
    ports: list[SimpleNamespace], sizes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch alone is no reason for a second try; texts cannot be made up."""
    monkeypatch.setattr(verify, "_random", lambda kind, shape, _: None if "string" in kind else np.empty(shape, "u1"))
    found = [sum(array.size for array in feeds.values()) for feeds in random_inputs(ports)]
    assert len(found) == sizes
    assert found == sorted(set(found))


def test_a_model_that_runs_out_of_memory_is_called_that() -> None:
    """Whichever of both forms it is, and whether in the first run or behind it."""

    def form(power: int) -> onnx.ModelProto:
        nodes = [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Mul", ["s", "many"], ["large"]),
            helper.make_node("ConstantOfShape", ["large"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ]
        return model(nodes, {"x": ["n", 4]}, ["y"], {"many": np.array([1, 2**power], np.int64)})

    assert compare_models(form(1), form(1))[0] is Outcome.SAME
    assert compare_models(form(50), form(1))[0] is Outcome.TOO_LARGE
    assert compare_models(form(1), form(50))[0] is Outcome.TOO_LARGE


def test_a_form_that_fails_is_told_from_one_that_never_worked() -> None:
    """The original cannot be loaded; the new form cannot, or fails as it runs; the original takes no made-up input."""
    good, bad = _scaled(1), _scaled(1)
    bad.graph.node[0].op_type = "NoSuchOperator"
    assert compare_models(bad, good)[0] is Outcome.ORIGINAL_FAILS
    assert compare_models(good, bad)[0] is Outcome.NEW_FAILS

    def takes(rows: int) -> onnx.ModelProto:
        nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
        return model(nodes, {"x": ["n", 4]}, ["y"], {"shape": np.array([rows, 2])})

    assert compare_models(takes(2), takes(3)) == (Outcome.NEW_FAILS, "its Reshape '' cannot take them")
    assert compare_models(takes(3), takes(2)) == (Outcome.NOT_RUN, "its Reshape '' cannot take them")


def _floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("new", "gap"),
    [
        ([1.0, -4.0], 0.0),
        ([1.0, -3.0], 0.25),
        ([2.0, -4.0], 0.25),
        ([1.0, np.inf], np.inf),
        ([1.0, np.nan], np.inf),
        ([1.0], np.inf),
        (["a", "b"], np.inf),
        ([1, -4], np.inf),
    ],
)
def test_the_gap_is_a_share_of_the_largest_value(new: list[object], gap: float) -> None:
    """Of either sign; infinite where there is a value in one alone, and where shapes or types differ."""
    a, b = _floats(1, -4), np.asarray(new, np.float32 if isinstance(new[-1], float) else None)
    assert verify._worst((a,), (b,)) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("a", "b", "gap"),
    [
        (_floats(np.nan, np.inf, 1), _floats(np.nan, np.inf, 2), 1.0),
        (_floats(np.inf), _floats(-np.inf), np.inf),
        (_floats(), _floats(), 0.0),
        (np.array(["a"]), np.array(["a"]), 0.0),
        (np.array(["a"]), np.array(["b"]), np.inf),
        ([np.float32(1)], [np.float32(2)], 0.0),
        ([np.float32(1)], _floats(1), np.inf),
        (np.array([True, False]), np.array([True, True]), np.inf),
        (np.array([3, 4]), np.array([3, 8]), 1.0),
    ],
)
def test_values_of_other_kinds_are_equal_or_not(a: object, b: object, gap: float) -> None:
    """NaN and infinities are equal to themselves; texts and truths are the same or not; of lists the kind counts."""
    assert verify._worst((a,), (b,)) == pytest.approx(gap)
