"""From a plan to an ONNX graph with QuantizeLinear and DequantizeLinear.

One pair per tensor: what a quantized layer makes is rounded right behind it, and everybody reads the rounded value,
because in an integer run there is no other. What a float layer or the outside makes is rounded for its quantized
readers alone; float layers read the original, which costs nothing and keeps their accuracy. Either way the simulated
run and the integer run are the same graph.

A tensor whose codes a Relu, a Clip or a narrow format bounds is rounded to its 8 bits first, bounded, and rounded to
the same grid again: ``Q, DQ, Clip, Q, DQ``. The second rounding changes nothing, and the layer in front keeps its
integer kernel, which it would lose if the Clip came before the first pair. Where the bounds are those of the 8-bit
type itself nothing is emitted, because saturation does it. 16-bit codes have no integer kernels anyway: there Relu
and Clip stay where they are.

Graph inputs and outputs keep their names, order and types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Storage, get_format
from qexplorer.core.grid import Float32, Grid, Int32, quantize
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex, index_of, reads_of
from qexplorer.graph.walk import names_inside
from qexplorer.quantize.carriers import carrier_bits
from qexplorer.quantize.constants import bias_vector, output_channels
from qexplorer.quantize.emit.changed import with_changed
from qexplorer.quantize.emit.decoded import write_decoded
from qexplorer.quantize.emit.dynamic import emit_dynamic
from qexplorer.quantize.emit.half import HalfEmitter
from qexplorer.quantize.emit.kept_float import inputs_kept_float
from qexplorer.quantize.emit.lookup import emit_look_up
from qexplorer.quantize.emit.rounded import write_rounded
from qexplorer.quantize.emit.writer import GraphWriter
from qexplorer.quantize.plan_types import Plan, TensorPlan
from qexplorer.quantize.resize import without_axes

if TYPE_CHECKING:
    import onnx

__all__ = ["Emitter", "emit"]

_BIASED = ("Conv", "ConvTranspose", "Gemm")
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}


def emit(model: Model, recipe: Recipe, plan: Plan) -> onnx.ModelProto:
    """The quantized graph.

    Args:
        model: the float model.
        recipe: what the plan was made from; it is written into the file's metadata.
        plan: treatments and grids; its grids are taken as they are.

    Raises:
        RecipeError: if the plan was made without the statistics that it needs.
    """
    if not plan.calibrated:
        what = f"the recipe '{recipe.name}' has static activations, and their ranges were not observed"
        raise RecipeError(what, do="give calibration data")
    emitter = Emitter(model, plan)
    emitter.run()
    return emitter.finish(recipe)


class Emitter:
    """Writes one graph, node by node.

    Args:
        model: the float model.
        plan: what is to happen.

    Attributes:
        unrounded: name of what a quantized layer makes before it is rounded, by the name of the rounded tensor.
    """

    def __init__(self, model: Model, plan: Plan) -> None:
        self.proto = with_changed(model.proto(), plan.changed)
        self.view: GraphIndex = GraphIndex(self.proto) if plan.changed else index_of(model)
        without_axes(self.proto, self.view)
        self.plan = plan
        self.writer = GraphWriter(names_inside(self.proto.graph))
        self.layers = {layer.name: layer for layer in plan.layers}
        self.half = HalfEmitter(self.writer, self.view)
        static = any(tensor.kind == "activation" for tensor in plan.tensors.values())
        self._on_grids = static or any(layer.treatment == "dynamic" for layer in plan.layers)
        self.ranges: dict[str, list[str]] = {}
        self.dynamic_weights: dict[tuple[str, str, bool], tuple[str, str, str]] = {}
        self.dynamic_values: dict[str, str] = {}
        self.unrounded: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._constants: dict[tuple[str, bool], str] = {}

    def run(self) -> None:
        """Writes every node of the float graph in its new form."""
        for name in self.view.inputs:
            self._round_for_readers(name)
        for node in self.proto.graph.node:
            layer = self.layers.get(node.name)
            treatment = "float" if layer is None else layer.treatment
            if treatment == "weight-only" and node.op_type == "Gather":
                self.look_up(node)
                self._round_outputs(node)
            elif treatment in ("quantized", "passthrough", "weight-only"):
                self._quantized(node, treatment)
            elif treatment == "dynamic":
                self.dynamic(node)
                self._round_outputs(node)
            elif treatment == "half" and layer is not None:
                self.half.emit(node, get_format(layer.activations or ""))
                self._round_outputs(node)
            else:
                self._float(node)
        self.half.need(self.view.outputs)

    def finish(self, recipe: Recipe) -> onnx.ModelProto:
        """The model with the new nodes, without constants that nobody reads any more."""
        graph = self.proto.graph
        read = {name for node in self.writer.nodes for name in reads_of(node)} | set(self.view.outputs)
        kept = [item for item in graph.initializer if item.name in read]
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self.writer.nodes)
        graph.initializer.extend(kept)
        graph.initializer.extend(item for item in self.writer.initializers if item.name in read)
        self.proto.producer_name = "qexplorer"
        for entry in list(self.proto.metadata_props):
            if entry.key == "qexplorer.recipe":
                self.proto.metadata_props.remove(entry)
        self.proto.metadata_props.add(key="qexplorer.recipe", value=recipe.to_yaml())
        return self.proto

    def dynamic(self, node: onnx.NodeProto) -> None:
        """Writes a dynamically quantized layer."""
        emit_dynamic(self, node)

    def look_up(self, node: onnx.NodeProto) -> None:
        """Writes a Gather of rows of a weight on a grid."""
        emit_look_up(self, node)

    # Constants

    def weight_codes(self, node: onnx.NodeProto, position: int) -> tuple[TensorPlan, Int32]:
        """The plan and the codes of a layer's constant input, biases as shape ``(channels,)``."""
        plan = self.plan.tensors[self.plan.constants[node.name][position]]
        if plan.codes is not None:
            return plan, plan.codes
        values: Float32 | None = self.view.array(plan.name)
        if plan.kind == "bias" and values is not None:
            values = bias_vector(values, output_channels(node, 1, self.view))
        assert values is not None
        return plan, quantize(values, plan.grid)

    def constant(self, node: onnx.NodeProto, position: int, *, transposed: bool = False) -> str:
        """The name of the dequantized value of a layer's constant input, or of its transpose (matrices only)."""
        key = self.plan.constants[node.name][position]
        if (key, transposed) not in self._constants:
            plan, codes = self.weight_codes(node, position)
            grid = plan.grid
            if transposed:
                codes, grid = np.ascontiguousarray(codes.T), grid.transposed()
            name = f"{key}/{'transposed' if transposed else 'dequantized'}"
            self._constants[key, transposed] = write_decoded(
                self.writer,
                key,
                codes,
                grid,
                plan.carrier,
                name,
                foldable=not self._on_grids,
                shared=plan.name in self.view.tied,
            )
        return self._constants[key, transposed]

    # Activations

    def _packed_gemm(self, node: onnx.NodeProto, treatment: str) -> bool:
        """Whether this is a weight-only Gemm that ONNX Runtime can run on packed weights (MatMulNBits).

        Version 1.31 does so if the weight lies with outputs along the columns (no ``transB``) and no Relu is fused into
        a Gemm with bias first. 1024 x 1024 in 4 bits, one row: 0.08 ms so, 1.7 ms as DequantizeLinear and Gemm.
        """
        if treatment != "weight-only" or node.op_type != "Gemm":
            return False
        plan = self.plan.tensors[self.plan.constants[node.name][1]]
        return plan.grid.format.storage is Storage.INTEGER and plan.carrier in ("int4", "uint4")

    def read(self, node: onnx.NodeProto, quantized: bool, turned: bool = False) -> list[str]:
        """Names that ``node`` reads its inputs under: grids where it is quantized, float32 otherwise.

        ``turned`` asks for the transpose of its weight.
        """
        planned = self.plan.constants.get(node.name, {})
        names = []
        for position, name in enumerate(node.input):
            if position in planned:
                names.append(self.constant(node, position, transposed=turned and position == 1))
            else:
                names.append(self._values.get(name, name) if quantized else name)
        self.half.need(reads_of(node))
        return names

    def _quantized(self, node: onnx.NodeProto, treatment: str) -> None:
        if treatment == "passthrough" and self._as_bound(node):
            return
        packed = self._packed_gemm(node, treatment)
        turned = packed and bool(number(node, "transB", 0))
        copy = self._copy(node, self.read(node, treatment != "weight-only", turned))
        if turned:
            copy.attribute.remove(next(item for item in copy.attribute if item.name == "transB"))
        rounded = [o for o in node.output if o and self._is_activation(o) and treatment != "weight-only"]
        raw = {name: self.writer.fresh(f"{name}/unrounded") for name in rounded}
        self.unrounded |= raw
        for index, name in enumerate(node.output):
            copy.output[index] = raw.get(name, name)
        if treatment == "quantized" or packed:
            self._part_from_float_bias(copy, node)
        else:
            self.writer.nodes.append(copy)
        for name in rounded:
            self._round(raw[name], name, moved=treatment == "passthrough" and node.input[0] in self._codes)
        if treatment == "weight-only":
            self._round_outputs(node)

    def _part_from_float_bias(self, copy: onnx.NodeProto, node: onnx.NodeProto) -> None:
        """Writes a layer whose constant bias stays in float as the layer without it and an Add.

        Left in place, ONNX Runtime 1.31 puts such a bias on ``scale_x * scale_w`` in int32 by itself and lets it
        overflow: with 16-bit weights and activations digits_cnn fell from 99.5 % to 58.8 %.
        """
        self.writer.nodes.append(copy)
        planned = self.plan.constants.get(node.name, {})
        constant = len(node.input) > 2 and self.view.is_constant(node.input[2])
        if node.op_type not in _BIASED or not constant or 1 not in planned or 2 in planned:
            return
        if node.op_type == "Gemm" and number(node, "beta", 1.0) != 1:
            return
        bias, output = node.input[2], copy.output[0]
        if node.op_type != "Gemm":
            values, rank = self.view.array(bias), len(self.view.initializers[node.input[1]].dims)
            bias = self.writer.constant(f"{bias}/broadcast", values.reshape(-1, *[1] * (rank - 2)))
        del copy.input[2]
        copy.output[0] = self.writer.fresh(f"{node.output[0]}/unbiased")
        self.writer.add("Add", [copy.output[0], bias], output, exact=True)

    def _as_bound(self, node: onnx.NodeProto) -> bool:
        """Writes a Relu or Clip as a bound on codes; False if it is to stay a node (other operators, 16 bits)."""
        if node.op_type not in ("Relu", "Clip"):
            return False
        source, target = node.input[0], node.output[0]
        plan = self.plan.tensors[self._end_of_chain(target)]
        if plan.carrier not in ("int8", "uint8"):
            return False
        if target not in self.plan.tensors:
            self._skipped[target] = self._skipped.get(source, source)
        elif source not in self._codes:
            self._round(self._skipped.get(source, source), target)
        else:
            codes = self._codes[source]
            if not _same(self.plan.tensors[source].grid, plan.grid):
                codes = self._bound(self._values[source], plan, target)
            self._dequantize(codes, plan, target, target)
        return True

    def _end_of_chain(self, tensor: str) -> str:
        """The tensor whose grid bounds what a chain of absorbed Relu and Clip makes."""
        while tensor not in self.plan.tensors:
            tensor = self.view.nodes[self.view.consumers[tensor][0]].output[0]
        return tensor

    def _round(self, source: str, tensor: str, *, moved: bool = False, value: str | None = None) -> None:
        """Writes Q, the bounds if there are any, and DQ; the rounded value is called ``value`` (``tensor`` if None)."""
        plan = self.plan.tensors[tensor]
        if plan.grid.format.storage is not Storage.INTEGER:
            name = value or tensor
            self._values[tensor] = write_rounded(self.writer, source, tensor, plan.grid, name)
            return
        scale_zero = self.writer.grid(tensor, plan.grid, plan.carrier)
        codes = self.writer.add("QuantizeLinear", [source, *scale_zero], f"{tensor}/codes")
        bounded = (plan.grid.qmin, plan.grid.qmax) != _LIMITS[plan.carrier]
        narrow = plan.grid.format.bits < carrier_bits(plan.carrier)
        if bounded and not moved and (narrow or plan.carrier in ("int8", "uint8")):
            wide = self.writer.add("DequantizeLinear", [codes, *scale_zero], f"{tensor}/unbounded")
            codes = self._bound(wide, plan, tensor)
        self._dequantize(codes, plan, tensor, value or tensor)

    def _bound(self, value: str, plan: TensorPlan, tensor: str) -> str:
        """Clip to the grid's own range, and the codes of that."""
        low, high = (
            self.writer.constant(f"{tensor}/{n}", v) for n, v in (("low", plan.grid.low), ("high", plan.grid.high))
        )
        clipped = self.writer.add("Clip", [value, low, high], f"{tensor}/bounded")
        scale_zero = self.writer.grid(tensor, plan.grid, plan.carrier)
        return self.writer.add("QuantizeLinear", [clipped, *scale_zero], f"{tensor}/bounded_codes")

    def _dequantize(self, codes: str, plan: TensorPlan, tensor: str, value: str) -> None:
        padded = any(reader.op_type == "Pad" for reader in self.view.readers(tensor))  # OpenVINO pads zero points, too
        scale_zero = self.writer.grid(tensor, plan.grid, plan.carrier, own=padded)
        self._codes[tensor] = codes
        self._values[tensor] = self.writer.add("DequantizeLinear", [codes, *scale_zero], value, exact=True)

    def _round_for_readers(self, name: str) -> None:
        """Rounds a tensor that the outside or a float layer makes; only quantized layers read the rounded value."""
        if self._is_activation(name):
            self.half.need([name])
            self._round(name, name, value=self.writer.fresh(f"{name}/rounded"))

    def _round_outputs(self, node: onnx.NodeProto) -> None:
        for name in filter(None, node.output):
            self._round_for_readers(name)

    def _is_activation(self, name: str) -> bool:
        plan = self.plan.tensors.get(name)
        return plan is not None and plan.kind == "activation"

    # Float

    def _float(self, node: onnx.NodeProto) -> None:
        inputs = self.read(node, quantized=False)
        first = node.input[0] if node.input else ""
        if first in self._codes and self._values.get(first) == first:  # what it reads comes out of codes
            plan = self.plan.tensors[first]
            inputs = inputs_kept_float(
                node, inputs, self._codes[first], plan.grid, plan.carrier, self.view, self.writer
            )
        self.writer.nodes.append(self._copy(node, inputs))
        self._round_outputs(node)

    def _copy(self, node: onnx.NodeProto, inputs: list[str]) -> onnx.NodeProto:
        import onnx

        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = inputs
        return copy


def _same(one: Grid, other: Grid) -> bool:
    """Whether two grids of activations hold the same values."""
    parts = [(g.scale.tobytes(), g.zero_point.tobytes(), g.qmin, g.qmax) for g in (one, other)]
    return parts[0] == parts[1]
