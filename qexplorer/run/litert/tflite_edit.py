"""What the converter (litert-converter 0.5) cannot write and LiteRT can run, written into the file afterwards.

- 4-bit weights: the converter fails on such constants without a message. Codes that fit are packed two to a byte
  where there is a quick kernel for them.
- Dynamic layers: the converter dequantizes their weights to float32 first. A layer that reads floats and integer
  weights directly quantizes its input as it runs.
- Biases of layers with 16-bit activations: the converter writes int32, LiteRT's kernels want int64.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.run.litert.tflite_file import names_of, schema, weight_key

__all__ = ["edited"]

_HAS_INT4 = {"FULLY_CONNECTED": 1}
"""Operators with a quick kernel for 4-bit codes, and the position of the tensor. CONV_2D and DEQUANTIZE take them too,
but not in XNNPACK: with them resnet18 took 31 ms instead of 11 (w4a8), 112 instead of 37 (w4). LiteRT 2.3."""

_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def edited(content: bytes, *, narrow: bool, dynamic: Collection[str]) -> bytes:
    """The file with what is described above.

    Args:
        content: a file as the converter wrote it.
        narrow: whether there are weights that are meant to have 4 bits.
        dynamic: keys (:func:`weight_key`) of weights whose layers are to quantize their inputs.
    """
    import flatbuffers

    classes = schema()
    model = classes.ModelT.InitFromObj(classes.Model.GetRootAsModel(bytearray(content), 0))
    file = _File(model, classes)
    changed = file.make_dynamic(dynamic) if dynamic else False
    changed = file.widen_biases() or changed
    changed = (narrow and file.pack()) or changed
    if not changed:
        return content
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _File:
    """The main graph of a file under change."""

    def __init__(self, model: Any, classes: Any) -> None:
        self.model, self.graph, self.types = model, model.subgraphs[0], classes.TensorType
        self._names = names_of(classes.BuiltinOperator)
        self._shared = Counter(tensor.buffer for tensor in self.graph.tensors)

    def name(self, operator: Any) -> str:
        code = self.model.operatorCodes[operator.opcodeIndex]
        return self._names[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def data(self, index: int, dtype: str) -> Array | None:
        stored = self.model.buffers[self.graph.tensors[index].buffer].data
        return None if stored is None else np.asarray(stored, np.uint8).view(dtype)

    def make_dynamic(self, keys: Collection[str]) -> bool:
        """Lets layers read integer weights directly."""
        constants = {}
        for operator in self.graph.operators:
            if self.name(operator) != "DEQUANTIZE":
                continue
            read = int(operator.inputs[0])
            codes = self.data(read, "i1")
            if codes is not None and weight_key(codes, self.graph.tensors[read].quantization.scale) in keys:
                constants[int(operator.outputs[0])] = read
        changed = False
        for operator in self.graph.operators:
            if self.name(operator) not in _LAYERS or int(operator.inputs[1]) not in constants:
                continue
            operator.inputs[1] = constants[int(operator.inputs[1])]
            if hasattr(operator.builtinOptions, "asymmetricQuantizeInputs"):
                operator.builtinOptions.asymmetricQuantizeInputs = True
            changed = True
        self._drop_unread()
        return changed

    def _drop_unread(self) -> None:
        read = {int(index) for operator in self.graph.operators for index in operator.inputs}
        read |= {int(index) for index in self.graph.outputs}
        self.graph.operators = [
            each for each in self.graph.operators if self.name(each) != "DEQUANTIZE" or int(each.outputs[0]) in read
        ]

    def widen_biases(self) -> bool:
        """int64 biases for layers that read int16."""
        changed = False
        for operator in self.graph.operators:
            if self.name(operator) not in _LAYERS or len(operator.inputs) < 3 or operator.inputs[2] < 0:
                continue
            bias = self.graph.tensors[operator.inputs[2]]
            codes = self.data(operator.inputs[2], "i4")
            reads = self.graph.tensors[operator.inputs[0]].type
            if reads != self.types.INT16 or bias.type != self.types.INT32 or codes is None:
                continue
            self.model.buffers.append(type(self.model.buffers[0])())
            self.model.buffers[-1].data = codes.astype(np.int64).view(np.uint8)
            bias.buffer, bias.type = len(self.model.buffers) - 1, self.types.INT64
            changed = True
        return changed

    def pack(self) -> bool:
        """4-bit storage for weights whose every code fits."""
        readers: dict[int, set[bool]] = {}
        for operator in self.graph.operators:
            for position, index in enumerate(operator.inputs):
                readers.setdefault(int(index), set()).add(_HAS_INT4.get(self.name(operator)) == position)
        changed = False
        for index, tensor in enumerate(self.graph.tensors):
            if tensor.type != self.types.INT8 or self._shared[tensor.buffer] > 1 or readers.get(index) != {True}:
                continue
            codes = self.data(index, "i1")
            if codes is None or codes.size == 0 or codes.min() < -8 or codes.max() > 7:
                continue
            nibbles = np.append(codes.view(np.uint8) & 15, np.zeros(codes.size % 2, np.uint8))
            self.model.buffers[tensor.buffer].data = (nibbles[0::2] | (nibbles[1::2] << 4)).astype(np.uint8)
            tensor.type = self.types.INT4
            changed = True
        return changed
