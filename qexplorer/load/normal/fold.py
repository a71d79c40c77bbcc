"""Constant folding: shape arithmetic, and weights that reach their layer through Transpose, Cast and the like."""

from __future__ import annotations

import math

import onnx
import onnx_ir as ir

__all__ = ["folded"]

# Rearranging or combining weights: done whatever their size, because a layer can only be quantized if its weight is
# there as one constant.
_REARRANGING = ("Transpose", "Reshape", "Cast", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Concat", "Identity")
_COMBINING = ("Mul", "Add", "Sub", "Div", "Neg", "Sqrt", "Reciprocal")
_OF_WEIGHTS = frozenset((*_REARRANGING, *_COMBINING))
# Small inputs, output of any size.
_GROWING = frozenset(("Expand", "Tile", "Range", "Resize", "Pad", "OneHot", "EyeLike", "Gather", "Einsum", "MatMul"))
_KEPT = "qexplorer.kept"
_MAX_VALUES = 2**20
_MAX_FILLED_VALUES = 2**16


def folded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without nodes whose results are constant, without inference-time Dropout, and without Identity but where
    it gives a value a second name among the outputs.

    Quantize and DequantizeLinear stay, as does whatever would grow large.
    """
    from onnxscript.optimizer import fold_constants

    model = ir.from_proto(proto)
    _keep_second_names(model.graph)
    fold_constants(model, onnx_shape_inference=True, should_fold=_should_fold)
    _drop_dropout(model.graph)
    _keep_second_names(model.graph)
    ir.passes.Sequential(
        ir.passes.common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        ir.passes.common.IdentityEliminationPass(),
        ir.passes.common.RemoveUnusedNodesPass(),
    )(model)
    for node in model.graph:
        node.domain = "" if node.domain == _KEPT else node.domain
    return ir.to_proto(model)


def _keep_second_names(graph: ir.Graph) -> None:
    """Marks each Identity that gives a value a second name among the outputs: removed, one of the names would be lost.

    A mark is a domain that no pass knows; :func:`folded` takes it off again.
    """
    named: set[ir.Value] = set()
    for output in graph.outputs:
        root = output
        while (node := root.producer()) is not None and _is_identity(node) and node.inputs[0] is not None:
            root = node.inputs[0]
        maker = output.producer()
        if maker is not None and root is not output and (root in named or root.is_graph_output()):
            maker.domain = _KEPT
        named.add(root)


def _is_identity(node: ir.Node) -> bool:
    return node.op_type == "Identity" and node.domain in ("", _KEPT)


def _should_fold(node: ir.Node) -> bool | None:
    """True: always; False: never; None: only if its inputs are small."""
    if node.domain or any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values()):
        return None
    if node.op_type == "ConstantOfShape":  # zeros of a state or a bias, and at times whole weights
        values = _values(node.outputs[0])
        return values is not None and values <= _MAX_FILLED_VALUES
    if node.op_type in _GROWING:
        values = _values(node.outputs[0])
        return None if values is not None and values <= _MAX_VALUES else False
    if node.op_type in _OF_WEIGHTS:
        sizes = [value.const_value.size for value in node.inputs if value is not None and value.const_value is not None]
        values = _values(node.outputs[0])
        # an outer product of two vectors would grow; a sum with a vector does not
        return True if values is not None and values <= max(sizes, default=0) * 2 else None
    return None


def _values(value: ir.Value) -> int | None:
    """Number of values in a tensor; None if its shape is not known."""
    shape = value.shape
    return math.prod(shape.numpy()) if shape is not None and shape.is_static() else None


def _drop_dropout(graph: ir.Graph) -> None:
    """Turns Dropout, which passes everything on at inference, into Identity."""
    for node in graph:
        if node.op_type != "Dropout" or node.domain:
            continue
        mode = node.inputs[2] if len(node.inputs) > 2 else None
        training = mode is not None and (mode.const_value is None or bool(mode.const_value.numpy()))
        masked = len(node.outputs) > 1 and (node.outputs[1].uses() or node.outputs[1].is_graph_output())
        if not training and not masked:
            same = ir.node("Identity", [node.inputs[0]])
            same.outputs[0].name = node.outputs[0].name
            same.outputs[0].type, same.outputs[0].shape = node.outputs[0].type, node.outputs[0].shape
            ir.convenience.replace_nodes_and_values(graph, node, [node], [same], [node.outputs[0]], [same.outputs[0]])
