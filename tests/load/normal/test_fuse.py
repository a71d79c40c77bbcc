"""What follows a layer is folded into it where that computes the same, case by case, and left where it would not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from qexplorer.load.normal.fuse import fused
from qexplorer.load.shapes import inferred
from tests.load.model_graphs import model, run, weight
from tests.load.normalized import operators, same

IMAGE, ROWS, STACKED = ["n", 4, 6, 6], ["n", 5], ["n", 4, 5]
CONV, TURNED, MATRIX = weight(6, 4, 3, 3), weight(4, 3, 2, 2), weight(5, 4)
PARTS = {"s": weight(6, seed=1), "b": weight(6, seed=2), "m": weight(6, seed=3), "v": np.full(6, 1e-5, np.float32)}


def _norm(channels: int = 6, shift: float = 1.0, **settings: Any) -> tuple[Any, ...]:
    parts = {k: v[:channels] * np.float32(shift if k in "bm" else 1) for k, v in PARTS.items()}
    return ("BatchNormalization", ["h", "s", "b", "m", "v"], settings), parts


def _with(op: str, constant: Any, left: bool = False) -> tuple[Any, ...]:
    """An operator with a constant behind ``h``, or in front of it."""
    return (op, ["c", "h"] if left else ["h", "c"], {}), {"c": np.asarray(constant, np.float32)}


CHANNELS, LAST = weight(6, 1, 1, seed=4), weight(4, seed=5)
CASES: dict[str, tuple[str, dict[str, Any], Any, list[Any], Any, str | None]] = {
    # layer, its attributes, its weight (and bias), shape of x, what follows, what is left of both (None: as it was)
    "norm with a variance as small as epsilon": ("Conv", {}, [CONV], IMAGE, _norm(), "Conv"),
    "norm with an epsilon of its own": ("Conv", {}, [CONV], IMAGE, _norm(epsilon=0.25), "Conv"),
    "norm that trains": ("Conv", {}, [CONV], IMAGE, _norm(training_mode=1), None),
    "norm of a bias": ("Conv", {}, [CONV, weight(6, seed=9)], IMAGE, _norm(), "Conv"),
    "norm along another axis": ("MatMul", {}, [MATRIX], STACKED, _norm(4), None),
    "norm along another axis, without a shift": ("MatMul", {}, [MATRIX], STACKED, _norm(4, shift=0.0), None),
    "norm of rows": ("MatMul", {}, [MATRIX], ROWS, _norm(4), "Gemm"),
    "product by channel": ("Conv", {}, [CONV], IMAGE, _with("Mul", CHANNELS), "Conv"),
    "product by channel, in groups": (
        "ConvTranspose",
        {"group": 2},
        [TURNED],
        IMAGE,
        _with("Mul", CHANNELS),
        "ConvTranspose",
    ),
    "product by channel, one group": (
        "ConvTranspose",
        {},
        [weight(4, 6, 2, 2)],
        IMAGE,
        _with("Mul", CHANNELS),
        "ConvTranspose",
    ),
    "product of more axes": ("Conv", {}, [CONV], IMAGE, _with("Mul", np.full((1, 1, 1, 1, 1), 2.0)), None),
    "product that is infinite": ("Conv", {}, [CONV], IMAGE, _with("Mul", np.inf), None),
    "less a constant": ("Conv", {}, [CONV], IMAGE, _with("Sub", CHANNELS), "Conv"),
    "a constant less it": ("Conv", {}, [CONV], IMAGE, _with("Sub", CHANNELS, left=True), "Conv"),
    "over a constant": ("Gemm", {}, [MATRIX, LAST], ROWS, _with("Div", LAST), "Gemm"),
    "over zero": ("Gemm", {}, [MATRIX], ROWS, _with("Div", [1.0, 0.0, 2.0, 3.0]), None),
    "a constant over it": ("Gemm", {}, [MATRIX], ROWS, _with("Div", 2.0, left=True), None),
    "a turned weight": ("Gemm", {"transB": 1}, [weight(4, 5), LAST], ROWS, _with("Mul", LAST), "Gemm"),
    "a turned square weight": ("Gemm", {"transB": 1}, [weight(5, 5)], ROWS, _with("Mul", weight(5, seed=6)), "Gemm"),
    "a bias that differs from row to row": ("Gemm", {}, [MATRIX, weight(2, 4)], [2, 5], _with("Mul", LAST), None),
    "a factor of stacked matrices": ("MatMul", {}, [MATRIX], STACKED, _with("Mul", LAST), "MatMul"),
    "a factor for each of their rows": ("MatMul", {}, [MATRIX], STACKED, _with("Mul", weight(4, 1)), None),
    "a bias of stacked matrices": ("MatMul", {}, [MATRIX], STACKED, _with("Add", LAST), None),
    "a bias in a row": ("MatMul", {}, [MATRIX], ROWS, _with("Add", LAST[None]), "Gemm"),
    "a bias in a column": ("Gemm", {}, [weight(5, 1)], [4, 5], _with("Add", LAST[:, None]), None),
    "a bias along the width": ("Conv", {}, [weight(4, 4, 3, 3)], IMAGE, _with("Add", LAST), None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_and_what_follows_it(name: str) -> None:
    """One layer is left where both can be one, with the same answers; else both, as they were."""
    op, attributes, weights, shape, ((after, reads, settings), constants), left = CASES[name]
    names = ["w", "k"][: len(weights)]
    nodes = [
        helper.make_node(op, ["x", *names], ["h"], **attributes),
        helper.make_node(after, reads, ["y"], **settings),
    ]
    before = inferred(model(nodes, {"x": shape}, ["y"], dict(zip(names, weights, strict=True)) | constants))
    with np.errstate(divide="raise"):
        found = fused(before)
    assert operators(found) == ([op, after] if left is None else [left])
    if left is not None:  # nothing is left of what was folded in
        assert {item.name for item in found.graph.initializer} < set(found.graph.node[0].input)
    if np.isfinite(constants.get("c", 0)).all() and not settings.get("training_mode"):
        same(before, found, x=weight(*(2 if size == "n" else size for size in shape), seed=7, scale=1))


@pytest.mark.parametrize(
    ("biased", "taken", "names"),
    [
        (False, (), {"w_folded", "w_bias"}),
        (True, (), {"w_folded", "k_bias"}),
        (True, ("w_folded", "k_bias", "k_bias_1"), {"w_folded_1", "k_bias_2"}),
    ],
)
def test_what_is_made_is_called_after_what_it_was_made_of(
    biased: bool, taken: tuple[str, ...], names: set[str]
) -> None:
    """Weight and bias keep the names that a person knows, with a number where somebody has that name already."""
    node, constants = _norm()
    nodes = [helper.make_node("Conv", ["x", "w", "k"][: 2 + biased], ["h"]), helper.make_node(node[0], node[1], ["y"])]
    weights = {"w": CONV} | ({"k": weight(6, seed=9)} if biased else {}) | constants | {t: weight(6) for t in taken}
    nodes += [helper.make_node("Identity", [name], [f"of_{name}"]) for name in taken]
    before = inferred(model(nodes, {"x": IMAGE}, ["y", *(f"of_{name}" for name in taken)], weights))
    (conv,) = (each for each in fused(before).graph.node if each.op_type == "Conv")
    assert set(conv.input) == {"x"} | names


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 1.0), (1.0, 4.0), (0.25, 3.0)])
def test_factors_of_a_gemm_are_in_its_constants(alpha: float, beta: float) -> None:
    """The one multiplies the weight, the other the bias, and neither is left."""
    node = helper.make_node("Gemm", ["x", "w", "k"], ["y"], alpha=alpha, beta=beta)
    before = model([node], {"x": ROWS}, ["y"], {"w": MATRIX, "k": LAST})
    found = fused(before)
    assert not {item.name: item.f for item in found.graph.node[0].attribute if item.f != 1}
    np.testing.assert_allclose(run(found, x=np.eye(5, dtype=np.float32))[0], alpha * MATRIX + beta * LAST, rtol=1e-6)


@pytest.mark.parametrize(("count", "left"), [(2, "Add"), (3, "Sum"), (1, "Sum")])
def test_a_sum_of_two_is_an_addition(count: int, left: str) -> None:
    """Of more or fewer it stays what it was."""
    before = model([helper.make_node("Sum", ["x"] * count, ["y"])], {"x": ROWS}, ["y"])
    assert operators(fused(before)) == [left]
    same(before, fused(before), x=weight(2, 5))


@pytest.mark.parametrize(
    ("axes", "settings", "left"),
    [
        ([], {}, ["ReduceMean"]),
        ([2, 3], {}, ["GlobalAveragePool"]),
        ([-1, -2], {"keepdims": 0}, ["GlobalAveragePool", "Flatten"]),
        ([1, 2, 3], {}, ["ReduceMean"]),
        ([3], {}, ["ReduceMean"]),
        ([1, 2], {}, ["ReduceMean"]),
    ],
)
def test_a_mean_over_all_of_space_is_a_pool(axes: list[int], settings: dict[str, int], left: list[str]) -> None:
    """Over every axis behind the channels, in any order and from either end; no other."""
    node = helper.make_node("ReduceMean", ["x", "a"], ["y"], **settings)
    before = inferred(model([node], {"x": IMAGE}, ["y"], {"a": np.array(axes, np.int64)}))
    assert operators(fused(before)) == left
    same(before, fused(before), x=weight(2, 4, 6, 6))


@pytest.mark.parametrize(
    ("shape", "axes", "kind", "left"),
    [
        (["n", 4], [], 1, "ReduceMean"),
        (["n", 4], [1], 1, "ReduceMean"),
        (["n", 4, 6], [2], 1, "GlobalAveragePool"),
        (["n", 4, 6], [2], 10, "ReduceMean"),
        (["n", 4, 6], [2], 11, "ReduceMean"),
        (["n", 4, 6, 5, 3], [4, 2, 3], 1, "GlobalAveragePool"),
        (None, [2, 3], 1, "ReduceMean"),
    ],
)
@pytest.mark.parametrize("opset", [13, 21])
def test_a_mean_is_a_pool_of_floats_that_have_a_space(
    shape: list[Any] | None, axes: list[int], kind: int, left: str, opset: int
) -> None:
    """Batch, channels and one axis at least; axes as an input, or as the attribute that they were."""
    given = {"axes": axes} if opset < 18 and axes else {}
    node = helper.make_node("ReduceMean", ["x", "a"][: 1 if given else 2], ["y"], **given)
    constants = {} if given else {"a": np.array(axes, np.int64)}
    before = model([node], {}, [], constants, opset=opset)
    before.graph.input.append(helper.make_tensor_value_info("x", kind, shape))
    before.graph.output.append(helper.make_tensor_value_info("y", kind, None))
    assert operators(fused(before)) == [left]


@pytest.mark.parametrize(("op", "count"), [("Add", 2), ("Mul", 2)])
def test_what_is_read_twice_or_shown_is_not_folded(op: str, count: int) -> None:
    """Somebody sees the layer's own result: as an output of the model, or in another node."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["h"]), helper.make_node(op, ["h", "c"], ["y"])]
    constants = {"w": CONV, "c": CHANNELS}
    assert operators(fused(inferred(model(nodes, {"x": IMAGE}, ["y"], constants)))) == ["Conv"]
    shown = inferred(model(nodes, {"x": IMAGE}, ["y", "h"], constants))
    assert operators(fused(shown)) == ["Conv", op]
    again = [*nodes, helper.make_node("Relu", ["h"], ["z"])]
    assert len(operators(fused(inferred(model(again, {"x": IMAGE}, ["y", "z"], constants))))) == count + 1
    inside = [*nodes, helper.make_node("Relu", ["y"], ["z"])]
    found = fused(inferred(model(inside, {"x": IMAGE}, ["z"], constants)))
    assert operators(found) == ["Conv", "Relu"]
    assert found.graph.node[1].input[0] == found.graph.node[0].output[0]


@pytest.mark.parametrize("change", ["an operator of somebody else", "a weight that can be fed", "a factor that is fed"])
def test_what_is_not_known_for_sure_is_not_folded(change: str) -> None:
    """A name of another domain, and a constant that whoever runs the model may replace."""
    theirs = {"domain": "com.example"} if change == "an operator of somebody else" else {}
    nodes = [helper.make_node("Conv", ["x", "w"], ["h"]), helper.make_node("Mul", ["h", "c"], ["y"], **theirs)]
    constants = {"w": CONV, "c": CHANNELS}
    before = model(nodes, {"x": IMAGE}, ["y"], constants)
    for name in {"a weight that can be fed": "w", "a factor that is fed": "c"}.get(change, ""):
        before.graph.input.append(helper.make_tensor_value_info(name, 1, constants[name].shape))
    assert operators(fused(before)) == ["Conv", "Mul"]
