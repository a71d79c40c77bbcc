# ruff: noqa: E501 - tables of cases, one a line
"""Hostile graphs: shapes of a graph, and operators that are asked for what they cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.hostile.case import EITHER, LOADS, REFUSED
from tests.load.model_graphs import F32, model, value, weight
from tests.load.safety.test_expansion import attribute_bomb, bomb

__all__ = ["Told", "operators", "structures"]

Told = tuple[str, str, str, onnx.ModelProto]
"""Name, what it attacks, what is right, the model."""

_node = helper.make_node


def structures() -> Iterator[Told]:
    """Graphs that are too many, too deep, not connected, or without end."""
    yield from _counts()
    yield from _functions()
    yield from _bodies()
    yield from _ports()


def _counts() -> Iterator[Told]:
    attacks = "work for each node or port, over and over"
    chain = [_node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(100_000)]
    yield "counts/100,000 nodes", attacks, REFUSED, model(chain, {"t0": ["n", 4]}, ["t100000"])
    yield "counts/2,000 nodes", attacks, LOADS, model(chain[:2000], {"t0": ["n", 4]}, ["t2000"])
    for n, right in ((1_000, LOADS), (10_000, REFUSED)):
        several = [_node("Relu", ["x"], [f"y{i}"]) for i in range(n)]
        yield f"counts/{n} outputs", attacks, right, model(several, {"x": ["n", 4]}, [f"y{i}" for i in range(n)])
        added = [_node("Sum", [f"x{i}" for i in range(n)], ["y"])]
        yield f"counts/{n} inputs", attacks, right, model(added, {f"x{i}": ["n", 4] for i in range(n)}, ["y"])
    shared = [_node("Relu", ["x"], [f"h{i}"], name="same") for i in range(1500)]
    yield (
        "counts/1,500 nodes of one name",
        attacks,
        LOADS,
        model([*shared, _node("Neg", ["h9"], ["y"])], {"x": ["n", 4]}, ["y"]),
    )
    wide = [_node("Concat", ["x"] * 3000, ["y"], axis=1)]
    yield "counts/3,000 readings of one input", attacks, LOADS, model(wide, {"x": ["n", 4]}, ["y"])
    constants = [_node("Constant", [], [f"c{i}"], value_float=1.0) for i in range(2000)]
    yield (
        "counts/2,000 constants",
        attacks,
        LOADS,
        model([*constants, _node("Add", ["x", "c7"], ["y"])], {"x": ["n", 4]}, ["y"]),
    )


def _functions() -> Iterator[Told]:
    attacks = "expansion of functions"
    for levels in (25, 150, 190, 400):
        yield f"functions/each twice, {levels} deep", attacks, REFUSED, bomb(levels)
    for levels in (1, 30, 150):
        right = LOADS if levels == 1 else REFUSED
        yield f"functions/graphs in attributes, {levels} deep", attacks, right, attribute_bomb(levels)
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    local = [helper.make_opsetid("local", 1)]

    def function(name: str, calls: str, domain: str = "local") -> onnx.FunctionProto:
        body = [_node(calls, ["x"], ["y"], domain="local" if calls[0] == "f" else "")]
        return helper.make_function(domain, name, ["x"], ["y"], body, opset)

    top = [_node("f", ["x"], ["y"], domain="local")]
    sets = {
        "itself": ([function("f", "f")], REFUSED),
        "each other": ([function("f", "f2"), function("f2", "f")], REFUSED),
        "nobody": ([function("f", "f9")], EITHER),
        "the standard's Relu": ([function("f", "Relu"), function("Relu", "Neg", "")], EITHER),
        "a function that is there twice": ([function("f", "Relu"), function("f", "Neg")], EITHER),
    }
    for told, (functions, right) in sets.items():
        yield (
            f"functions/calls {told}",
            attacks,
            right,
            model(top, {"x": ["n", 4]}, ["y"], opsets=local, functions=functions),
        )


def _bodies() -> Iterator[Told]:
    attacks = "walks into graphs inside graphs, and loops without end"
    for depth in (3, 12, 25):
        graph = helper.make_graph([_node("Identity", ["x"], ["z0"])], "leaf", [], [value("z0", ["n", 4])])
        for level in range(1, depth):
            inner = _node(
                "If", ["c"], [f"z{level}"], then_branch=graph, else_branch=graph if level == 1 else _leaf(level)
            )
            graph = helper.make_graph([inner], f"g{level}", [], [value(f"z{level}", ["n", 4])])
        nodes = [_node("If", ["c"], ["y"], then_branch=graph, else_branch=_leaf(0))]
        weights = {"c": np.array(True)}
        yield f"bodies/{depth} deep", attacks, EITHER, model(nodes, {"x": ["n", 4]}, ["y"], weights)
    for told, trips in (("for ever", None), ("2**62 times", 2**62)):
        body = helper.make_graph(
            [_node("Identity", ["on"], ["go"]), _node("Relu", ["v"], ["w"])],
            "body",
            [value("i", [], TensorProto.INT64), value("on", [], TensorProto.BOOL), value("v", ["n", 4])],
            [value("go", [], TensorProto.BOOL), value("w", ["n", 4])],
        )
        weights = {"c": np.array(True)} | ({} if trips is None else {"m": np.array(trips)})
        nodes = [_node("Loop", ["m" if trips else "", "c", "x"], ["y"], body=body)]
        yield f"bodies/a loop {told}", attacks, EITHER, model(nodes, {"x": ["n", 4]}, ["y"], weights)


def _leaf(level: int) -> onnx.GraphProto:
    name = f"e{level}"
    return helper.make_graph([_node("Neg", ["x"], [name])], name, [], [value(name, ["n", 4])])


def _ports() -> Iterator[Told]:
    attacks = "code that expects tensors that something makes"
    relu = [_node("Relu", ["x"], ["y"])]
    x: dict[str, Any] = {"x": ["n", 4]}
    cycle = [_node("Add", ["x", "b"], ["a"]), _node("Relu", ["a"], ["b"])]
    yield "ports/a cycle", attacks, REFUSED, model(cycle, x, ["b"])
    yield "ports/made twice", attacks, REFUSED, model([*relu, *relu], x, ["y"])
    yield "ports/from nowhere", attacks, REFUSED, model([_node("Relu", ["q"], ["y"])], x, ["y"])
    yield "ports/an output that nobody makes", attacks, EITHER, model(relu, x, ["z"])
    yield "ports/an output twice", attacks, EITHER, model(relu, x, ["y", "y"])
    yield "ports/an input as output", attacks, EITHER, model(relu, x, ["x", "y"])
    yield "ports/no input", attacks, REFUSED, model([_node("Relu", ["w"], ["y"])], {}, ["y"], {"w": weight(3)})
    yield "ports/no output", attacks, REFUSED, model(relu, x, [])
    yield "ports/no node", attacks, REFUSED, model([], x, ["x"])
    yield "ports/a node without outputs", attacks, EITHER, model([*relu, _node("Relu", ["x"], [])], x, ["y"])
    yield "ports/a weight as output", attacks, EITHER, model(relu, x, ["y", "w"], {"w": weight(3)})
    for told, kind in (("text", 8), ("complex", 14), ("none", 0), ("unknown", 77), ("bfloat16", 16), ("int4", 22)):
        proto = model([_node("Identity", ["x"], ["y"])], x, ["y"])
        proto.graph.input[0].CopyFrom(value("x", ["n", 4], kind))
        yield f"ports/an input of type {told}", attacks, EITHER if told in ("bfloat16", "int4") else REFUSED, proto
    for told, kind_of in (
        ("sequence", helper.make_sequence_type_proto(helper.make_tensor_type_proto(F32, [1, 4]))),
        ("optional", helper.make_optional_type_proto(helper.make_tensor_type_proto(F32, [1, 4]))),
    ):
        proto = model([_node("Identity", ["x"], ["y"])], x, ["y"])
        proto.graph.input[0].CopyFrom(helper.make_value_info("x", kind_of))
        yield f"ports/an input that is a {told}", attacks, REFUSED, proto
    bare = model([_node("Identity", ["x"], ["y"])], x, ["y"])
    bare.graph.input[0].type.tensor_type.ClearField("shape")
    yield "ports/an input without a shape", attacks, REFUSED, bare


def operators() -> Iterator[Told]:
    """Operators whose settings make no sense, or ask for more memory than there is."""
    image: dict[str, Any] = {"x": [1, 3, 8, 8]}
    attacks = "kernels that believe what they are told"
    kernel = {"w": weight(4, 3, 3, 3)}
    settings: dict[str, Any] = {
        "group 0": {"group": 0}, "group -1": {"group": -1}, "stride 0": {"strides": [0, 0]},
        "stride -1": {"strides": [-1, -1]}, "dilation 0": {"dilations": [0, 0]},
        "dilation 2**40": {"dilations": [2**40, 2**40]}, "pads -9": {"pads": [-9] * 4},
        "pads 2**40": {"pads": [2**40] * 4}, "pads of one side": {"pads": [1]}, "kernel 2**31": {"kernel_shape": [2**31] * 2},
        "auto_pad unknown": {"auto_pad": "EVERYWHERE"}, "an unknown setting": {"colour": 3},
    }  # fmt: skip
    for told, chosen in settings.items():
        yield (
            f"operators/Conv with {told}",
            attacks,
            EITHER,
            model([_node("Conv", ["x", "w"], ["y"], **chosen)], image, ["y"], kernel),
        )
        pool = {"kernel_shape": [2, 2]} | {k: v for k, v in chosen.items() if k not in ("group", "dilations")}
        yield (
            f"operators/MaxPool with {told}",
            attacks,
            EITHER,
            model([_node("MaxPool", ["x"], ["y"], **pool)], image, ["y"]),
        )
    big, one = np.array([2**20, 2**20]), np.ones((1, 1), np.float32)
    asked: dict[str, tuple[str, dict[str, np.ndarray]]] = {
        "ConstantOfShape": ("terabytes", {"s": big}),
        "Expand": ("terabytes", {"o": one, "s": big}),
        "Tile": ("terabytes", {"o": one, "s": big}),
        "Range": ("terabytes", {"a": np.float32(0), "b": np.float32(1e13), "c": np.float32(1)}),
        "Pad": ("terabytes", {"o": one, "s": np.array([0, 0, 2**20, 2**20])}),
    }
    for op, (told, weights) in asked.items():
        nodes = [
            _node(op, list(weights), ["b"]),
            _node("ReduceMax", ["b"], ["m"], keepdims=0),
            _node("Add", ["x", "m"], ["y"]),
        ]
        arrays = {name: np.asarray(array) for name, array in weights.items()}
        yield f"operators/{op} of {told}", "allocation", REFUSED, model(nodes, {"x": ["n", 4]}, ["y"], arrays)
    odd: dict[str, tuple[onnx.NodeProto, dict[str, np.ndarray]]] = {
        "Reshape to -1, -1": (_node("Reshape", ["x", "s"], ["y"]), {"s": np.array([-1, -1])}),
        "Reshape to 7": (_node("Reshape", ["x", "s"], ["y"]), {"s": np.array([7])}),
        "Gather far outside": (_node("Gather", ["x", "s"], ["y"]), {"s": np.array([2**40])}),
        "Slice by steps of 0": (_node("Slice", ["x", "a", "b", "c", "d"], ["y"]), {k: np.array([0]) for k in "abcd"}),
        "Split into 0": (_node("Split", ["x"], ["y"], num_outputs=0), {}),
        "TopK of 2**40": (_node("TopK", ["x", "k"], ["y", "i"]), {"k": np.array([2**40])}),
        "Transpose by 9, 9": (_node("Transpose", ["x"], ["y"], perm=[9, 9]), {}),
        "Softmax along axis 99": (_node("Softmax", ["x"], ["y"], axis=99), {}),
        "Concat along axis -99": (_node("Concat", ["x", "x"], ["y"], axis=-99), {}),
        "Einsum of nonsense": (_node("Einsum", ["x"], ["y"], equation="i" * 500 + "->j..."), {}),
        "Cast to nothing": (_node("Cast", ["x"], ["y"], to=77), {}),
        "Cast to text": (_node("Cast", ["x"], ["y"], to=8), {}),
        "Unsqueeze at 2**31": (_node("Unsqueeze", ["x", "s"], ["y"]), {"s": np.array([2**31])}),
        "MatMul that does not fit": (_node("MatMul", ["x", "w"], ["y"]), {"w": weight(3, 3)}),
        "Gemm with a weight of rank 3": (_node("Gemm", ["x", "w"], ["y"]), {"w": weight(4, 3, 3)}),
        "BatchNormalization of other channels": (_node("BatchNormalization", list("xabcd"), ["y"]), {k: weight(9) for k in "abcd"}),
        "LSTM of another size": (_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=2**30), {"w": weight(1, 8, 3), "r": weight(1, 8, 2)}),
        "OneHot of 2**40": (_node("OneHot", ["i", "k", "v"], ["y"]), {"i": np.array([1]), "k": np.array(2**40), "v": np.array([0.0, 1.0], np.float32)}),
        "Dropout in training": (_node("Dropout", ["x", "r", "t"], ["y"]), {"r": np.array(0.5, np.float32), "t": np.array(True)}),
        "random numbers": (_node("RandomNormalLike", ["x"], ["y"]), {}),
        "random numbers, terabytes": (_node("RandomNormal", [], ["y"], shape=[2**20, 2**20]), {}),
        "division by 0": (_node("Div", ["i", "z"], ["y"]), {"i": np.array([1]), "z": np.array([0])}),
    }  # fmt: skip
    for told, (node, weights) in odd.items():
        right = REFUSED if "terabytes" in told else EITHER
        yield (
            f"operators/{told}",
            attacks,
            right,
            model([node, _node("Relu", ["x"], ["q"])], {"x": [1, 3]}, ["y", "q"], weights),
        )
