"""What is known of every layer before anything runs: what the recipe makes of it, what it reads and writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qexplorer.core.formats import Storage, get_format
from qexplorer.core.model import Layer, Model, read_proto
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.graph.attributes import number
from qexplorer.graph.index import index_of
from qexplorer.load.macs import Shape, shapes_for_one_sample
from qexplorer.quantize.plan import make_plan
from qexplorer.run.protocol import Backend, KernelKind

__all__ = ["LayerFacts", "Traffic", "expected_kind", "facts_of"]


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer of the float model.

    Attributes:
        layer: the layer.
        treatment: what the recipe makes of it (see ``LayerPlan``).
        reason: why, one sentence.
        rule: the recipe's rule that decided, if any.
        weights: what is asked of its weights; None for float, or if it has none.
        activations: what is asked of its activations; None for float.
        depthwise: whether it is a convolution in which each channel sees one channel only.
    """

    layer: Layer
    treatment: str
    reason: str
    rule: str | None
    weights: WeightSpec | None
    activations: ActivationSpec | None
    depthwise: bool

    @property
    def signed(self) -> bool:
        """Whether its activations are on signed grids."""
        return self.activations is not None and get_format(self.activations.format).signed


def facts_of(model: Model, recipe: Recipe) -> dict[str, LayerFacts]:
    """Facts by layer, in the order of the model. Raises RecipeError if the recipe cannot be applied."""
    plan = make_plan(model, recipe, None)
    groups = {name: number(node, "group", 1) for name, node in index_of(model).nodes.items()}
    found: dict[str, LayerFacts] = {}
    for layer, planned in zip(model.layers, plan.layers, strict=True):
        spec = recipe.for_layer(layer.name, layer.op)
        found[layer.name] = LayerFacts(
            layer=layer,
            treatment=planned.treatment,
            reason=planned.reason,
            rule=spec.rule,
            weights=spec.weights if layer.weight else None,
            activations=spec.activations,
            depthwise=groups.get(layer.name, 1) > 1 and layer.weight_shape[1:2] == (1,),
        )
    return found


def expected_kind(fact: LayerFacts, backend: Backend) -> KernelKind | None:
    """What the layer's kernel should work on, from what the recipe asks and the backend declares; None: not known.

    Nothing is run for this, so it is a prediction.
    """
    if fact.treatment in ("float", "half", "weight-only"):
        return KernelKind.FLOAT
    if fact.treatment == "passthrough":
        return KernelKind.MOVES
    able = backend.capabilities
    weights = fact.weights
    if weights is not None and (weights.format not in able.weight_formats or weights.granularity == "block"):
        return KernelKind.FLOAT
    if fact.activations is not None and fact.activations.format not in able.activation_formats:
        return KernelKind.FLOAT
    if fact.layer.op in able.float_operators:
        return KernelKind.FLOAT
    return KernelKind.INTEGER


class Traffic:
    """Bytes that layers read and write, taken together: what stays between them is not counted.

    Args:
        model: the float model.
        facts: of its layers.
        batch: samples in one call.
    """

    def __init__(self, model: Model, facts: Mapping[str, LayerFacts], batch: int) -> None:
        self._facts = facts
        self._samples = batch / (model.fixed_batch or 1)
        self._shapes = shapes_for_one_sample(read_proto(str(model.path)))
        self._index = index_of(model)

    def float_bytes(self, names: Iterable[str]) -> int | None:
        """All in float32; None where a shape is unknown."""
        members = list(names)
        values = self._values(members)
        return None if values is None else round(4 * (values + sum(self._weights(n) for n in members)))

    def quantized_bytes(self, names: Iterable[str], kind: KernelKind | None) -> int | None:
        """In the quantized run, whose kernel works on ``kind``; None where a shape is unknown."""
        members = list(names)
        values = self._values(members)
        if values is None:
            return None
        half = any(self._facts[name].treatment == "half" for name in members)
        width = 1 if kind is KernelKind.INTEGER else 2 if half else 4
        return round(width * values + sum(self._weights(n) * self._weight_width(n, half) for n in members))

    def _values(self, members: list[str]) -> float | None:
        inside = {out for name in members for out in self._facts[name].layer.outputs}
        tensors = {i for name in members for i in self._facts[name].layer.inputs} - inside
        readers, outputs = self._index.consumers, self._index.outputs
        tensors |= {t for t in inside if t in outputs or not set(readers.get(t, ())) <= set(members)}
        sizes = [_size(self._shapes.get(tensor)) for tensor in tensors]
        return None if None in sizes else self._samples * sum(size for size in sizes if size is not None)

    def _weights(self, name: str) -> int:
        return self._facts[name].layer.parameters

    def _weight_width(self, name: str, half: bool) -> float:
        """Bytes of one weight: integer kernels read whole bytes, whatever the format's width."""
        fact = self._facts[name]
        if half:
            return 2
        if fact.weights is None or fact.treatment == "float":
            return 4
        given = get_format(fact.weights.format)
        match given.storage:
            case Storage.TABLE:
                return 4  # looked up when the file is loaded: kernels read float32
            case Storage.INTEGER | Storage.FLOAT8 | Storage.CAST:
                return given.bits / 8 if fact.treatment == "weight-only" else max(1.0, given.bits / 8)


def _size(shape: Shape | None) -> int | None:
    if shape is None or any(d is None for d in shape):
        return None
    return math.prod(d for d in shape if d is not None)
