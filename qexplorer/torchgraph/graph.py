"""A model's graph as plain data: nodes, constants, versions and element types."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.graph.constant_nodes import is_constant_node
from qexplorer.graph.index import GraphIndex
from qexplorer.graph.types import declared_types
from qexplorer.graph.walk import DEFAULT_DOMAINS, default_opset

if TYPE_CHECKING:
    import onnx

__all__ = ["Graph", "graph_of", "missing_in", "missing_operators", "read_model"]


@dataclass(frozen=True, slots=True)
class Graph:
    """What the executor needs to know.

    Attributes:
        inputs: names that a caller feeds, in order (no initializers).
        outputs: names of the outputs, in order.
        nodes: in execution order, without Constant nodes and with local functions written out.
        constants: initializers and the values of Constant nodes, by name.
        initializers: names of the constants that are initializers.
        opsets: version of every operator set, by domain; the default one is ``""``.
        types: ONNX element types of tensors, where they are known without running anything.
        index: who makes and who reads a tensor.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[onnx.NodeProto, ...]
    constants: dict[str, onnx.TensorProto]
    initializers: frozenset[str]
    opsets: dict[str, int]
    types: dict[str, int]
    index: GraphIndex

    def opset(self, node: onnx.NodeProto) -> int:
        """The version of the operator set that ``node`` belongs to."""
        return self.opsets.get("" if node.domain == "ai.onnx" else node.domain, 1)


def read_model(model: onnx.ModelProto | Path | str) -> onnx.ModelProto:
    """The model itself, or what is in the file at that path."""
    import onnx

    return onnx.load(str(model)) if isinstance(model, (str, Path)) else model


def graph_of(model: onnx.ModelProto) -> Graph:
    """Reads a model; the model is not changed."""
    model = _written_out(model)
    index = GraphIndex(model)
    constants = index.constants
    return Graph(
        inputs=index.inputs,
        outputs=index.outputs,
        nodes=tuple(node for node in index.order if not (is_constant_node(node) and node.output[0] in constants)),
        constants=constants,
        initializers=frozenset(index.initializers),
        opsets={"" if item.domain == "ai.onnx" else item.domain: item.version for item in model.opset_import},
        types=declared_types(index.graph)[0] | {name: item.data_type for name, item in constants.items()},
        index=index,
    )


def _written_out(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without local functions, and with operators that torch has no kernel for, but that ONNX defines by
    other operators, replaced by those."""
    import onnx.inliner

    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    for name in sorted(_open(model)):
        try:
            found = onnx.inliner.inline_selected_functions(model, [("", name)], inline_schema_functions=True)
        except RuntimeError:  # ONNX asks for a type that the file does not tell
            continue
        if name not in _open(found) and _open(found) < _open(model):
            model = found
    return model


def _open(model: onnx.ModelProto) -> set[str]:
    """Operators of the default set that torch has no kernel for."""
    from qexplorer.torchgraph.operators import supported

    version = default_opset(model) or 1
    ops = {node.op_type for node in model.graph.node if node.domain in DEFAULT_DOMAINS} - {"Constant"}
    return {name for name in ops if not supported(name, "", version)}


def missing_in(graph: Graph, elsewhere: Collection[str] = ()) -> Iterator[str]:
    """What torch has no kernel for: the first node of each such operator, as ``'loop_3' (Loop, opset 21)`` or
    ``'gelu' (QuickGelu, version 1 of com.microsoft)``.

    Args:
        graph: as :func:`graph_of` read it.
        elsewhere: operator types that the caller computes by itself.
    """
    from qexplorer.torchgraph.operators import supported

    seen = set()
    for node in graph.nodes:
        version, key = graph.opset(node), (node.domain, node.op_type)
        if key in seen or node.op_type in elsewhere or supported(node.op_type, node.domain, version):
            continue
        seen.add(key)
        kind = f"opset {version}" if node.domain in DEFAULT_DOMAINS else f"version {version} of {node.domain}"
        yield f"'{node.name or node.output[0]}' ({node.op_type}, {kind})"


def missing_operators(model: onnx.ModelProto | Path) -> tuple[str, ...]:
    """What torch has no kernel for in ``model``, as :func:`missing_in` says it."""
    return tuple(missing_in(graph_of(read_model(model))))
