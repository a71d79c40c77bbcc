"""Reads, from the graph that ONNX Runtime optimized for this machine, which kernels really run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.core.results import Kernels
from qexplorer.graph.walk import subgraphs
from qexplorer.run.onnxruntime.kernel_table import KernelTreatment, treatment

if TYPE_CHECKING:
    import onnx

__all__ = ["OptimizedNode", "kernels_in", "kernels_of"]

_HALVES = {10: "fp16", 16: "bf16"}  # onnx.TensorProto.FLOAT16, BFLOAT16


@dataclass(frozen=True, slots=True)
class OptimizedNode:
    """One node of an optimized graph.

    Attributes:
        node: the node.
        treatment: what it works on, never ``CARRIES``.
        label: its operator type, with what a person has to know beside it: bits of weights, a float type below 32 bits.
        inner: whether it stands in the body of an If, Loop or Scan.
    """

    node: onnx.NodeProto
    treatment: KernelTreatment
    label: str
    inner: bool


def kernels_of(optimized: onnx.ModelProto) -> Kernels:
    """Counts operator types of ``optimized`` by what they compute on, bodies of If, Loop and Scan included."""
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    for kernel in kernels_in(optimized.graph):
        computes = kernel.treatment in (KernelTreatment.INTEGER, KernelTreatment.FLOAT)
        counts[kernel.treatment.value if computes else "other"][kernel.label] += 1
    return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})


def kernels_in(graph: onnx.GraphProto) -> Iterator[OptimizedNode]:
    """Every node of an optimized graph with what it works on, in file order; bodies behind the node that has them."""
    yield from _walk(graph, set(), {}, inner=False)


def _walk(graph: onnx.GraphProto, codes: set[str], types: dict[str, int], *, inner: bool) -> Iterator[OptimizedNode]:
    """``codes`` holds the tensors known to be codes of a quantized tensor, ``types`` element types as far as known."""
    types.update({item.name: item.data_type for item in graph.initializer})
    types.update({value.name: value.type.tensor_type.elem_type for value in graph.input})
    for node in graph.node:
        kind = treatment(node.op_type)
        on_codes = bool(node.input) and node.input[0] in codes
        if kind is KernelTreatment.CARRIES:
            kind = KernelTreatment.INTEGER if on_codes else KernelTreatment.FLOAT
            if on_codes:
                codes.update(node.output)
        elif (kind is KernelTreatment.MOVES and on_codes) or _gives_codes(node):
            codes.update(node.output)
        yield OptimizedNode(node, kind, _label(node, kind, types), inner)
        types.update(dict.fromkeys(node.output, _output_type(node, types)))
        for body in subgraphs(node):
            yield from _walk(body, codes, types, inner=True)


def _gives_codes(node: onnx.NodeProto) -> bool:
    if node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear", "QGemm"):
        return True
    return node.op_type.startswith("QLinear")


def _label(node: onnx.NodeProto, kind: KernelTreatment, types: dict[str, int]) -> str:
    """The operator type; a float kernel on half precision says so, MatMulNBits says that only its weights are integers.

    At accuracy level 0, which this program asks for, it unpacks its weights and computes in float; at level 4 it
    quantizes its input to int8 (contrib operator MatMulNBits, attribute ``accuracy_level``).
    """
    if node.op_type in ("MatMulNBits", "MatMulBnb4", "GatherBlockQuantized"):
        bits = next((a.i for a in node.attribute if a.name == "bits"), 4)
        return f"{node.op_type} (int{bits} weights)"
    half = _HALVES.get(types.get(node.input[0], 0)) if node.input else None
    return f"{node.op_type} ({half})" if half and kind is KernelTreatment.FLOAT else str(node.op_type)


def _output_type(node: onnx.NodeProto, types: dict[str, int]) -> int:
    """Element type of what ``node`` writes: of a Cast as it says, of others that of the first input; 0 if unknown."""
    if node.op_type == "Cast":
        return next((a.i for a in node.attribute if a.name == "to"), 0)
    source = 1 if node.op_type == "DequantizeLinear" else 0  # what comes out of it has the type of the scale
    return types.get(node.input[source], 0) if len(node.input) > source else 0
