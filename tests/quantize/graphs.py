"""Small hand-made graphs, each with one thing that a quantizer can get wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["ZOO", "Builder", "build", "feeds_for"]


@dataclass
class Builder:
    """Writes a graph: ``node`` returns the output's name, ``constant`` an initializer's."""

    seed: int = 0
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def input(self, name: str, shape: tuple[Any, ...]) -> str:
        """A float32 input."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, name: str, rank: int | None = None) -> None:
        """An output of free dimensions."""
        shape = None if rank is None else [f"{name}_{i}" for i in range(rank)]
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, values: Any, name: str | None = None) -> str:
        """An initializer with ``values``."""
        array = np.asarray(values)
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def normal(self, *shape: int, scale: float = 0.3, name: str | None = None) -> str:
        """A float32 initializer of normal values."""
        return self.constant((self.random.normal(size=shape) * scale).astype(np.float32), name)

    def node(self, op: str, *inputs: str, name: str | None = None, outputs: int = 1, **attributes: Any) -> Any:
        """A node; the name of its output, or a list of names."""
        label = name or f"{op.lower()}{len(self.nodes)}"
        made = [label if outputs == 1 else f"{label}_{i}" for i in range(outputs)]
        names = [f"{m}_out" for m in made]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=label, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x: str, inputs: int, outputs: int, **options: Any) -> str:
        """A padded convolution with a bias."""
        kernel, group = options.pop("kernel", 3), options.get("group", 1)
        weight = self.normal(outputs, inputs // group, kernel, kernel)
        pads = [kernel // 2] * 4
        return str(self.node("Conv", x, weight, self.normal(outputs), pads=pads, **options))

    def model(self) -> onnx.ModelProto:
        """The graph as a checked model, opset 21."""
        graph = helper.make_graph(self.nodes, "graph", self.inputs, self.outputs, self.constants)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(proto, full_check=True)
        return proto


def _cnn(b: Builder) -> None:
    x = b.input("x", ("n", 3, 12, 12))
    h = b.node("Relu", b.conv(x, 3, 8), name="relu_first")
    h = b.node("MaxPool", h, kernel_shape=[2, 2], strides=[2, 2])
    h = b.node("Clip", b.conv(h, 8, 8), b.constant(np.float32(0)), b.constant(np.float32(6)), name="relu6")
    h = b.node("Flatten", b.node("GlobalAveragePool", h))
    b.output(b.node("Gemm", h, b.normal(5, 8), b.normal(5), transB=1, name="classifier"), 2)


def _depthwise(b: Builder) -> None:
    x = b.input("x", ("n", 8, 10, 10))
    h = b.node("Relu", b.conv(x, 8, 8, group=8))
    b.output(b.conv(h, 8, 4, kernel=1), 4)


def _residual(b: Builder) -> None:
    x = b.input("x", ("n", 4, 8, 8))
    first = b.node("Relu", b.conv(x, 4, 8))
    second = b.conv(b.node("Relu", b.conv(first, 8, 8)), 8, 8)
    total = b.node("Relu", b.node("Add", first, second))
    before = b.conv(total, 8, 8)
    after = b.node("Relu", before)
    b.output(b.node("Mul", b.node("Sigmoid", after), before), 4)


def _block(b: Builder) -> None:
    x = b.input("x", ("n", 3, 12, 12))
    first = b.node("Relu", b.conv(x, 3, 8, strides=[2, 2]))
    second = b.conv(b.node("Relu", b.conv(first, 8, 8)), 8, 8)
    total = b.node("Relu", b.node("Add", first, second))
    narrow = b.conv(total, 8, 12, kernel=1)
    deep = b.conv(b.node("Relu", b.conv(total, 8, 12)), 12, 12)
    total = b.node("Relu", b.node("Add", deep, narrow))
    h = b.node("Flatten", b.node("GlobalAveragePool", total))
    b.output(b.node("Gemm", h, b.normal(10, 12), b.normal(10), transB=1), 2)


def _concat(b: Builder) -> None:
    x = b.input("x", ("n", 4, 8, 8))
    left, right = b.node("Relu", b.conv(x, 4, 4)), b.conv(x, 4, 6, kernel=1)
    both = b.node("Concat", left, right, axis=1)
    pooled = b.node("AveragePool", both, kernel_shape=[2, 2], strides=[2, 2])
    b.output(b.conv(pooled, 10, 3), 4)


def _transposed(b: Builder) -> None:
    x = b.input("x", ("n", 4, 6, 6))
    h = b.node("ConvTranspose", x, b.normal(4, 8, 2, 2), b.normal(8), strides=[2, 2])
    h = b.node("ConvTranspose", b.node("Relu", h), b.normal(8, 2, 2, 2), b.normal(4), strides=[2, 2], group=2)
    b.output(h, 4)


def _mlp(b: Builder) -> None:
    x = b.input("x", ("n", 20))
    h = b.node("Relu", b.node("Gemm", x, b.normal(20, 16), b.normal(16)))
    h = b.node("Relu", b.node("Gemm", h, b.normal(12, 16), b.normal(1, 12), transB=1))
    h = b.node("Gemm", h, b.normal(12, 8), b.constant(np.float32(0.25)), alpha=0.5, beta=2.0)
    b.output(b.node("Softmax", b.node("Gemm", h, b.normal(8, 3)), axis=-1), 2)


def _long_rows(b: Builder) -> None:
    x = b.input("x", ("n", 130))
    h = b.node("Relu", b.node("MatMul", x, b.normal(130, 64)))
    h = b.node("Relu", b.node("Gemm", h, b.normal(140, 64), b.normal(140), transB=1))
    b.output(b.node("MatMul", h, b.normal(140, 3)), 2)


def _attention(b: Builder) -> None:
    x = b.input("x", ("n", 6, 16))
    query = b.node("Add", b.node("MatMul", x, b.normal(16, 16)), b.normal(16))
    key = b.node("Transpose", b.node("MatMul", x, b.normal(16, 16)), perm=[0, 2, 1])
    scores = b.node("Mul", b.node("MatMul", query, key), b.constant(np.float32(0.25)))
    mixed = b.node("MatMul", b.node("Softmax", scores, axis=-1), b.node("MatMul", x, b.normal(16, 16)))
    normal = b.node("LayerNormalization", b.node("Add", mixed, x), b.constant(np.ones(16, np.float32)), axis=-1)
    h = b.node("Gelu", b.node("MatMul", normal, b.normal(16, 64)))
    b.output(b.node("MatMul", h, b.normal(64, 16)), 3)


def _shared(b: Builder) -> None:
    x = b.input("x", ("n", 8))
    weight, bias = b.normal(8, 8), b.normal(8)
    first = b.node("Relu", b.node("Gemm", x, weight, bias, name="once"))
    second = b.node("Gemm", first, weight, bias, name="twice")
    b.output(b.node("MatMul", second, weight, name="thrice"), 2)


def _two(b: Builder) -> None:
    x, y = b.input("x", ("n", 6)), b.input("y", ("n", 6))
    total = b.node("Add", b.node("Gemm", x, b.normal(6, 6)), y, name="sum")
    b.output(total, 2)
    b.output(b.node("Gemm", total, b.normal(6, 4), b.normal(4), name="head"), 2)
    b.output(b.node("Tanh", y, name="side"), 2)


def _fixed(b: Builder) -> None:
    x = b.input("x", (1, 3, 8, 8))
    h = b.node("Relu", b.conv(x, 3, 4, strides=[2, 2]))
    h = b.node("Reshape", h, b.constant(np.array([1, -1], np.int64)))
    b.output(b.node("Gemm", h, b.normal(64, 5), b.normal(1, 5)), 2)


def _unmoved(b: Builder) -> None:
    """Layers that move codes before, between and behind the others, and a Relu with two readers in front of it."""
    x = b.input("x", ("n", 8, 4))
    h = b.node("Transpose", x, perm=[0, 2, 1])
    left, right = b.node("Split", h, b.constant(np.array([4, 4], np.int64)), outputs=2, axis=2)
    h = b.node("MatMul", b.node("Relu", left, name="loose_relu"), b.normal(4, 6))
    g = b.node("MatMul", right, b.normal(4, 6))
    h = b.node("Relu", b.node("Relu", b.node("Sub", h, g)))
    b.output(b.node("Flatten", h), 2)


def _constants(b: Builder) -> None:
    x = b.input("x", (1, 4, 6, 6))
    h = b.node("Mul", x, b.normal(4, 1, 1))
    h = b.node("Add", b.conv(h, 4, 4), b.normal(1, 4, 1, 1))
    h = b.node("Div", h, b.constant(np.float32(3)))
    b.output(b.node("Concat", h, b.constant(np.full((1, 1, 6, 6), 0.5, np.float32)), axis=1), 4)


def _branches(b: Builder) -> None:
    """An If whose branches read a quantized tensor, beside quantizable layers; and an LSTM behind them."""
    x = b.input("x", (5, "n", 6))
    h = b.node("MatMul", x, b.normal(6, 6), name="dense")
    value = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    then = helper.make_graph([helper.make_node("Relu", [h], ["inner"], name="then_relu")], "then", [], [value])
    other = helper.make_tensor_value_info("inner2", TensorProto.FLOAT, None)
    orelse = helper.make_graph([helper.make_node("Neg", [h], ["inner2"], name="else_neg")], "else", [], [other])
    flag = b.node("Less", b.node("ReduceSum", h, keepdims=0), b.constant(np.float32(0)))
    chosen = b.node("If", flag, then_branch=then, else_branch=orelse, name="choice")
    weights = [b.normal(1, 16, 6), b.normal(1, 16, 4), b.normal(1, 32)]
    state = b.node("LSTM", chosen, *weights, hidden_size=4, name="memory")
    state = b.node("Squeeze", state, b.constant(np.array([1], np.int64)))
    b.output(b.node("MatMul", state, b.normal(4, 3), name="head"), 3)


def _loop(b: Builder) -> None:
    x = b.input("x", ("n", 6))
    h = b.node("Gemm", x, b.normal(6, 6), name="dense")
    infos = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, ["n", 6]),
    ]
    nodes = [
        helper.make_node("Add", ["state", h], ["next"], name="inner_add"),
        helper.make_node("Identity", ["go"], ["go_on"], name="inner_go"),
    ]
    outs = [
        helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("next", TensorProto.FLOAT, ["n", 6]),
    ]
    body = helper.make_graph(nodes, "body", infos, outs)
    y = b.node("Loop", b.constant(np.int64(3)), b.constant(np.bool_(True)), h, body=body, name="loop")
    b.output(b.node("Gemm", y, b.normal(6, 3), name="head"), 2)


def _shapes(b: Builder) -> None:
    """Shape arithmetic on integers beside the quantized layers."""
    x = b.input("x", ("n", 3, 8, 8))
    h = b.node("Relu", b.conv(x, 3, 4))
    batch = b.node("Gather", b.node("Shape", h), b.constant(np.array([0], np.int64)))
    shape = b.node("Concat", batch, b.constant(np.array([-1], np.int64)), axis=0)
    h = b.node("Reshape", h, shape)
    b.output(b.node("Gemm", h, b.normal(256, 3)), 2)


ZOO: dict[str, Callable[[Builder], None]] = {
    "attention": _attention,
    "block": _block,
    "branches": _branches,
    "cnn": _cnn,
    "concat": _concat,
    "constants": _constants,
    "depthwise": _depthwise,
    "fixed": _fixed,
    "loop": _loop,
    "long_rows": _long_rows,
    "mlp": _mlp,
    "residual": _residual,
    "shapes": _shapes,
    "shared": _shared,
    "transposed": _transposed,
    "two": _two,
    "unmoved": _unmoved,
}


def build(name: str, seed: int = 0) -> onnx.ModelProto:
    """The graph called ``name`` with weights from ``seed``."""
    builder = Builder(seed)
    ZOO[name](builder)
    return builder.model()


def feeds_for(proto: onnx.ModelProto, n: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Normal values for every input; ``n`` samples where the batch is free."""
    random = np.random.default_rng(seed)
    feeds = {}
    for value in proto.graph.input:
        shape = [d.dim_value or n for d in value.type.tensor_type.shape.dim]
        feeds[value.name] = random.normal(size=shape).astype(np.float32)
    return feeds
