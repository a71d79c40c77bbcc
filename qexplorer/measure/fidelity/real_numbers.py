"""What a graph says in real numbers: every float of it computed in float64, roundings to codes included.

Float32 is off by some parts in ten million at every operation, more where large terms cancel. How far it is off at one
output of one graph is found by computing both: the difference is the measure for what other float kernels, which add
in another order, may differ by. Sums of 8-bit products are as good as exact here, so that a rounding can be told right
from wrong also where a sum in float32 strays by more than a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array, as_declared
from qexplorer.core.errors import BackendError
from qexplorer.load.batch_axes import declared_shape

if TYPE_CHECKING:
    import onnx

__all__ = ["RealNumbers", "holds_halves", "widened"]

_FLOAT, _HALF, _DOUBLE, _BFLOAT = 1, 10, 11, 16  # onnx.TensorProto
_FLOATS = (_FLOAT, _HALF, _BFLOAT)
_TYPES = ("to", "dtype", "output_dtype")
"""Attributes that name an element type."""


class RealNumbers:
    """A graph in float64, on torch.

    Args:
        model: any graph; it is not changed.
        threads: of one operator.
        halves: round every result of a node to 16 bits where the graph says so, and nothing else: how far such a graph
            is off by itself, whatever a runtime computes it in.

    Raises:
        BackendError: it holds an operator that torchgraph does not have, or graphs inside nodes.
    """

    def __init__(self, model: onnx.ModelProto, threads: int, *, halves: bool = False) -> None:
        from qexplorer.torchgraph.executor import GraphModule
        from qexplorer.torchgraph.graph import missing_operators

        missing = missing_operators(model)
        if missing:
            raise BackendError(f"PyTorch has no kernel here for {', '.join(missing)}")
        self._threads = threads
        self._ranks = {
            item.name: len(shape) for item in model.graph.input if (shape := declared_shape(item)) is not None
        }
        self._module = GraphModule(widened(model, halves=halves))

    def run(self, feeds: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """Tensors called ``names`` for one batch, floats in float64. Raises BackendError."""
        import torch

        from qexplorer.run.torch_session.ends import array_of, guarded, tensor_of

        torch.set_num_threads(self._threads)
        with guarded("float64"), torch.inference_mode():
            device = torch.device("cpu")
            given = {name: tensor_of(_wide(array), device) for name, array in as_declared(feeds, self._ranks).items()}
            found = self._module.tensors(given, names)
            return {name: array_of(value) for name, value in found.items()}


def _wide(array: Array) -> Array:
    is_float = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
    return np.ascontiguousarray(array, np.float64) if is_float else np.array(array)


def holds_halves(model: onnx.ModelProto) -> bool:
    """Whether the graph computes in 16-bit floats somewhere."""
    from qexplorer.graph.index import GraphIndex

    return any(kind in (_HALF, _BFLOAT) for kind in GraphIndex(model).types.values())


def widened(model: onnx.ModelProto, *, halves: bool = False) -> onnx.ModelProto:
    """The same graph with every float of 16 or 32 bits in 64; with ``halves``, results of 16 bits are rounded to these.

    Raises:
        BackendError: there are graphs inside nodes.
    """
    import onnx

    from qexplorer.graph.index import GraphIndex

    types = GraphIndex(model).types if halves else {}

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in _FLOATS:
            value.type.tensor_type.elem_type = _DOUBLE
    for item in graph.initializer:
        _widen(item)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
                raise BackendError("a graph inside a node is not computed in float64", where=node.name or node.op_type)
            if attribute.name in _TYPES and attribute.i in _FLOATS:
                attribute.i = _DOUBLE
            if attribute.HasField("t"):
                _widen(attribute.t)
        if node.op_type == "Constant":
            _plain_floats(node)
    rounded = [each for node in graph.node for each in _rounded(node, types)]
    del graph.node[:]
    graph.node.extend(rounded)
    return copy


def _rounded(node: onnx.NodeProto, types: Mapping[str, int]) -> list[onnx.NodeProto]:
    """A node, and behind each of its results of 16 bits a rounding to them."""
    from onnx import helper

    nodes = [node]
    for place, name in enumerate(node.output):
        kind = types.get(name, 0)
        if kind in (_HALF, _BFLOAT):
            wide, half = f"{name}//wide", f"{name}//half"
            node.output[place] = wide
            nodes.append(helper.make_node("Cast", [wide], [half], to=kind))
            nodes.append(helper.make_node("Cast", [half], [name], to=_DOUBLE))
    return nodes


def _widen(item: onnx.TensorProto) -> None:
    from onnx import numpy_helper

    if item.data_type in _FLOATS:
        item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float64), item.name))


def _plain_floats(node: onnx.NodeProto) -> None:
    """``value_float`` and ``value_floats`` have no type of their own: as tensors they have."""
    from onnx import helper, numpy_helper

    for attribute in list(node.attribute):
        if attribute.name in ("value_float", "value_floats"):
            given = attribute.f if attribute.name == "value_float" else list(attribute.floats)
            node.attribute.remove(attribute)
            node.attribute.append(
                helper.make_attribute("value", numpy_helper.from_array(np.asarray(given, np.float64)))
            )
