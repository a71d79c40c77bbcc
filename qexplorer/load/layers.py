"""The layer map: what every node of a graph is, holds and costs, and whether it can be quantized.

Found from how nodes and weights are used, never from names: exporters rename and share weights as they like.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from qexplorer.core.model import Layer
from qexplorer.graph.constant_nodes import is_constant_node
from qexplorer.graph.embeddings import embedding_table
from qexplorer.graph.index import GraphIndex
from qexplorer.graph.types import declared_types
from qexplorer.graph.walk import default_opset, fed_inputs, subgraphs
from qexplorer.load.batch_axes import declared_shape, stand_alone
from qexplorer.load.macs import Shape, layer_macs, shapes_for_one_sample
from qexplorer.load.operators import MOVES, QUANTIZABLE, OperatorKind, OperatorRule
from qexplorer.load.parameters import Readers, counts, readers_of
from qexplorer.load.safety.finite import first_nonfinite

__all__ = ["LOWEST_QUANTIZABLE_OPSET", "QUANTIZABLE", "layer_map"]

LOWEST_QUANTIZABLE_OPSET = 13  # QuantizeLinear got its axis there
_T = onnx.TensorProto
_FLOATS = (_T.FLOAT, _T.FLOAT16, _T.BFLOAT16, _T.DOUBLE)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a graph before its nodes are looked at one by one."""

    weights: dict[str, onnx.TensorProto]
    types: dict[str, int]
    shapes: dict[str, Shape]
    opset: int
    batch: int
    quantized: frozenset[str]
    readers: Readers
    view: GraphIndex


def layer_map(proto: onnx.ModelProto) -> tuple[Layer, ...]:
    """Every node that is not a constant, in execution order, those inside If, Loop and Scan after their owner.

    Args:
        proto: a normalized model (unique node names, shapes inferred).
    """
    facts = _Facts(
        {tensor.name: tensor for tensor in proto.graph.initializer},
        declared_types(proto.graph)[0],
        shapes_for_one_sample(proto),
        default_opset(proto),
        _batch(proto),
        frozenset(o for n in proto.graph.node if n.op_type == "DequantizeLinear" for o in n.output),
        readers_of(proto.graph),
        GraphIndex(proto),
    )
    counted: set[str] = set()
    layers: list[Layer] = []
    for node in proto.graph.node:
        if not is_constant_node(node):
            layers.append(_layer(node, facts, counted))
            layers.extend(_inner_layers(node, facts, counted))
    return tuple(layers)


def _batch(proto: onnx.ModelProto) -> int:
    """Batch size that the file insists on; 1 if any will do."""
    shapes = [declared_shape(value) for value in fed_inputs(proto.graph)]
    lengths = [s[0] for s, alone in zip(shapes, stand_alone(shapes), strict=True) if s and not alone]
    return max(next((length for length in lengths if isinstance(length, int)), 1), 1)


def _layer(node: onnx.NodeProto, facts: _Facts, counted: set[str]) -> Layer:
    reason = _why_not(node, facts)
    rule = QUANTIZABLE.get(node.op_type) if not node.domain else None
    weight = _weight_name(node, rule, facts) if reason is None else None
    return Layer(
        name=node.name,
        op=node.op_type if not node.domain else f"{node.domain}:{node.op_type}",
        inputs=tuple(name for name in node.input if name and name not in facts.weights),
        outputs=tuple(name for name in node.output if name),
        weight=weight,
        weight_shape=tuple(facts.weights[weight].dims) if weight else (),
        weight_axis=_weight_axis(node, facts) if weight else None,
        parameters=_parameters(node, facts.weights, facts, counted),
        macs=layer_macs(node, facts.shapes, facts.batch),
        quantizable=reason is None,
        reason=reason,
        computes=_computes(node, facts.weights, facts.types),
    )


def _computes(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto], types: dict[str, int]) -> bool:
    """Whether the node computes anything of the model's data: a look-up in a table of weights does, a Reshape does not,
    nor does arithmetic of dimensions and truth values."""
    if node.domain:
        return True
    if node.op_type in MOVES:
        table = weights.get(node.input[0]) if node.op_type.startswith("Gather") else None
        return table is not None and table.data_type in _FLOATS and len(table.dims) > 1
    kinds = [types.get(name, _T.UNDEFINED) for name in (*node.input, *node.output) if name]
    return _T.UNDEFINED in kinds or any(kind in _FLOATS for kind in kinds)


def _inner_layers(node: onnx.NodeProto, facts: _Facts, counted: set[str]) -> list[Layer]:
    """Nodes inside the branches or the body of ``node``: listed, run in float."""
    found: list[Layer] = []
    for graph in subgraphs(node):
        weights = facts.weights | {tensor.name: tensor for tensor in graph.initializer}
        for inner in graph.node:
            if is_constant_node(inner):
                continue
            inputs = tuple(name for name in inner.input if name and name not in weights)
            outputs = tuple(name for name in inner.output if name)
            reason = f"it is inside '{node.name}' ({node.op_type}), whose inside runs in float"
            values = _parameters(inner, weights, facts, counted)
            op = inner.op_type
            computes = _computes(inner, weights, {})
            found.append(Layer(inner.name, op, inputs, outputs, None, (), None, values, None, False, reason, computes))
            found.extend(_inner_layers(inner, facts, counted))
    return found


def _parameters(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto], facts: _Facts, counted: set[str]) -> int:
    """Number of parameters in initializers that no earlier node has used, as they are or turned over."""
    tied = facts.view.tied
    fresh = {
        tied.get(name, name): name for name in node.input if name in weights and tied.get(name, name) not in counted
    }
    counted.update(fresh)  # in place: "|=" with a view of keys would make another set
    return sum(_size(weights[name]) for name in fresh.values() if counts(weights[name], name, facts.readers))


def _size(tensor: onnx.TensorProto) -> int:
    size = 1
    for d in tensor.dims:
        size *= d
    return size


def _weight_name(node: onnx.NodeProto, rule: OperatorRule | None, facts: _Facts) -> str | None:
    if table := embedding_table(node, facts.view):
        return table
    if rule is None or rule.weight_input is None or len(node.input) <= rule.weight_input:
        return None
    name = node.input[rule.weight_input]
    return name if name in facts.weights else None


def _weight_axis(node: onnx.NodeProto, facts: _Facts) -> int | None:
    """Axis of the output channels; None for a vector, which has one output."""
    if node.op_type in ("Conv", "Gather"):
        return 0
    if node.op_type == "ConvTranspose":
        return 1
    if node.op_type == "Gemm":
        return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
    rank = len(facts.weights[node.input[1]].dims)
    return rank - 1 if rank > 1 else None


def _why_not(node: onnx.NodeProto, facts: _Facts) -> str | None:
    """Why the node cannot be quantized, in one sentence; None if it can."""
    if node.domain:
        return f"it is an operator of the domain '{node.domain}', of which qexplorer knows nothing"
    if node.op_type in ("QuantizeLinear", "DequantizeLinear") or facts.quantized.intersection(node.input):
        return "the file has it quantized already"
    if node.op_type in ("If", "Loop", "Scan"):
        return f"{node.op_type} holds graphs of its own, which run in float"
    rule = QUANTIZABLE.get(node.op_type)
    if rule is None:
        return f"{node.op_type} has no quantized form here"
    if facts.opset < LOWEST_QUANTIZABLE_OPSET:
        lowest = LOWEST_QUANTIZABLE_OPSET
        return f"the file stays at opset {facts.opset}, and quantized graphs need at least opset {lowest}"
    if table := embedding_table(node, facts.view):
        return f"its table '{table}' holds infinities, which no grid can" if _infinite(table, facts) else None
    return _why_not_form(node, rule, facts) or _why_not_data(node, rule, facts)


def _why_not_data(node: onnx.NodeProto, rule: OperatorRule, facts: _Facts) -> str | None:
    """Reasons that lie in what flows through the node."""
    positions = range(len(node.input)) if rule.activation_inputs is None else rule.activation_inputs
    data = [node.input[i] for i in positions if i < len(node.input) and node.input[i]]
    for name in (*data, *node.output[:1]):
        kind = facts.types.get(name, _T.UNDEFINED)
        if kind == _T.UNDEFINED:
            return f"the element type of '{name}' is not known"
        if kind != _T.FLOAT:
            return f"it works on {_T.DataType.Name(kind).lower()}, not on float32"
    if not any(name not in facts.weights for name in data):
        return "all numbers that it reads are constants"
    for name in data:
        if name in facts.weights and _infinite(name, facts):
            return f"its constant '{name}' holds infinities, which no grid can"
    return None


def _infinite(name: str, facts: _Facts) -> bool:
    return bool(first_nonfinite(facts.weights[name]))


def _why_not_form(node: onnx.NodeProto, rule: OperatorRule, facts: _Facts) -> str | None:
    """Reasons that lie in the node's attributes and constants."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    constant = [name in facts.weights for name in node.input]
    if rule.kind is OperatorKind.WEIGHTED:
        return _why_not_weighted(node, constant, facts)
    if node.op_type == "Clip" and not all(c for c, name in zip(constant[1:], node.input[1:], strict=True) if name):
        return "its limits are computed at run time"
    if node.op_type == "Resize" and attributes.get("mode", b"nearest") != b"nearest":
        return f"Resize in mode {attributes['mode'].decode()} computes new values, and has no quantized form here"
    if node.op_type == "MaxPool" and len([name for name in node.output if name]) > 1:
        return "it also gives the places of the maxima"
    return None


def _why_not_weighted(node: onnx.NodeProto, constant: list[bool], facts: _Facts) -> str | None:
    if node.op_type == "MatMul":
        if constant[0]:
            return "its constant is the first factor, for which there are no integer kernels"
    elif not constant[1]:
        return "its weight is computed at run time"
    if len(constant) > 2 and node.input[2] and not constant[2]:
        return "its bias is computed at run time"
    kind = facts.types.get(node.input[1], _T.UNDEFINED)
    if kind != _T.FLOAT:
        return f"its weight is {_T.DataType.Name(kind).lower()}, not float32"
    return None
