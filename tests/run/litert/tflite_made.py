"""Small .tflite files, made with the format's own classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Laid", "Step", "tflite"]


@dataclass(frozen=True, slots=True)
class Laid:
    """A tensor: its type and shape; the bytes of a constant; scales, zero points and axis of its grid."""

    dtype: str
    shape: tuple[int, ...]
    stored: Any = None
    scales: Sequence[float] = ()
    zero_points: Sequence[int] = ()
    axis: int = 0
    buffer: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An operator: numbers of the tensors that it reads (-1: left out) and makes."""

    op: str
    reads: Sequence[int]
    makes: Sequence[int]
    options: Any = None
    custom: str = ""


def tflite(tensors: Sequence[Laid], steps: Sequence[Step], outputs: Sequence[int] = (), **more: Any) -> bytes:
    """The bytes of a file with one graph; its tensors are called ``t0``, ``t1`` and so on."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    model.operatorCodes, graph.tensors, graph.operators = [], [], []
    for number, laid in enumerate(tensors):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{number}".encode(), np.asarray(laid.shape, np.int32)
        tensor.type = getattr(schema.TensorType, laid.dtype.upper())
        if laid.stored is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(laid.stored).tobytes(), np.uint8)
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
        tensor.buffer = tensor.buffer if laid.buffer is None else laid.buffer
        if laid.scales:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.asarray(laid.scales, np.float32)
            tensor.quantization.zeroPoint = np.asarray(laid.zero_points, np.int64)
            tensor.quantization.quantizedDimension = laid.axis
        graph.tensors.append(tensor)
    for step in steps:
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, step.op)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = step.custom.encode() or None
        model.operatorCodes.append(code)
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = np.asarray(step.reads, np.int32), np.asarray(step.makes, np.int32)
        if step.options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, step.options)
            operator.builtinOptions = getattr(schema, f"{step.options}T")()
        graph.operators.append(operator)
    graph.inputs, graph.outputs = np.asarray(more.get("inputs", [0]), np.int32), np.asarray(outputs, np.int32)
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.inputs, signature.outputs = b"serve", [], []
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
