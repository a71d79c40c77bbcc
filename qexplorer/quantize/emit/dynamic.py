"""Dynamic quantization in the graph: ranges of activations are found while the model runs.

``DynamicQuantizeLinear`` (opset 11) gives uint8 codes, scale and zero point of one tensor; it is written once per
tensor. Layers whose weight has integer kernels become ``MatMulInteger`` or ``ConvInteger``, whose int32 sums are
multiplied with both scales; ONNX Runtime fuses MatMulInteger, Cast, Mul and Add into one kernel. The others (blocks,
16 bits, ConvTranspose, asymmetric convolutions) read dequantized codes and compute in float.

Sums of integers are exact, so that a simulated run of the same graph gives the same answers as an integer run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.formats import Granularity, Storage
from qexplorer.graph.attributes import number
from qexplorer.quantize.plan_types import TensorPlan

if TYPE_CHECKING:
    import onnx

    from qexplorer.quantize.emit.graph import Emitter

__all__ = ["dynamic_kernel", "emit_dynamic"]


def dynamic_kernel(op: str, plan: TensorPlan, node: onnx.NodeProto) -> str | None:
    """The integer operator that a dynamic layer becomes; None if it has to compute in float.

    ConvInteger takes one zero point for the whole weight; MatMulInteger takes one per column.
    """
    grid = plan.grid
    integer = grid.format.storage is Storage.INTEGER and plan.carrier in ("int8", "uint8")
    if not integer or grid.granularity is Granularity.BLOCK:
        return None
    if op == "Conv":
        return "ConvInteger" if len(np.unique(grid.zero_point)) == 1 else None
    if op == "Gemm" and (number(node, "transA", 0) or number(node, "alpha", 1.0) != 1 or _scaled_bias(node)):
        return None
    return "MatMulInteger" if op in ("MatMul", "Gemm") else None


def _scaled_bias(node: onnx.NodeProto) -> bool:
    return len(node.input) > 2 and number(node, "beta", 1.0) != 1


def emit_dynamic(emitter: Emitter, node: onnx.NodeProto) -> None:
    """Writes one dynamically quantized layer."""
    plan = emitter.plan.tensors[emitter.plan.constants[node.name][1]]
    kernel = dynamic_kernel(node.op_type, plan, node)
    emitter.half.need(node.input)
    codes, scale, zero = _ranges(emitter, node.input[0])
    if kernel is None:
        _in_float(emitter, node, [codes, scale, zero])
        return
    writer, name, output = emitter.writer, node.name, node.output[0]
    weight, weight_zero, weight_scale = _weight(emitter, node, kernel)
    sums = writer.add(kernel, [codes, weight, zero, weight_zero], f"{name}/sums")
    if kernel == "ConvInteger":
        writer.nodes[-1].attribute.extend(node.attribute)
    exact = writer.add("Cast", [sums], f"{name}/sums_float", attributes={"to": 1})
    both = writer.add("Mul", [scale, weight_scale], f"{name}/scale")
    bias = _bias(emitter, node, kernel)
    if bias is None:
        writer.add("Mul", [exact, both], output, exact=True)
    else:
        product = writer.add("Mul", [exact, both], f"{name}/product")
        writer.add("Add", [product, bias], output, exact=True)


def _ranges(emitter: Emitter, tensor: str) -> list[str]:
    """Codes, scale and zero point of ``tensor``, found as the model runs; written once per tensor."""
    if tensor not in emitter.ranges:
        from onnx import helper

        writer = emitter.writer
        outputs = [writer.fresh(f"{tensor}/{part}") for part in ("codes", "scale", "zero_point")]
        label = writer.fresh(f"{tensor}/DynamicQuantizeLinear")
        writer.nodes.append(helper.make_node("DynamicQuantizeLinear", [tensor], outputs, name=label))
        emitter.ranges[tensor] = outputs
    return emitter.ranges[tensor]


def _weight(emitter: Emitter, node: onnx.NodeProto, kernel: str) -> tuple[str, str, str]:
    """Names of weight codes, zero point and scale, laid out for ``kernel``; shared between layers that agree."""
    key = emitter.plan.constants[node.name][1]
    transposed = node.op_type == "Gemm" and bool(number(node, "transB", 0))
    identity = (key, kernel, transposed)
    if identity not in emitter.dynamic_weights:
        plan, codes = emitter.weight_codes(node, 1)
        if transposed:
            codes = np.ascontiguousarray(codes.T)
        scale: Any = plan.grid.scale
        zero: Any = plan.grid.zero_point
        if kernel == "ConvInteger":
            zero = zero.reshape(-1)[0]
            scale = scale.reshape(-1, *[1] * (codes.ndim - 2)) if scale.ndim else scale
        writer = emitter.writer
        emitter.dynamic_weights[identity] = (
            writer.codes(f"{key}/codes", codes, plan.carrier, shared=plan.name in emitter.view.tied),
            writer.codes(f"{key}/zero_point", np.asarray(zero), plan.carrier),
            writer.constant(f"{key}/scale", np.asarray(scale, np.float32)),
        )
    return emitter.dynamic_weights[identity]


def _bias(emitter: Emitter, node: onnx.NodeProto, kernel: str) -> str | None:
    """The float bias in a shape that broadcasts to the output."""
    if len(node.input) < 3 or not node.input[2]:
        return None
    name: str = node.input[2]
    if kernel == "ConvInteger" and emitter.view.is_constant(name):
        values = emitter.view.array(name)
        rank = len(emitter.view.initializers[node.input[1]].dims)
        return emitter.writer.constant(f"{name}/broadcast", values.reshape(-1, *[1] * (rank - 2)))
    return name


def _in_float(emitter: Emitter, node: onnx.NodeProto, codes: list[str]) -> None:
    """Writes the layer as it is, between dequantized codes and its dequantized weight."""
    import onnx

    tensor = node.input[0]
    if tensor not in emitter.dynamic_values:
        emitter.dynamic_values[tensor] = emitter.writer.add("DequantizeLinear", codes, f"{tensor}/dequantized")
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[0] = emitter.dynamic_values[tensor]
    copy.input[1] = emitter.constant(node, 1)
    emitter.writer.nodes.append(copy)
