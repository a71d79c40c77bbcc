"""Reads, from the graph that ONNX Runtime optimized for this CPU, which kernels really run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qexplorer.core.results import Kernels
from qexplorer.run.kernel_table import Treatment, treatment

if TYPE_CHECKING:
    import onnx

__all__ = ["kernels_of"]


def kernels_of(optimized: onnx.ModelProto) -> Kernels:
    """Counts operator types of ``optimized`` by what they compute on, bodies of If, Loop and Scan included."""
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    _count(optimized.graph, set(), counts)
    return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})


def _count(graph: onnx.GraphProto, codes: set[str], counts: dict[str, Counter[str]]) -> None:
    """Walks in execution order; ``codes`` holds the tensors known to be integer codes of a quantized tensor."""
    for node in graph.node:
        kind = treatment(node.op_type)
        on_codes = bool(node.input) and node.input[0] in codes
        if kind is Treatment.CARRIES:
            kind = Treatment.INTEGER if on_codes else Treatment.FLOAT
            if on_codes:
                codes.update(node.output)
        elif (kind is Treatment.MOVES and on_codes) or _gives_codes(node):
            codes.update(node.output)
        place = kind.value if kind in (Treatment.INTEGER, Treatment.FLOAT) else "other"
        counts[place][_label(node)] += 1
        for body in _bodies(node):
            _count(body, codes, counts)


def _gives_codes(node: onnx.NodeProto) -> bool:
    if node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear", "QGemm"):
        return True
    return node.op_type.startswith("QLinear")


def _label(node: onnx.NodeProto) -> str:
    """The operator type; MatMulNBits also says that only its weights are integers.

    At accuracy level 0, which this program asks for, it unpacks its weights and computes in float; at level 4 it
    quantizes its input to int8 (contrib operator MatMulNBits, attribute ``accuracy_level``).
    """
    if node.op_type not in ("MatMulNBits", "MatMulBnb4", "GatherBlockQuantized"):
        return str(node.op_type)
    bits = next((a.i for a in node.attribute if a.name == "bits"), 4)
    return f"{node.op_type} (int{bits} weights)"


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
