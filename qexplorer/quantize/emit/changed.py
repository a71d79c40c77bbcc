"""The float graph with the constants that an algorithm changed, before it is written in its quantized form.

A changed constant is the layer's own, so that other layers which shared the old one keep it. A bias for a layer that
had none becomes one more input, or an addition behind operators that take no bias (MatMul).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qexplorer.graph.index import label_of
from qexplorer.load.operators import QUANTIZABLE
from qexplorer.quantize.plan_types import ChangedConstant

if TYPE_CHECKING:
    import onnx

__all__ = ["with_changed"]


def with_changed(proto: onnx.ModelProto, changed: Sequence[ChangedConstant]) -> onnx.ModelProto:
    """``proto`` after each of ``changed`` was put in its place; it is changed where it is, and returned.

    Raises:
        ValueError: a layer that is not there, or an input that the operator cannot have.
    """
    if not changed:
        return proto
    from onnx import numpy_helper

    nodes = {label_of(node): node for node in proto.graph.node}
    for constant in changed:
        if constant.layer not in nodes:
            raise ValueError(f"there is no layer called '{constant.layer}' whose constant could be changed")
        proto.graph.initializer.append(numpy_helper.from_array(constant.values, constant.name))
        node = nodes[constant.layer]
        if constant.position < len(node.input):
            node.input[constant.position] = constant.name
        elif _takes_bias(node, constant.position):
            node.input.append(constant.name)
        else:
            _add_behind(proto.graph, node, constant)
    return proto


def _takes_bias(node: onnx.NodeProto, position: int) -> bool:
    rule = QUANTIZABLE.get(node.op_type)
    return rule is not None and rule.bias_input == position == len(node.input)


def _add_behind(graph: onnx.GraphProto, node: onnx.NodeProto, constant: ChangedConstant) -> None:
    """Puts an addition of ``constant`` between ``node`` and all that read it."""
    from onnx import helper

    rule = QUANTIZABLE.get(node.op_type)
    if rule is None or rule.weight_input is None or rule.bias_input is not None or constant.position != len(node.input):
        raise ValueError(f"'{node.name}' ({node.op_type}) has no input {constant.position}")
    output = node.output[0]
    node.output[0] = f"{constant.name}/unbiased"
    added = helper.make_node("Add", [node.output[0], constant.name], [output], name=f"{constant.name}/Add")
    graph.node.insert(next(i for i, each in enumerate(graph.node) if each.output[0] == node.output[0]) + 1, added)
