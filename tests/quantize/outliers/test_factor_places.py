"""Where a change of channels goes: dividing the constants of the place that is found divides the tensor, exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.graph.index import GraphIndex
from qexplorer.load.macs import shapes_for_one_sample
from qexplorer.quantize.outliers.factor_places import FactorPlace, place_of
from qexplorer.quantize.outliers.graph_edits import GraphEdits
from qexplorer.quantize.outliers.input_groups import InputGroup, divide
from tests.quantize.graphs import Builder

Made = Callable[[Builder], str]


def _ints(b: Builder, *values: int) -> str:
    return b.constant(np.array(values, np.int64))


def _tokens(b: Builder) -> str:
    return b.input("x", ("n", 6, 8))


def _dense(b: Builder, width: int = 8, name: str = "dense") -> str:
    x = "x" if any(each.name == "x" for each in b.inputs) else _tokens(b)
    return str(b.node("Add", b.node("MatMul", x, b.normal(8, width), name=name), b.normal(width)))


def _conv(b: Builder, **attributes: Any) -> str:
    x = b.input("x", ("n", 3, 6, 6))
    return str(b.node("Conv", x, b.normal(8, 3, 1, 1), b.normal(8), name="conv", **attributes))


def _then(made: Made, op: str, *constants: Callable[[Builder], str], **attributes: Any) -> Made:
    return lambda b: str(b.node(op, made(b), *(each(b) for each in constants), **attributes))


def _gemm(b: Builder, *, turned: bool = False, bias: bool = True) -> str:
    weight = b.normal(8, 5) if turned else b.normal(5, 8)
    more = [b.normal(8)] if bias else []
    return str(b.node("Gemm", b.input("x", ("n", 5)), weight, *more, transB=int(turned), name="gemm"))


def _norm(b: Builder, axis: int = -1, *, beta: bool = True, computed: bool = False) -> str:
    gamma = b.normal(*((6, 8) if axis == 1 else (8,)))
    gamma = b.node("Identity", gamma) if computed else gamma
    return str(
        b.node("LayerNormalization", _tokens(b), gamma, *([b.normal(8)] if beta else []), axis=axis, name="norm")
    )


def _batch_norm(b: Builder) -> str:
    held = [b.normal(8), b.normal(8), b.normal(8), b.constant(np.ones(8, np.float32))]
    return str(b.node("BatchNormalization", b.input("x", ("n", 8, 6, 6)), *held, name="bn"))


def _flattened_places(b: Builder) -> str:
    return str(b.node("Reshape", b.node("Reshape", _conv(b), _ints(b, 0, 8, 36)), _ints(b, 0, 8, 6, 6)))


def _heads(b: Builder) -> str:
    h = b.node("Reshape", _dense(b), _ints(b, 0, 6, 2, 4))
    h = b.node("Transpose", h, perm=[0, 2, 1, 3])
    h = b.node("Transpose", h, perm=[0, 2, 1, 3])
    return str(b.node("Reshape", h, _ints(b, 0, 6, 8)))


def _attended(b: Builder) -> str:
    value = b.node("Transpose", b.node("Reshape", _dense(b), _ints(b, 0, 6, 2, 4)), perm=[0, 2, 1, 3])
    scores = b.node("Softmax", b.input("scores", ("n", 2, 6, 6)), axis=-1)
    mixed = b.node("Transpose", b.node("MatMul", scores, value), perm=[0, 2, 1, 3])
    return str(b.node("Reshape", mixed, _ints(b, 0, 6, 8)))


def _split(place: int) -> Made:
    return lambda b: str(b.node("Split", _dense(b, 24), _ints(b, 8, 8, 8), outputs=3, axis=-1)[place])


def _gated(width: int) -> Made:
    def build(b: Builder) -> str:
        gate = b.node("Sigmoid", b.node("MatMul", _tokens(b), b.normal(8, width), name="gate"))
        return str(b.node("Mul", gate, _dense(b)))

    return build


def _sliced(axis: int) -> Made:
    return lambda b: str(
        b.node("Slice", _dense(b, 8 if axis == 1 else 12), _ints(b, 0), _ints(b, 8 if axis == 2 else 3), _ints(b, axis))
    )


def _scalar(b: Builder) -> str:
    return b.constant(np.int64(0))


FOUND: dict[str, tuple[Made, int, str, str | None]] = {
    "product": (_dense, -1, "dense", "dense"),
    "product and one number": (
        _then(lambda b: str(b.node("MatMul", _tokens(b), b.normal(8, 8), name="dense")), "Add", lambda b: b.normal()),
        -1,
        "dense",
        "dense",
    ),
    "relu": (_then(_dense, "Relu"), -1, "dense", None),
    "identity": (_then(_dense, "Identity"), -1, "dense", "dense"),
    "gemm": (_gemm, -1, "gemm", "gemm"),
    "gemm turned": (lambda b: _gemm(b, turned=True), -1, "gemm", "gemm"),
    "gemm bare": (lambda b: _gemm(b, bias=False), -1, "gemm", "gemm"),
    "norm": (_norm, -1, "norm", None),
    "norm by its number": (lambda b: _norm(b, 2), -1, "norm", None),
    "norm bare": (lambda b: _norm(b, beta=False), -1, "norm", None),
    "batch norm": (_batch_norm, 1, "bn", None),
    "factor": (_then(_tokens, "Mul", lambda b: b.normal(8), name="scale"), -1, "scale", None),
    "one factor": (_then(_tokens, "Mul", lambda b: b.normal(), name="scale"), -1, "scale", None),
    "conv": (_conv, 1, "conv", "conv"),
    "pool": (_then(_conv, "MaxPool", kernel_shape=[2, 2]), 1, "conv", None),
    "average": (_then(_conv, "AveragePool", kernel_shape=[2, 2]), 1, "conv", "conv"),
    "flat": (_then(_then(_conv, "GlobalAveragePool"), "Flatten"), -1, "conv", "conv"),
    "flattened places": (_flattened_places, 1, "conv", "conv"),
    "heads": (_heads, -1, "dense", "dense"),
    "attended": (_attended, -1, "dense", "dense"),
    "mixed tokens": (lambda b: str(b.node("MatMul", b.normal(1, 6, 6), _dense(b))), -1, "dense", "dense"),
    "first of three": (_split(0), -1, "dense", "dense"),
    "last of three": (_split(2), -1, "dense", "dense"),
    "some tokens": (_sliced(1), -1, "dense", "dense"),
    "one token": (_then(_dense, "Gather", _scalar, axis=1), -1, "dense", "dense"),
    "squeezed": (
        _then(_then(_dense, "Unsqueeze", lambda b: _ints(b, 1)), "Squeeze", lambda b: _ints(b, 1)),
        -1,
        "dense",
        "dense",
    ),
    "gate": (_gated(8), -1, "dense", None),  # a sigmoid passes no factor, the other side does
    "gate of one": (_gated(1), -1, "dense", None),
}
"""What is made of constants: how, the axis of its channels, and the layers that take a factor and a rotation."""


def _read(made: Made, axis: int) -> tuple[onnx.ModelProto, str]:
    """What is made, read by one layer."""
    b = Builder(3)
    tensor = made(b)
    if axis == 1:
        b.output(b.node("Conv", tensor, b.normal(2, 8, 1, 1), name="reader"), 4)
    else:
        b.output(b.node("Flatten", b.node("MatMul", tensor, b.normal(8, 2), name="reader")), 2)
    return b.model(), tensor


def _found(made: Made, axis: int, *, linear: bool) -> tuple[onnx.ModelProto, str, FactorPlace | None]:
    proto, tensor = _read(made, axis)
    view, shapes = GraphIndex(proto), shapes_for_one_sample(proto)
    at = axis % len(shapes[tensor])
    return proto, tensor, place_of(tensor, at, 8, frozenset(("reader",)), view, shapes, linear=linear)


def _values(proto: onnx.ModelProto, tensor: str) -> Any:
    import onnxruntime

    copy, random = onnx.ModelProto(), np.random.default_rng(0)
    copy.CopyFrom(proto)
    del copy.graph.output[:]
    copy.graph.output.append(onnx.ValueInfoProto(name=tensor))
    session = onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {each.name: [2 if isinstance(size, str) else size for size in each.shape] for each in session.get_inputs()}
    return session.run(None, {name: random.normal(size=shape).astype(np.float32) for name, shape in given.items()})[0]


@pytest.mark.parametrize("case", FOUND)
def test_what_its_constants_take_is_what_the_tensor_gets(case: str) -> None:
    """Each channel divided by a factor of its own in the place that is found is divided by it, and nothing else is."""
    made, axis, layer, _ = FOUND[case]
    proto, tensor, place = _found(made, axis, linear=False)
    assert place is not None
    assert place.layer == layer
    factor = 2.0 ** np.arange(-3, 5)
    before, edits = _values(proto, tensor), GraphEdits(proto)
    divide(edits, InputGroup(tensor, 8, axis, ("reader",), (), ()), factor, place, "test", before.ndim)
    edits.finish()
    spread = [-1 if k == axis % before.ndim else 1 for k in range(before.ndim)]
    np.testing.assert_allclose(_values(proto, tensor), before / factor.reshape(spread), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", FOUND)
def test_a_rotation_passes_what_is_linear_alone(case: str) -> None:
    """It ends in layers with a weight, and stays within a head behind attention weights."""
    made, axis, _, layer = FOUND[case]
    place = _found(made, axis, linear=True)[2]
    assert (None if place is None else place.layer) == layer
    if place is not None:
        assert place.run == (4 if case == "attended" else 8)
        assert (place.first, place.total) == {"first of three": (0, 24), "last of three": (16, 24)}.get(case, (0, 8))


def _shared_weight(b: Builder) -> str:
    weight = b.normal(8, 8)
    b.output(b.node("MatMul", b.input("y", ("n", 8)), weight), 2)
    return str(b.node("MatMul", b.input("x", ("n", 6, 8)), weight, name="dense"))


def _read_twice(b: Builder) -> str:
    h = _dense(b)
    b.output(b.node("Sigmoid", h), 3)
    return h


def _read_on_the_way(b: Builder) -> str:
    h = _dense(b)
    b.output(b.node("Sigmoid", h), 3)
    return str(b.node("Relu", h))


def _given_out(b: Builder) -> str:
    h = _dense(b)
    b.output(h, 3)
    return h


def _computed_bias(b: Builder) -> str:
    bias = b.node("Sigmoid", b.input("y", (8,)))
    return str(b.node("Gemm", b.input("x", ("n", 5)), b.normal(5, 8), bias, name="gemm"))


def _split_of_tokens(b: Builder) -> str:
    return str(b.node("Split", _dense(b), _ints(b, 3, 3), outputs=2, axis=1)[0])


def _spread(b: Builder) -> str:
    """Attention whose values are the same for each of two heads."""
    value = b.node("Unsqueeze", _dense(b, 4), _ints(b, 1))
    mixed = b.node("MatMul", b.node("Softmax", b.input("scores", ("n", 2, 6, 6)), axis=-1), value)
    return str(b.node("Reshape", b.node("Transpose", mixed, perm=[0, 2, 1, 3]), _ints(b, 0, 6, 8)))


def _mixed_heads(b: Builder) -> str:
    """Products with weights that mix what are parts of the channels behind it."""
    scores = b.node("Softmax", b.input("scores", ("n", 6, 2, 2)), axis=-1)
    mixed = b.node("MatMul", scores, b.node("Reshape", _dense(b), _ints(b, 0, 6, 2, 4)))
    return str(b.node("Reshape", mixed, _ints(b, 0, 6, 8)))


def _mixed(b: Builder) -> str:
    """Channels of which a part comes from tokens."""
    return str(b.node("Reshape", _dense(b, 4), _ints(b, 0, 3, 8)))


def _chosen_rows(b: Builder) -> str:
    return str(b.node("Squeeze", b.node("Gather", _dense(b), _ints(b, 0), axis=1), _ints(b, 1)))


def _turned_rows(b: Builder) -> str:
    h = b.node("MatMul", b.input("x", ("n", 8, 5)), b.normal(5, 8), name="dense")
    return str(b.node("Transpose", h, perm=[0, 2, 1]))


NOT_FOUND: dict[str, tuple[Made, int]] = {
    "tanh": (_then(_dense, "Tanh"), -1),
    "input": (_tokens, -1),
    "norm over more": (lambda b: _norm(b, 1, beta=False), -1),
    "norm computed": (lambda b: _norm(b, computed=True), -1),
    "weight of two": (_shared_weight, -1),
    "read twice": (_read_twice, -1),
    "read on the way": (_read_on_the_way, -1),
    "given out": (_given_out, -1),
    "computed bias": (_computed_bias, -1),
    "split of tokens": (_split_of_tokens, -1),
    "spread over heads": (_spread, -1),
    "mixed heads": (_mixed_heads, -1),
    "pool over channels": (_then(_dense, "MaxPool", kernel_shape=[3], pads=[1, 1]), -1),
    "some channels": (_sliced(2), -1),
    "tokens for channels": (_mixed, -1),
    "rows of a choice": (_chosen_rows, -1),
    "squared": (lambda b: str(b.node("Mul", h := _dense(b), h)), -1),
    "computed addend": (lambda b: str(b.node("Add", _dense(b), b.node("MatMul", "x", b.normal(8, 8)))), -1),
    "turned rows": (_turned_rows, -1),
}


@pytest.mark.parametrize("case", NOT_FOUND)
def test_where_no_constant_can_take_it(case: str) -> None:
    """What is not linear, has other readers or no constants of its own, or mixes channels with something else."""
    made, axis = NOT_FOUND[case]
    assert _found(made, axis, linear=False)[2] is None


@pytest.mark.parametrize("case", FOUND)
def test_a_shape_that_is_not_known_ends_the_way_or_is_not_needed(case: str) -> None:
    """Without the shape of any one tensor the place is the same, or there is none."""
    made, axis, _, _ = FOUND[case]
    proto, tensor = _read(made, axis)
    view, shapes = GraphIndex(proto), shapes_for_one_sample(proto)
    at = axis % len(shapes[tensor])
    whole = place_of(tensor, at, 8, frozenset(("reader",)), view, shapes, linear=False)
    for name in set(shapes) - {tensor}:
        for unknown in ({}, {name: (None,)}):
            known = {key: value for key, value in shapes.items() if key != name} | unknown
            assert place_of(tensor, at, 8, frozenset(("reader",)), view, known, linear=False) in (whole, None)
