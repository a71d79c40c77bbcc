"""Small graphs, rewritten for LiteRT, and what the nodes that come out of it compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from qexplorer.core.dataset import Array
from qexplorer.run.litert.graph_edit import DOMAIN
from qexplorer.run.litert.rewrite.graph import Rewritten, rewritten

__all__ = ["Case"]


class Grid(OpRun):
    """A signed grid and back."""

    op_domain = DOMAIN

    def _run(self, x: Array, scale: float, zero_point: int, type: str) -> tuple[Array]:
        limits = np.iinfo(type)
        codes = np.clip(np.rint(x / np.float32(scale)) + zero_point, limits.min, limits.max)
        return (((codes - zero_point) * np.float32(scale)).astype(np.float32),)


class Rounded(OpRun):
    """A grid of any integers and back."""

    op_domain = DOMAIN

    def _run(self, x: Array, scale: float, zero_point: int, low: int, high: int) -> tuple[Array]:
        codes = np.clip(np.rint(x / np.float32(scale)) + zero_point, low, high)
        return (((codes - zero_point) * np.float32(scale)).astype(np.float32),)


class Weight(OpRun):
    """Constants that lie on their scales."""

    op_domain = DOMAIN

    def _run(self, values: Array, scales: list[float], axis: int, bits: int) -> tuple[Array]:
        shape = [-1 if place == axis else 1 for place in range(values.ndim)]
        codes = values / np.asarray(scales, np.float32).reshape(shape if axis >= 0 else [1] * values.ndim)
        assert np.allclose(codes, np.rint(codes), atol=1e-4), "it lies on its scales"
        assert np.abs(codes).max() <= 2 ** (bits - 1)
        return (values,)


class FullyConnected(OpRun):
    """A layer whose weight has outputs first."""

    op_domain = DOMAIN

    def _run(self, x: Array, weight: Array, bias: Array | None = None) -> tuple[Array]:
        return (x @ weight.T + (0 if bias is None else bias),)


class Bound(OpRun):
    """A Clip with constant bounds."""

    op_domain = DOMAIN

    def _run(self, x: Array, low: float | None = None, high: float | None = None) -> tuple[Array]:
        return (np.clip(x, low, high),)


class FloatSoftmax(OpRun):
    """A softmax in float."""

    op_domain = DOMAIN

    def _run(self, x: Array, axis: int) -> tuple[Array]:
        powers = np.exp(x - x.max(axis, keepdims=True))
        return (powers / powers.sum(axis, keepdims=True),)


class Apart(OpRun):
    """Values that codes do not cross."""

    op_domain = DOMAIN

    def _run(self, x: Array) -> tuple[Array]:
        return (x,)


class FloatDiv(OpRun):
    """Div that is kept in float."""

    op_domain = DOMAIN

    def _run(self, a: Array, b: Array) -> tuple[Array]:
        return (a / b,)


OPERATORS = [Grid, Rounded, Weight, FullyConnected, Bound, FloatDiv, FloatSoftmax, Apart]


class Case:
    """Nodes from ``x`` of ``shape`` to ``y``; constants are added as they are named."""

    def __init__(self, shape: tuple[int, ...] = (5, 6)) -> None:
        self.shape, self.nodes, self.stored = shape, list[onnx.NodeProto](), list[onnx.TensorProto]()

    def constant(self, values: Any, kind: int | None = None) -> str:
        """A constant with ``values``, of a type that NumPy lacks if it is told."""
        name, array = f"c{len(self.stored)}", np.asarray(values)
        made = numpy_helper.from_array(array, name)
        if kind is not None:
            made = helper.make_tensor(name, kind, array.shape, array.reshape(-1).tolist())
        self.stored.append(made)
        return name

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """A node with one output."""
        made = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [made], **attributes))
        return made

    def weight(self, codes: Array, scale: Any, zero: Any = None, kind: int | None = None, **attributes: Any) -> str:
        """A DequantizeLinear of constant codes."""
        points = [] if zero is None else [self.constant(np.asarray(zero, codes.dtype), kind)]
        steps = self.constant(np.asarray(scale, np.float32))
        return self.node("DequantizeLinear", self.constant(codes, kind), steps, *points, **attributes)

    def rounded(self, x: str, scale: float, zero: Any, output: str | None = None) -> str:
        """``x`` on a grid and back."""
        grid = [self.constant(np.float32(scale)), *([] if zero is None else [self.constant(zero)])]
        return self.node("DequantizeLinear", self.node("QuantizeLinear", x, *grid), *grid, output=output)

    def found(self, *outputs: str, exact: bool = True) -> tuple[list[str], Rewritten]:
        """Operators after the rewrite, and all of it; with the same answers as before."""
        info, names = helper.make_tensor_value_info, outputs or (self.nodes[-1].output[0],)
        ends = [info("x", TensorProto.FLOAT, self.shape)], [info(name, TensorProto.UNDEFINED, None) for name in names]
        graph = helper.make_graph(self.nodes, "g", *ends, self.stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        done = rewritten(model)
        feeds = {"x": np.random.default_rng(1).normal(size=self.shape).astype(np.float32)}
        wanted = ReferenceEvaluator(model).run(None, feeds)
        given = ReferenceEvaluator(done.model, new_ops=OPERATORS).run(None, feeds)
        for place, (one, other) in enumerate(zip(given, wanted, strict=True)):
            codes = done.codes_out.get(place)
            answer = one if codes is None else np.rint(one / np.float32(codes.scale)) + codes.zero_point
            assert codes is None or other.dtype.name == codes.dtype
            np.testing.assert_allclose(answer, other, rtol=0, atol=1e-5 if exact else 0.02 * np.abs(other).max())
        return [node.op_type for node in done.model.graph.node], done
