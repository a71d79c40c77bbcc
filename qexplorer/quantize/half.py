"""Half precision: which layers can go to float16 or bfloat16, decided from the operators' own type constraints.

A layer stays in float32 if its operator does not accept float16 where it reads and writes float32, if the type of what
it reads is not known, if it holds subgraphs or a recurrence, or if a constant or an activation that was met on data is
beyond the largest number of the format: 65504 for float16, 3.39e38 for bfloat16, which a mask of the lowest float32 is.
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

    from qexplorer.core.formats import Format

__all__ = ["LARGEST", "check_half", "half_inputs"]

LARGEST = {"float16": 65504.0, "bfloat16": (2 - 2**-7) * 2.0**127}
"""Largest finite number, by the ONNX type."""

_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})


def check_half(decisions: dict[str, Decision], largest: Mapping[str, float], view: GraphIndex) -> dict[str, Decision]:
    """``decisions`` with those half-precision layers taken back to float that cannot be computed so.

    Args:
        decisions: what is to happen.
        largest: the largest magnitude that was met on data, by tensor; what is not there was not observed.
        view: the float graph.
    """
    found: dict[str, Decision] = {}
    for name, decision in decisions.items():
        why = _obstacle(decision, largest, view) if decision.treatment is Treatment.HALF else None
        found[name] = keep_float(decision, why) if why else decision
    return found


def _obstacle(decision: Decision, largest: Mapping[str, float], view: GraphIndex) -> str | None:
    node, op = view.nodes[decision.layer.name], decision.layer.op
    if op in _RECURRENT:
        return f"{op} is kept in float32: its state would lose too much"
    if any(subgraphs(node)):
        return f"{op} holds a graph of its own, which runs in float32"
    unknown = [name for name in node.input if name and name not in view.types]
    if unknown:
        return f"the element type of '{unknown[0]}' is not known"
    if half_inputs(node, view) is None:
        return f"{op} does not compute in half precision, or works on other types than float32"
    if decision.spec.weights is not None:
        return _overflow(node, get_format(decision.spec.weights.format), largest, view)
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
        if not name or _parameter(schema.inputs, index) not in allowed:
            continue
        if view.is_float(name):
            positions.append(index)
    bound = {_parameter(schema.inputs, index) for index in positions}
    outputs = {_parameter(schema.outputs, i) for i, name in enumerate(node.output) if name and view.is_float(name)}
    return tuple(positions) if outputs and outputs <= bound else None


def _parameter(formals: object, index: int) -> str:
    """Type parameter of an input or output; the last formal one repeats where it is variadic."""
    sequence = list(formals)  # type: ignore[call-overload]
    return str(sequence[min(index, len(sequence) - 1)].type_str)


def _overflow(node: onnx.NodeProto, format: Format, largest: Mapping[str, float], view: GraphIndex) -> str | None:
    limit = LARGEST[format.carrier]
    for name in (*node.input, *node.output):
        if view.is_constant(name) and view.is_float(name):
            found, kind = float(np.abs(view.array(name)).max(initial=0.0)), "holds"
        elif name in largest:
            found, kind = largest[name], "reached"
        else:
            continue
        if found > limit:
            return f"'{name}' {kind} {found:.6g}, and {format.carrier} ends at {limit:.6g}"
    return None
