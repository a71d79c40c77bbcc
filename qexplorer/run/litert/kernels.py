"""Which operators of a .tflite file compute on integers."""

from __future__ import annotations

from collections import Counter

from qexplorer.core.results import Kernels
from qexplorer.run.litert.tflite_file import Operator, operators
from qexplorer.run.protocol import Executed, KernelKind

__all__ = ["executed", "kernels_of"]

_CONVERTS = {"QUANTIZE", "DEQUANTIZE", "CAST"}
_MOVES = {
    *("RESHAPE", "TRANSPOSE", "PAD", "PADV2", "MIRROR_PAD", "CONCATENATION", "SPLIT", "SPLIT_V", "SLICE", "PACK"),
    *("STRIDED_SLICE", "GATHER", "GATHER_ND", "SQUEEZE", "EXPAND_DIMS", "TILE", "BROADCAST_TO", "SHAPE", "FILL"),
    *("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "UNPACK", "REVERSE_V2", "SCATTER_ND", "SELECT", "SELECT_V2", "RANGE"),
}
_LAYERS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL", "CONV_3D"}
_CODES = ("int8", "uint8", "int16", "int4")


def kernels_of(content: bytes) -> Kernels:
    """Counts operators by what they compute on. Weights in 4 bits and inputs quantized on the way are named beside."""
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    for kernel in executed(content):
        counts[kernel.kind.value if kernel.kind in (KernelKind.INTEGER, KernelKind.FLOAT) else "other"][kernel.op] += 1
    return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})


def executed(content: bytes) -> tuple[Executed, ...]:
    """Every operator, in the order of the file, without times."""
    return tuple(
        Executed(op.outputs[0].name if op.outputs else op.name, _label(op), _kind(op), None)
        for op in operators(content)
    )


def _kind(op: Operator) -> KernelKind:
    if op.name in _CONVERTS:
        return KernelKind.CONVERTS
    if op.name in _MOVES:
        return KernelKind.MOVES
    if op.name in _LAYERS and len(op.inputs) > 1 and op.inputs[1].dtype in _CODES:
        return KernelKind.INTEGER
    return KernelKind.INTEGER if op.inputs and op.inputs[0].dtype in _CODES else KernelKind.FLOAT


def _label(op: Operator) -> str:
    if op.name not in _LAYERS or len(op.inputs) < 2 or op.inputs[1].dtype not in _CODES:
        return op.name
    notes = ["dynamic"] if op.inputs[0].dtype == "float32" else []
    notes += ["16-bit activations"] if op.inputs[0].dtype == "int16" else []
    notes += ["int4 weights"] if op.inputs[1].dtype == "int4" else []
    return f"{op.name} ({', '.join(notes)})" if notes else op.name
