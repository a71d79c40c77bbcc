"""The float graph with an Identity at each place where the quantized graph rounds.

It is written by the emitter of quantized files, so that the places are the same: what a quantized layer makes is
rounded once for all of its readers, what the outside or a float layer makes for its quantized readers alone, a Relu or
Clip that the grid bounds is left out, and constants are rounded where a layer reads them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.emit.graph import Emitter
from qexplorer.quantize.plan_types import Plan

if TYPE_CHECKING:
    import onnx

__all__ = ["OpenGraph", "open_graph"]


@dataclass(frozen=True, slots=True, eq=False)
class OpenGraph:
    """A graph in float with its rounding points.

    Attributes:
        proto: the graph.
        constants: key of the plan's tensor by the output of the Identity that its float values go through.
        activations: the same for activations with a grid.
        sources: name of the float constant by the key of the plan's tensor.
        dynamic: outputs of Identities behind which values are rounded on the range that they have as the model runs.
        bounds: of a Relu or Clip that an Identity stands for, as its grid bounds values: the least and the largest.
    """

    proto: onnx.ModelProto
    constants: dict[str, str] = field(default_factory=dict)
    activations: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    dynamic: tuple[str, ...] = ()
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)


def open_graph(model: Model, recipe: Recipe, plan: Plan) -> OpenGraph:
    """Writes the graph; the plan must have its grids."""
    emitter = _OpenEmitter(model, plan)
    emitter.run()
    proto = emitter.finish(recipe)
    sources = {key: plan.tensors[key].name for key in emitter.open_constants.values()}
    points = emitter.open_constants, emitter.open_activations
    return OpenGraph(proto, *points, sources, tuple(emitter.open_dynamic.values()), emitter.open_bounds)


class _OpenEmitter(Emitter):
    """Writes an Identity where the emitter writes QuantizeLinear and DequantizeLinear."""

    def __init__(self, model: Model, plan: Plan) -> None:
        super().__init__(model, plan)
        self.open_constants: dict[str, str] = {}
        self.open_activations: dict[str, str] = {}
        self.open_dynamic: dict[str, str] = {}
        self.open_bounds: dict[str, tuple[float, float]] = {}
        self._points: dict[str, str] = {}
        self._bounds: dict[str, tuple[float, float]] = {}

    def constant(self, node: onnx.NodeProto, position: int, *, transposed: bool = False) -> str:
        """The name of the constant behind its rounding point."""
        del transposed  # nothing is packed here
        key = self.plan.constants[node.name][position]
        if key not in self._points:
            name = self.plan.tensors[key].name
            self._points[key] = self.writer.add("Identity", [name], f"{key}/rounded")
            self.open_constants[self._points[key]] = key
        return self._points[key]

    def _packed_gemm(self, node: onnx.NodeProto, treatment: str) -> bool:  # noqa: ARG002 - none is
        return False

    def _part_from_float_bias(self, copy: onnx.NodeProto, node: onnx.NodeProto) -> None:
        del node
        self.writer.nodes.append(copy)

    def _as_bound(self, node: onnx.NodeProto) -> bool:
        if node.op_type not in ("Relu", "Clip"):
            return False
        source, target = node.input[0], node.output[0]
        if self.plan.tensors[self._end_of_chain(target)].carrier not in ("int8", "uint8"):
            return False
        low, high = self._bounds.get(source, (-math.inf, math.inf))
        least, most = self._limits(node)
        source = self._skipped.get(source, source)
        self._bounds[target] = max(low, least), min(high, most)
        if target in self.plan.tensors:
            self._round(source, target)
            self.open_bounds[target] = self._bounds[target]
        else:
            self._skipped[target] = source
        return True

    def _limits(self, node: onnx.NodeProto) -> tuple[float, float]:
        """Between which values a Relu or Clip leaves things as they are."""
        if node.op_type == "Relu":
            return 0.0, math.inf
        ends = [self.view.value(name) if name else None for name in [*node.input, "", ""][1:3]]
        low, high = (None if each is None else float(each.reshape(-1)[0]) for each in ends)
        return -math.inf if low is None else low, math.inf if high is None else high

    def _round(self, source: str, tensor: str, *, moved: bool = False, value: str | None = None) -> None:
        del moved
        name = value or tensor
        self.writer.add("Identity", [source], name, exact=True)
        self.open_activations[name] = tensor
        self._values[tensor] = name

    def _float(self, node: onnx.NodeProto) -> None:
        self.writer.nodes.append(self._copy(node, self.read(node, quantized=False)))
        self._round_outputs(node)

    def dynamic(self, node: onnx.NodeProto) -> None:
        """Writes a dynamic layer as it is, behind the rounding points of its input and its weight."""
        tensor = node.input[0]
        if tensor not in self.open_dynamic:
            self.open_dynamic[tensor] = self.writer.add("Identity", [tensor], f"{tensor}/rounded")
        copy = self._copy(node, self.read(node, quantized=False))
        copy.input[0] = self.open_dynamic[tensor]
        self.writer.nodes.append(copy)

    def look_up(self, node: onnx.NodeProto) -> None:
        """Writes a Gather of rows of a weight behind the weight's rounding point."""
        self.writer.nodes.append(self._copy(node, self.read(node, quantized=False)))
