"""The plan in words: one entry per layer that says what happens to it, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from qexplorer.core.formats import Format, Storage, get_format
from qexplorer.core.grid import Granularity
from qexplorer.graph.index import GraphIndex
from qexplorer.load.operators import OperatorRule
from qexplorer.quantize.activations import Source
from qexplorer.quantize.carriers import carrier_bits
from qexplorer.quantize.constants import ConstantPlanner
from qexplorer.quantize.decide import Decision, Treatment
from qexplorer.quantize.emit.dynamic import dynamic_kernel
from qexplorer.quantize.plan_types import LayerPlan, TensorPlan

__all__ = ["layer_plans"]


def layer_plans(
    decisions: Mapping[str, Decision], sources: Mapping[str, Source], constants: ConstantPlanner, view: GraphIndex
) -> tuple[LayerPlan, ...]:
    """A :class:`LayerPlan` per layer; a weight that several layers read is counted at the first."""
    counted: set[str] = set()
    found = []
    for name, decision in decisions.items():
        key = constants.uses.get(name, {}).get(-1 if decision.weight is None else decision.weight)
        plan = None if key is None else constants.tensors[key]
        identity = _stored_as(key, plan, decision.layer.weight, constants, view)
        first = identity is not None and identity not in counted
        counted |= {identity} if identity else set()
        activations, remarks = _activations(decision, sources)
        remarks += constants.remarks.get(name, []) + _remarks(decision, sources, plan, view)
        found.append(
            LayerPlan(
                name=name,
                op=decision.layer.op,
                treatment=decision.treatment.value,
                weights=_weights(decision, plan),
                activations=activations,
                reason="; ".join([decision.reason, *remarks]),
                parameters=math.prod(decision.layer.weight_shape) if decision.layer.weight else 0,
                weight_bytes=_weight_bytes(decision, plan, view) if first else 0,
                computes=decision.layer.computes,
            )
        )
    return tuple(found)


def _stored_as(
    key: str | None, plan: TensorPlan | None, weight: str | None, constants: ConstantPlanner, view: GraphIndex
) -> str | None:
    """What the weight is stored as: its key, or that of the table of which it is the transpose."""
    table = view.tied.get(plan.name if plan else weight or "")
    if table is None:
        return key or weight
    other = constants.tensors.get(table)
    if plan is None or other is None:
        return table if plan is other else key or weight
    return table if plan.turns(other) else key


def _weight_bytes(decision: Decision, plan: TensorPlan | None, view: GraphIndex) -> int:
    if plan is not None:
        return plan.grid.packed_bytes(math.prod(view.initializers[plan.name].dims))
    values = math.prod(decision.layer.weight_shape) if decision.layer.weight else 0
    if decision.treatment is Treatment.HALF and decision.spec.weights is not None:
        return get_format(decision.spec.weights.format).packed_bytes(values, 0)
    return 4 * values


def _weights(decision: Decision, plan: TensorPlan | None) -> str | None:
    spec = decision.spec.weights
    if decision.treatment is Treatment.HALF and decision.layer.weight and spec is not None:
        return spec.format
    if plan is None or spec is None:
        return None
    grid = plan.grid
    spread = {
        Granularity.TENSOR: "one scale",
        Granularity.CHANNEL: "per channel",
        Granularity.BLOCK: f"in blocks of {grid.block}",
    }[grid.granularity]
    text = f"{grid.format.name} {spread}"
    if grid.format.learns and grid.granularity is Granularity.CHANNEL:
        text += ", levels shared" if grid.own is None else f", {grid.own.levels.shape[1]} levels each"
    text += "" if spec.symmetric else ", asymmetric"
    return f"{text}, carried by {plan.carrier}" if _is_carried(plan) else text


def _is_carried(plan: TensorPlan) -> bool:
    """Whether codes are stored in another type than the format's own."""
    stored = plan.grid.format
    match stored.storage:
        case Storage.INTEGER:
            return plan.carrier != stored.name
        case Storage.TABLE:
            return carrier_bits(plan.carrier) != stored.bits
        case Storage.FLOAT8 | Storage.CAST:
            return False


def _decodes(plan: TensorPlan | None) -> str | None:
    """How a weight becomes float before its layer computes, where no integer kernel takes its codes; else None."""
    if plan is None:
        return None
    name = plan.grid.format.name
    match plan.grid.format.storage:
        case Storage.INTEGER | Storage.CAST:
            return None
        case Storage.TABLE:
            return f"simulated: its {name} weight is looked up in a table and decoded to float, no integer kernel"
        case Storage.FLOAT8:
            return f"simulated: its {name} weight is decoded to float, no integer kernel"


def _activations(decision: Decision, sources: Mapping[str, Source]) -> tuple[str | None, list[str]]:
    """Formats that the layer reads and writes, and remarks about them."""
    spec = decision.spec.activations
    if decision.treatment is Treatment.HALF and spec is not None:
        return spec.format, []
    if decision.treatment is Treatment.DYNAMIC:
        return "uint8, ranges as they come", []
    if not (decision.computes or decision.moves):
        return None, []
    read = list(dict.fromkeys(_text(sources[t]) for t in decision.data if t in sources))
    written = list(dict.fromkeys(_text(sources[t]) for t in decision.layer.outputs if t in sources))
    others = [sources[t] for t in (*decision.data, *decision.layer.outputs) if t in sources]
    remarks = [
        f"'{s.tensor}' is {_text(s)} as asked for '{s.owner}'" for s in others if spec is not None and s.spec != spec
    ]
    if read == written or not read or not written:
        return ", ".join(read or written) or None, remarks
    return f"{', '.join(read)} in, {', '.join(written)} out", remarks


def _text(source: Source) -> str:
    return source.spec.format + (" symmetric" if source.spec.symmetric else "")


def _remarks(decision: Decision, sources: Mapping[str, Source], plan: TensorPlan | None, view: GraphIndex) -> list[str]:
    """What a reader should know about how the layer will run."""
    match decision.treatment:
        case Treatment.FLOAT:
            return []
        case Treatment.HALF:
            return _half_remarks(decision)
        case Treatment.WEIGHT_ONLY:
            decodes = _decodes(plan)
            if decision.layer.op == "Gather":
                return ["its table is stored as codes, and the rows that it takes become floats"]
            return [decodes or "computes in float on weights that are dequantized as it runs"]
        case Treatment.DYNAMIC:
            if plan is None or dynamic_kernel(decision.layer.op, plan, view.nodes[decision.layer.name]):
                return []
            return [_decodes(plan) or "simulated: no integer kernel takes this weight, so that it computes in float"]
        case Treatment.PASSTHROUGH:
            if not decision.bounds:
                return ["moves codes without changing them"]
            absorbed = decision.data[0] not in sources
            return ["absorbed: its bounds are bounds of the codes" if absorbed else "only bounds the codes"]
        case Treatment.QUANTIZED:
            return _quantized_remarks(decision, sources, plan)


def _half_remarks(decision: Decision) -> list[str]:
    if decision.spec.weights is None:
        return []
    carrier = get_format(decision.spec.weights.format).carrier
    if carrier != "float16":
        return [f"simulated: values are rounded to {carrier} and computed in float32"]
    return ["ONNX Runtime has few float16 kernels for CPUs and computes in float32 where it has none"]


def _quantized_remarks(decision: Decision, sources: Mapping[str, Source], plan: TensorPlan | None) -> list[str]:
    decodes = _decodes(plan)
    if decision.rule is None or decodes:
        return [decodes] if decodes else []
    tensors = (*decision.data, *decision.layer.outputs)
    formats = [get_format(sources[t].spec.format) for t in tensors if t in sources]
    obstacle = _obstacle(decision, decision.rule, formats, plan)
    if obstacle:
        return [f"simulated: {obstacle}"]
    if any(f.signed for f in formats):
        return ["signed activations: ONNX Runtime on x86 uses integers only where it can shift the codes to uint8"]
    if decision.gives_floats:
        return ["its sums become floats, because only float layers follow"]
    narrow = [f.name for f in formats if f.bits < 8]
    return [f"{narrow[0]} is carried by 8 bits, and its codes are clipped"] if narrow else []


def _obstacle(decision: Decision, rule: OperatorRule, formats: Sequence[Format], plan: TensorPlan | None) -> str | None:
    """Why a quantized layer will not run in integers, where that is known beforehand."""
    uneven = next((f.name for f in formats if f.storage is not Storage.INTEGER), None)
    if uneven:
        return f"activations are rounded to {uneven} in float, no integer kernel"
    if any(f.bits > 8 for f in formats) or (plan is not None and plan.grid.format.bits > 8):
        return "ONNX Runtime has no integer kernels for 16 bits"
    if not rule.integer:
        return f"ONNX Runtime has no integer kernel for {rule.op}"
    if decision.weight is not None and plan is None:
        return "its weight stays in float"
    if plan is not None and plan.grid.granularity is Granularity.BLOCK:
        return "integer kernels have no scale per block"
    if len({f.signed for f in formats}) > 1:
        return "integer kernels read and write the same type"
    return None
