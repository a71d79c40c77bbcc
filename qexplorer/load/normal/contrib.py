"""ONNX Runtime's own operators written in ONNX's: what its tools leave in a file, so that every backend knows it.

Definitions are those of ``ContribOperators.md`` (domain ``com.microsoft``, version 1), in ONNX opset 21:

- QuickGelu: ``x * Sigmoid(alpha * x)``.
- Gelu and BiasGelu: Gelu, of the sum for the latter. FastGelu: Gelu by tanh, of the sum where there is a bias.
- SkipLayerNormalization: LayerNormalization of the sum, which may be an output itself.

ONNX Runtime's optimizer makes its own operators of these again where it has a kernel for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx
import onnx_ir as ir
from onnx_ir.tape import Tape

from qexplorer.graph.walk import default_opset
from qexplorer.load.safety.limits import TARGET_OPSET
from qexplorer.load.shapes import add_shapes

__all__ = ["in_standard_operators"]

_DOMAIN = "com.microsoft"
_Outputs = dict[int, ir.Value]
_Rule = Callable[[Tape, ir.Node], _Outputs | None]


def in_standard_operators(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the operators above replaced in the main graph; the same message if there are none, or if it stayed
    at an older opset, which lacks some of the standard ones."""
    named = {node.op_type for node in proto.graph.node if node.domain == _DOMAIN}
    if not named & _RULES.keys() or default_opset(proto) < TARGET_OPSET:
        return proto
    typed = onnx.ModelProto()
    typed.CopyFrom(proto)
    add_shapes(typed)
    model = ir.from_proto(typed)
    for node in list(model.graph):
        if node.domain == _DOMAIN and node.op_type in _RULES:
            _replace(model.graph, node)
    return ir.to_proto(model)


def _replace(graph: ir.Graph, node: ir.Node) -> None:
    tape = Tape()
    made = _RULES[node.op_type](tape, node)
    if made is None:
        return
    tape.nodes[-1].name = node.name  # the others are named as all nodes without a name are
    for value in tape.initializers:
        graph.register_initializer(value)
    old = [node.outputs[place] for place in made]
    ir.convenience.replace_nodes_and_values(graph, node, [node], tape.nodes, old, list(made.values()))


def _quick_gelu(tape: Tape, node: ir.Node) -> _Outputs | None:
    x, alpha = node.inputs[0], node.attributes.get_float("alpha", 1.702)
    if x is None or x.dtype is None:
        return None
    factor = tape.initializer(ir.tensor(alpha, dtype=x.dtype), name=f"{node.outputs[0].name}/alpha")
    return {0: tape.op("Mul", [x, tape.op("Sigmoid", [tape.op("Mul", [x, factor])])])}


def _gelu(tape: Tape, node: ir.Node) -> _Outputs:
    approximate = "tanh" if node.op_type == "FastGelu" else "none"
    return {0: tape.op("Gelu", [_sum(tape, node.inputs)], {"approximate": approximate})}


def _skip_layer_normalization(tape: Tape, node: ir.Node) -> _Outputs | None:
    x, skip, scale, shift, bias = (*node.inputs, None, None)[:5]
    if any(value.uses() or value.is_graph_output() for value in node.outputs[1:3]):
        return None  # mean and deviation, which ONNX Runtime itself does not give
    total = _sum(tape, (x, skip, bias))
    settings = {"axis": -1, "epsilon": node.attributes.get_float("epsilon", 1e-12)}
    found = {0: tape.op("LayerNormalization", [total, scale, *([shift] if shift is not None else [])], settings)}
    return found | {3: total} if len(node.outputs) > 3 else found


def _sum(tape: Tape, parts: Sequence[ir.Value | None]) -> ir.Value:
    first, *others = (part for part in parts if part is not None)
    for part in others:
        first = tape.op("Add", [first, part])
    return first


_RULES: dict[str, _Rule] = {
    "QuickGelu": _quick_gelu,
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "FastGelu": _gelu,
    "SkipLayerNormalization": _skip_layer_normalization,
}
