"""What a recipe asks of each layer, before any value is looked at: the treatment, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Storage, get_format
from qexplorer.core.model import Layer, Model
from qexplorer.core.recipe import LayerSpec, Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.load.operators import QUANTIZABLE, OperatorKind, OperatorRule
from qexplorer.quantize.changes.inserted import why_float
from qexplorer.quantize.resize import full_scales

__all__ = ["Decision", "Treatment", "bounds_of", "decide", "keep_float"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One layer's treatment.

    Attributes:
        layer: the layer.
        spec: what the recipe asks of it.
        rule: how its operator is quantized; None where it is not.
        treatment: what is done.
        reason: why, one sentence without a full stop.
        data: activation inputs that are read from a grid (tensor names).
        weight: input position of its constant weight, or None if it has none.
        gives_floats: whether a quantized layer's answer stays as the sums are, without a grid of its own.
    """

    layer: Layer
    spec: LayerSpec
    rule: OperatorRule | None
    treatment: Treatment
    reason: str
    data: tuple[str, ...] = ()
    weight: int | None = None
    gives_floats: bool = False

    @property
    def computes(self) -> bool:
        """Whether it reads codes and computes on them."""
        return self.treatment is Treatment.QUANTIZED

    @property
    def makes_codes(self) -> bool:
        """Whether what it computes is rounded to a grid of its own."""
        return self.computes and not self.gives_floats

    @property
    def moves(self) -> bool:
        """Whether its output keeps the grid of its input."""
        return self.treatment is Treatment.PASSTHROUGH

    @property
    def bounds(self) -> bool:
        """Whether it is a Relu or Clip, which only bounds codes."""
        return self.moves and self.rule is not None and self.rule.kind is OperatorKind.ABSORBED


class Treatment(StrEnum):
    """What happens to a layer; see :class:`~qexplorer.quantize.plan_types.LayerPlan`."""

    QUANTIZED = "quantized"
    PASSTHROUGH = "passthrough"
    DYNAMIC = "dynamic"
    WEIGHT_ONLY = "weight-only"
    HALF = "half"
    FLOAT = "float"


def keep_float(decision: Decision, reason: str) -> Decision:
    """The same layer in float, because of ``reason``."""
    return replace(decision, treatment=Treatment.FLOAT, reason=reason, data=(), gives_floats=False)


def decide(model: Model, recipe: Recipe, view: GraphIndex) -> dict[str, Decision]:
    """A decision per layer, in execution order.

    Raises:
        RecipeError: if the recipe mixes a float and an integer format in one layer, or asks for dynamic activations
            in another format than uint8.
    """
    return {layer.name: _decide(layer, recipe, view) for layer in model.layers}


def _decide(layer: Layer, recipe: Recipe, view: GraphIndex) -> Decision:
    spec = recipe.for_layer(layer.name, layer.op)
    rule = QUANTIZABLE.get(layer.op)
    asked = f"rule '{spec.rule}'" if spec.rule else "as the recipe asks for every layer"
    if spec.weights is None and spec.activations is None:
        why = f"kept in float by the rule '{spec.rule}'" if spec.rule else "the recipe leaves it in float"
        return Decision(layer, spec, rule, Treatment.FLOAT, why)
    if layer.name not in view.nodes:
        return Decision(layer, spec, rule, Treatment.FLOAT, layer.reason or "it is inside the body of another layer")
    inserted = why_float(view.nodes[layer.name])
    if inserted is not None:
        return Decision(layer, spec, rule, Treatment.FLOAT, inserted)
    half = _half_format(layer, spec)
    if half == "fp32":
        return Decision(layer, spec, rule, Treatment.FLOAT, f"fp32, {asked}")
    if half:
        return Decision(layer, spec, rule, Treatment.HALF, f"{half}, {asked}")
    if rule is None or not layer.quantizable:
        why = layer.reason or f"{layer.op} has no quantized form here"
        return Decision(layer, spec, rule, Treatment.FLOAT, why)
    return _on_grids(Decision(layer, spec, rule, Treatment.FLOAT, asked), rule, view)


def _half_format(layer: Layer, spec: LayerSpec) -> str | None:
    """The float format to cast to, or None for formats with a scale; RecipeError for a mixture."""
    formats = [s.format for s in (spec.weights, spec.activations) if s is not None]
    floats = [f for f in formats if get_format(f).storage is Storage.CAST]
    if not floats:
        return None
    if len(set(formats)) > 1 or len(formats) == 1:
        what = f"a float format ({floats[0]}) must be given for weights and activations alike"
        raise RecipeError(what, where=f"layer '{layer.name}'", do=f"change the rule '{spec.rule}'")
    return floats[0]


def _on_grids(base: Decision, rule: OperatorRule, view: GraphIndex) -> Decision:
    """The treatment of a layer whose operator can be quantized and of which formats with a scale are asked."""
    layer, spec = base.layer, base.spec
    node = view.nodes[layer.name]
    if layer.op == "Gather" and layer.weight is not None:
        return _look_up(base)
    weight = _weight_position(rule, node.input, view)
    base = replace(base, weight=weight)
    if spec.activations is None or spec.activations.mode == "dynamic":
        return _without_static_activations(base)
    data = _data_inputs(rule, node.input, weight, view)
    if not data:
        return keep_float(base, "it reads no float32 activation")
    if rule.kind in (OperatorKind.WEIGHTED, OperatorKind.ARITHMETIC):
        if layer.op == "Softmax" and layer.outputs[0] in view.outputs:
            why = "its output is the answer: probabilities on a grid of 256 steps would tie"
            return keep_float(base, why)
        return replace(base, treatment=Treatment.QUANTIZED, data=data)
    if rule.kind is OperatorKind.ABSORBED and bounds_of(layer, view) is None:
        return keep_float(base, "its bounds are computed while the model runs")
    named_axes = layer.op == "Resize" and any(item.name == "axes" for item in node.attribute)
    if named_axes and full_scales(node, view) is None:
        return keep_float(base, "ONNX Runtime cannot load it on codes, because it names its axes")
    return replace(base, treatment=Treatment.PASSTHROUGH, data=data[:1])


def _look_up(base: Decision) -> Decision:
    """A look-up in a table of weights: its rows are stored as codes, and those that it takes become floats."""
    weights = base.spec.weights
    if weights is None:
        return keep_float(base, "its table stays in float, as the recipe leaves weights")
    if get_format(weights.format).storage is not Storage.INTEGER:
        return keep_float(base, f"rows of {weights.format} are not looked up, so that its table stays in float")
    return replace(base, treatment=Treatment.WEIGHT_ONLY, weight=0)


def _without_static_activations(base: Decision) -> Decision:
    """Weight-only and dynamic: only layers with a constant weight take part."""
    spec = base.spec
    dynamic = spec.activations is not None
    if spec.activations is not None and spec.activations.format != "uint8":
        raise RecipeError(
            f"dynamic activations are uint8 (DynamicQuantizeLinear), not {spec.activations.format}",
            where=f"layer '{base.layer.name}'",
            do=f"change the rule '{spec.rule}'",
        )
    if base.weight is None:
        where = "are quantized as they come only in front of weights" if dynamic else "stay in float"
        return keep_float(base, f"it has no constant weight, and activations {where}")
    if spec.weights is None:
        return keep_float(base, "dynamic quantization needs a quantized weight, and its weight stays in float")
    return replace(base, treatment=Treatment.DYNAMIC if dynamic else Treatment.WEIGHT_ONLY)


def _weight_position(rule: OperatorRule, inputs: Sequence[str], view: GraphIndex) -> int | None:
    """Where the constant weight is; None if the operator has none, or a computed one."""
    position = rule.weight_input
    if position is None or position >= len(inputs):
        return None
    return position if view.is_constant(inputs[position]) and view.is_float(inputs[position]) else None


def _data_inputs(rule: OperatorRule, inputs: Sequence[str], weight: int | None, view: GraphIndex) -> tuple[str, ...]:
    """Float32 activations that the layer reads through a grid, once each."""
    positions: Iterable[int] = range(len(inputs)) if rule.activation_inputs is None else rule.activation_inputs
    if rule.kind is OperatorKind.WEIGHTED:
        positions = (0, 1)
    picked = [inputs[p] for p in positions if p < len(inputs) and p != weight and inputs[p]]
    return tuple(dict.fromkeys(n for n in picked if view.is_float(n) and not view.is_constant(n)))


def bounds_of(layer: Layer, view: GraphIndex) -> tuple[float, float] | None:
    """Lower and upper bound of a Relu or Clip; None if they are not constant. (Clip opset 6: attributes; 11: inputs)"""
    if layer.op == "Relu":
        return 0.0, float("inf")
    node = view.nodes[layer.name]
    low, high = float("-inf"), float("inf")
    for item in node.attribute:
        low, high = (item.f, high) if item.name == "min" else (low, item.f) if item.name == "max" else (low, high)
    values = [low, high]
    for index, name in enumerate(node.input[1:3]):
        if not name:
            continue
        if not view.is_constant(name):
            return None
        values[index] = float(view.array(name).reshape(-1)[0])
    return values[0], values[1]
