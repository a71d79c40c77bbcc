"""Grids of constants: weights, int32 biases, and the constant operands of additions and multiplications.

A weight that several layers read is quantized once; where they ask for different grids it gets a copy for each. The
bias of an integer layer is int32 on the grid ``scale_x * scale_w`` with zero point 0 (ONNX QLinearConv, opset 10), the
grid on which the products are summed, so that adding it needs no rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Storage, get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Float32, Granularity, Grid, grid_from_range
from qexplorer.core.model import Model
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex, index_at, index_of
from qexplorer.load.operators import OperatorKind
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.carriers import activation_carrier, weight_carrier
from qexplorer.quantize.decide import Decision, Treatment, decide
from qexplorer.quantize.plan_types import TensorPlan

if TYPE_CHECKING:
    import onnx

__all__ = [
    "INT32",
    "LARGEST_BIAS",
    "LINEAR",
    "PACKED",
    "ConstantPlanner",
    "bias_plan",
    "bias_vector",
    "decodes_weight",
    "fitting",
    "has_signed_scales",
    "operand_grid",
    "output_channels",
    "tables_in_bytes",
    "takes_int32_bias",
    "weight_axes",
]

INT32 = UniformFormat("int32", 32, signed=True, carrier="int32")
"""Format of biases; no recipe names it."""

LINEAR = ("MatMul", "Gemm")
"""Operators with a kernel that reads packed weights."""

PACKED = (*LINEAR, "Gather")
"""Operators whose weight is packed in 4 bits where it has fewer."""

_INTEGER = (Treatment.QUANTIZED, Treatment.DYNAMIC)
"""Treatments whose layers may get an integer kernel."""

LARGEST_BIAS = 2.0**31 * 0.999
"""Codes of a bias stay below this, so that sums have room."""


@dataclass(slots=True)
class ConstantPlanner:
    """Collects the grids of all constants, layer by layer.

    Attributes:
        model: the float model.
        view: its graph.
        tensors: the grids found so far, by key.
        uses: keys by layer and input position.
        remarks: what a reader should know about a layer's constants, sentences by layer.
        in_bytes: tables of look-ups that are weights of integer kernels too: their codes have a byte each.
    """

    model: Model
    view: GraphIndex
    in_bytes: frozenset[str] = frozenset()
    tensors: dict[str, TensorPlan] = field(default_factory=dict)
    uses: dict[str, dict[int, str]] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    _keys: dict[tuple[object, ...], str] = field(default_factory=dict)

    def add_layer(self, decision: Decision) -> None:
        """Plans the weight and the constant operands of one layer."""
        spec, name = decision.spec, decision.layer.name
        if decision.weight is not None and spec.weights is not None:
            self._add_weight(decision, spec.weights)
        rule = decision.rule
        if decision.computes and rule is not None and rule.kind is OperatorKind.ARITHMETIC and spec.activations:
            for position, tensor in enumerate(self.view.nodes[name].input):
                read = rule.activation_inputs is None or position in rule.activation_inputs
                if read and tensor and self.view.is_constant(tensor) and self.view.is_float(tensor):
                    self._add_operand(decision, position, tensor, spec.activations)

    def _add_weight(self, decision: Decision, asked: WeightSpec) -> None:
        name, position = decision.layer.name, decision.weight
        assert position is not None
        tensor = self.view.nodes[name].input[position]
        spec, axis, block_axis, remark = fitting(decision, asked, self.view)
        if remark:
            self.remarks.setdefault(name, []).append(remark)
        integer = decision.treatment in _INTEGER
        integer = integer or tensor in self.in_bytes
        carrier = weight_carrier(spec, integer=integer, linear=decision.layer.op in PACKED)
        try:
            sign = decodes_weight(decision) and not integer
            grid = _weight_grid(str(self.model.path), tensor, spec.model_dump_json(), axis, block_axis, sign)
        except RecipeError as error:
            rule = f", rule '{decision.spec.rule}'" if decision.spec.rule else ""
            where = f"layer '{name}'{rule}" + (f", {error.where}" if error.where else "")
            raise RecipeError(error.what, where=where, allowed=error.allowed, do=error.do) from None
        why = f"{spec.calibrator} of its values, as asked for '{name}'"
        plan = TensorPlan(tensor, "weight", grid, why, carrier)
        self._use(name, position, plan, (tensor, spec, grid.axis, carrier, sign))

    def _add_operand(self, decision: Decision, position: int, tensor: str, spec: ActivationSpec) -> None:
        """A constant operand takes the format of the activations, with the range of its own values."""
        grid = operand_grid(self.view.array(tensor), spec)
        carrier = activation_carrier(spec) if grid.format.is_uniform else grid.format.carrier
        plan = TensorPlan(tensor, "weight", grid, "smallest and largest of its values", carrier)
        self._use(decision.layer.name, position, plan, (tensor, spec.format, spec.symmetric))

    def _use(self, layer: str, position: int, plan: TensorPlan, identity: tuple[object, ...]) -> None:
        key = self._keys.get(identity)
        if key is None:
            key, copies = plan.name, 1
            while key in self.tensors:
                copies += 1
                key = f"{plan.name}#{copies}"
            self._keys[identity] = key
            self.tensors[key] = plan
        self.uses.setdefault(layer, {})[position] = key

    def widen_for_biases(self, decisions: Mapping[str, Decision], activations: Mapping[str, TensorPlan]) -> None:
        """Widens weight scales so far that every bias fits into int32."""
        for decision in decisions.values():
            bias = _integer_bias(decision, self, activations)
            if bias is None:
                continue
            key = self.uses[decision.layer.name][decision.weight or 0]
            grid, step = self.tensors[key].grid, activations[decision.data[0]].grid.scale
            needed = np.abs(bias.astype(np.float64)) / (float(step) * LARGEST_BIAS)
            if grid.axis is None:
                needed = needed.max(initial=0.0)
            if np.any(needed > grid.scale):
                scale = np.maximum(grid.scale, needed.astype(np.float32))
                self.tensors[key] = replace(self.tensors[key], grid=replace(grid, scale=scale))
                text = "some of its weight scales were widened so that the bias fits into int32"
                self.remarks.setdefault(decision.layer.name, []).append(text)

    def add_biases(self, decisions: Mapping[str, Decision], activations: Mapping[str, TensorPlan]) -> None:
        """Plans the int32 biases of integer layers; call after all weights are final."""
        for decision in decisions.values():
            name = decision.layer.name
            if decision.rule is None or _bias_name(decision, self) is None:
                continue
            if _integer_bias(decision, self, activations) is None:
                self._explain_float_bias(decision, activations)
                continue
            position = decision.rule.bias_input or 0
            weights = self.tensors[self.uses[name][decision.weight or 0]].grid
            tensor = self.view.nodes[name].input[position]
            plan = bias_plan(tensor, activations[decision.data[0]], weights)
            self._use(name, position, plan, (tensor, "bias", plan.grid.scale.tobytes(), decision.layer.op))

    def _explain_float_bias(self, decision: Decision, activations: Mapping[str, TensorPlan]) -> None:
        """A layer that would have an integer kernel but for its bias says so."""
        weight = self.tensors[self.uses[decision.layer.name][decision.weight or 0]]
        if decision.layer.op != "ConvTranspose" and _has_kernel(weight, activations.get(decision.data[0])):
            text = "simulated: its bias stays in float, because it is computed, scaled, or differs from row to row"
            self.remarks.setdefault(decision.layer.name, []).append(text)


def _bias_name(decision: Decision, planner: ConstantPlanner) -> str | None:
    """The bias of a quantized layer with a quantized weight."""
    rule, name = decision.rule, decision.layer.name
    if not decision.computes or rule is None or rule.bias_input is None:
        return None
    node = planner.view.nodes[name]
    if len(node.input) <= rule.bias_input or decision.weight not in planner.uses.get(name, {}):
        return None
    return node.input[rule.bias_input] or None


def _has_kernel(weight: TensorPlan, activation: TensorPlan | None) -> bool:
    """Whether integer kernels know these grids: integer codes, 8-bit carriers, no blocks."""
    if weight.grid.format.storage is not Storage.INTEGER:
        return False
    carriers = {weight.carrier, None if activation is None else activation.carrier}
    return carriers <= {"int8", "uint8"} and not weight.grid.block


def _integer_bias(
    decision: Decision, planner: ConstantPlanner, activations: Mapping[str, TensorPlan]
) -> Float32 | None:
    """The bias, one value per output channel, if it is to become int32; None if there is none or it stays in float."""
    tensor = _bias_name(decision, planner)
    if tensor is None or not planner.view.is_constant(tensor):
        return None
    node = planner.view.nodes[decision.layer.name]
    weight = planner.tensors[planner.uses[decision.layer.name][decision.weight or 0]]
    if not takes_int32_bias(node, weight, activations.get(decision.data[0])):
        return None
    return bias_vector(planner.view.array(tensor), output_channels(node, 1, planner.view))


def takes_int32_bias(node: onnx.NodeProto, weight: TensorPlan, activation: TensorPlan | None) -> bool:
    """Whether a bias of this quantized layer becomes int32; otherwise it stays in float."""
    grouped = node.op_type == "ConvTranspose" and number(node, "group", 1) != 1
    scaled = node.op_type == "Gemm" and (number(node, "alpha", 1.0), number(node, "beta", 1.0)) != (1, 1)
    return not (grouped or scaled) and _has_kernel(weight, activation)


def bias_plan(tensor: str, activation: TensorPlan, weight: Grid) -> TensorPlan:
    """The int32 grid of the bias ``tensor`` of a layer that reads ``activation`` and has a weight on ``weight``."""
    scale = np.asarray(activation.grid.scale * weight.scale, np.float32)
    axis = None if scale.ndim == 0 else 0
    grid = Grid(INT32, scale, np.zeros(scale.shape, np.int32), axis, None, INT32.qmin, INT32.qmax)
    return TensorPlan(tensor, "bias", grid, f"scale of '{activation.name}' times scale of the weight", "int32")


def operand_grid(values: Float32, spec: ActivationSpec) -> Grid:
    """The grid of a constant operand: the format of the activations, with the range of its own values."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    return grid_from_range(low, high, get_format(spec.format), symmetric=spec.symmetric)


def bias_vector(bias: Float32, channels: int) -> Float32 | None:
    """``bias`` of any shape as shape ``(channels,)``; None if it differs from row to row."""
    if bias.size == 1:
        return np.full(channels, bias.reshape(()), np.float32)
    return bias.reshape(channels) if bias.size == channels and bias.shape[-1] == channels else None


def weight_axes(node: onnx.NodeProto, position: int, view: GraphIndex) -> tuple[int, int]:
    """Axis of the output channels and axis of the inputs that are summed over, of the weight at input ``position``."""
    rank = len(view.initializers[node.input[position]].dims)
    if node.op_type == "Gather":
        return 0, 1
    if node.op_type == "MatMul":
        return rank - 1, max(rank - 2, 0)
    if node.op_type == "Gemm":
        return (0, 1) if number(node, "transB", 0) else (1, 0)
    return (1, 0) if node.op_type == "ConvTranspose" else (0, 1)


def output_channels(node: onnx.NodeProto, position: int, view: GraphIndex) -> int:
    """Length of the weight's output-channel axis."""
    return int(view.initializers[node.input[position]].dims[weight_axes(node, position, view)[0]])


def fitting(decision: Decision, spec: WeightSpec, view: GraphIndex) -> tuple[WeightSpec, int, int | None, str | None]:
    """The weight specification that this layer's shape allows, its axes, and a remark if it is not what was asked."""
    node, position = view.nodes[decision.layer.name], decision.weight or 0
    axis, block_axis = weight_axes(node, position, view)
    shape = tuple(view.initializers[node.input[position]].dims)
    shared = get_format(spec.format).granularities
    if len(shape) < 2:
        if Granularity.TENSOR not in shared:
            what = f"the weight of '{decision.layer.name}' is a vector, and {spec.format} cannot have one scale for it"
            raise RecipeError(what, allowed=", ".join(shared), do="keep the layer in float by a rule")
        tensor = spec.model_copy(update={"granularity": Granularity.TENSOR})
        return tensor, axis, None, "its weight is a vector, which has one scale"
    stacked = node.op_type == "MatMul" and len(shape) > 2 and decision.treatment in _INTEGER
    if stacked and spec.granularity is Granularity.CHANNEL and Granularity.TENSOR in shared:
        tensor = spec.model_copy(update={"granularity": Granularity.TENSOR})
        return tensor, axis, None, f"its weight has rank {len(shape)}, for which integer kernels take one scale"
    if spec.granularity is not Granularity.BLOCK:
        return spec, axis, None, None
    if shape[block_axis] <= spec.block and Granularity.CHANNEL in shared:
        channel = spec.model_copy(update={"granularity": Granularity.CHANNEL})
        length = shape[block_axis]
        return channel, axis, None, f"one scale per channel: only {length} values run along its input axis"
    return spec, axis, block_axis, None


def decodes_weight(decision: Decision) -> bool:
    """Whether a layer's weight is decoded to float before anything is computed, so that its scales may have either
    sign: integer kernels of LiteRT and TensorRT take none below zero."""
    return decision.treatment is Treatment.WEIGHT_ONLY


def has_signed_scales(model: Model, recipe: Recipe, layer: str) -> bool:
    """Whether scales of the layer's weight may have either sign in the plan of ``recipe``."""
    view = index_of(model)
    decisions = decide(model, recipe, view)
    found = decisions.get(layer)
    if found is None or found.weight is None or not decodes_weight(found):
        return False
    return view.nodes[layer].input[found.weight] not in tables_in_bytes(decisions, view)


def tables_in_bytes(decisions: Mapping[str, Decision], view: GraphIndex) -> frozenset[str]:
    """Tables that layers which may get an integer kernel read as their weight, turned over or as they are."""
    layers = [d for d in decisions.values() if d.treatment in _INTEGER and d.weight is not None]
    weights = [view.nodes[d.layer.name].input[d.weight or 0] for d in layers]
    return frozenset(view.tied.get(name, name) for name in weights)


@lru_cache(maxsize=1024)
def _weight_grid(path: str, tensor: str, spec: str, axis: int, block_axis: int | None, either_sign: bool) -> Grid:
    """Searching a range (mse, kl) takes time and depends on nothing but its arguments, so that it is done once."""
    asked = WeightSpec.model_validate_json(spec)
    return weight_grid(index_at(path).array(tensor), asked, axis, block_axis, either_sign=either_sign)
