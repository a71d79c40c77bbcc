"""Half precision: which layers can go to float16 or bfloat16, decided from the operators' own type constraints.

A layer stays in float32 if its operator does not accept float16 where it reads and writes float32, if it holds
subgraphs or a recurrence, or (float16) if a weight or an observed activation is beyond the largest float16, 65504.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.formats import get_format
from qexplorer.graph.index import GraphIndex
from qexplorer.graph.walk import subgraphs
from qexplorer.quantize.decide import Decision, Treatment, keep_float

if TYPE_CHECKING:
    import onnx

    from qexplorer.observe.stats import Statistics

__all__ = ["FP16_MAX", "check_half", "half_inputs"]

FP16_MAX = 65504.0
"""Largest finite float16."""

_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})


def check_half(decisions: dict[str, Decision], statistics: Statistics | None, view: GraphIndex) -> dict[str, Decision]:
    """``decisions`` with those half-precision layers taken back to float that cannot be computed so."""
    found: dict[str, Decision] = {}
    for name, decision in decisions.items():
        why = _obstacle(decision, statistics, view) if decision.treatment is Treatment.HALF else None
        found[name] = keep_float(decision, why) if why else decision
    return found


def _obstacle(decision: Decision, statistics: Statistics | None, view: GraphIndex) -> str | None:
    node, op = view.nodes[decision.layer.name], decision.layer.op
    if op in _RECURRENT:
        return f"{op} is kept in float32: its state would lose too much"
    if any(subgraphs(node)):
        return f"{op} holds a graph of its own, which runs in float32"
    if half_inputs(node, view) is None:
        return f"{op} does not compute in half precision, or works on other types than float32"
    if decision.spec.weights is not None and get_format(decision.spec.weights.format).carrier == "float16":
        return _overflow(node, statistics, view)
    return None


def half_inputs(node: onnx.NodeProto, view: GraphIndex) -> tuple[int, ...] | None:
    """Positions of float32 inputs that may be half instead, or None if the node has to stay in float32."""
    import onnx

    try:
        schema = onnx.defs.get_schema(node.op_type, view.opset, node.domain)
    except onnx.defs.SchemaError:
        return None
    allowed = {c.type_param_str for c in schema.type_constraints if "tensor(float16)" in c.allowed_type_strs}
    positions = []
    for index, name in enumerate(node.input):
        if name and view.is_float(name) and _parameter(schema.inputs, index) in allowed:
            positions.append(index)
    bound = {_parameter(schema.inputs, index) for index in positions}
    outputs = {_parameter(schema.outputs, i) for i, name in enumerate(node.output) if name and view.is_float(name)}
    return tuple(positions) if outputs and outputs <= bound else None


def _parameter(formals: object, index: int) -> str:
    """Type parameter of an input or output; the last formal one repeats where it is variadic."""
    sequence = list(formals)  # type: ignore[call-overload]
    return str(sequence[min(index, len(sequence) - 1)].type_str)


def _overflow(node: onnx.NodeProto, statistics: Mapping[str, object] | None, view: GraphIndex) -> str | None:
    for name in (*node.input, *node.output):
        if view.is_constant(name) and view.is_float(name):
            largest = float(np.abs(view.array(name)).max(initial=0.0))
            kind = "holds"
        elif statistics is not None and name in statistics:
            histogram = statistics[name].histogram  # type: ignore[attr-defined]
            largest, kind = (max(-histogram.minimum, histogram.maximum) if histogram.count else 0.0), "reached"
        else:
            continue
        if largest > FP16_MAX:
            return f"'{name}' {kind} {largest:.6g}, and float16 ends at 65504"
    return None
