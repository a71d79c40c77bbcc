"""An exact answer for a whole QDQ graph: integer layers by ``core.reference`` in NumPy and int64, node by node.

A layer's codes are made where its QuantizeLinear stands: Conv by ``qlinear_conv``; Gemm and MatMul by
``matmul_integer``, the int32 bias and ``requantize``; means by an int64 sum and ``requantize``. Whatever else stands
between DequantizeLinear and QuantizeLinear is float32, as written: additions in NumPy, other operators by onnx's
reference evaluator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from qexplorer.core.reference.convolution import conv_integer, qlinear_conv
from qexplorer.core.reference.matmul import matmul_integer, requantize, wrapped
from qexplorer.core.reference.operators import run_operator

Values = NDArray[Any]


class Oracle:
    """Evaluates one graph.

    Args:
        model: layers must be followed by a QuantizeLinear, as qexplorer writes them.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = list(model.graph.node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        self.opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        self.sums: dict[str, Values] = {}

    def __call__(self, feeds: dict[str, Values]) -> dict[str, Values]:
        """Every tensor but the unrounded results of integer layers; ``sums`` then holds their int32 sums."""
        self.values = {**self.constants, **feeds}
        for node in self.nodes:
            if node.op_type in ("Conv", "Gemm", "MatMul", "GlobalAveragePool"):
                continue  # made where it is rounded
            source = self.makers.get(node.input[0]) if node.input else None
            if node.op_type == "QuantizeLinear" and source is not None and node.input[0] not in self.values:
                self.values[node.output[0]] = self._layer(source, node)
            else:
                self._plain(node)
        return self.values

    def _plain(self, node: onnx.NodeProto) -> None:
        inputs = [self.values[name] if name else None for name in node.input]
        settings = attributes(node)
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            found = run_operator(node.op_type, inputs, settings)
        elif node.op_type == "Add":
            found = (inputs[0] + inputs[1],)
        else:
            evaluator = ReferenceEvaluator(node, opsets={"": self.opset})
            found = tuple(evaluator.run(None, dict(zip(node.input, inputs, strict=True))))
        self.values.update(zip(node.output, found, strict=False))

    def _codes(self, name: str) -> list[Values]:
        """Codes, scale and zero point behind a dequantized tensor."""
        return [self.values[each] for each in self.makers[name].input]

    def _layer(self, layer: onnx.NodeProto, quantizer: onnx.NodeProto) -> Values:
        x, x_scale, x_zero = self._codes(layer.input[0])
        scale, zero = (self.values[name] for name in quantizer.input[1:3])
        if layer.op_type == "GlobalAveragePool":
            axes = tuple(range(2, x.ndim))
            count = int(np.prod([x.shape[axis] for axis in axes]))
            total = wrapped(x.astype(np.int64).sum(axes, keepdims=True) - count * int(x_zero))
            return requantize(total, np.asarray(x_scale / (np.float32(count) * scale), np.float32), zero)
        w, w_scale, w_zero = self._codes(layer.input[1])
        bias = self._codes(layer.input[2])[0] if len(layer.input) > 2 else None
        if layer.op_type == "Conv":
            settings = attributes(layer)
            total = conv_integer(x, w, x_zero, w_zero, **settings).astype(np.int64)
            column = (-1,) + (1,) * (w.ndim - 2)
            self.sums[layer.name] = wrapped(total + (0 if bias is None else bias.astype(np.int64).reshape(column)))
            return qlinear_conv(x, x_scale, x_zero, w, w_scale, w_zero, scale, zero, bias, **settings)
        w = w.T if layer.op_type == "Gemm" and attributes(layer).get("transB") else w
        total = matmul_integer(x, w, x_zero, w_zero).astype(np.int64)
        self.sums[layer.name] = wrapped(total if bias is None else total + bias)
        return requantize(self.sums[layer.name], x_scale * w_scale / scale, zero)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as plain values."""
    found = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def telling_codes(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """The same graph with the codes that it makes as further outputs, and their names."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    types = {item.name: item.data_type for item in model.graph.initializer}
    names = []
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            names.append(node.output[0])
            info = onnx.helper.make_tensor_value_info(node.output[0], types[node.input[2]], None)
            copy.graph.output.append(info)
    return copy, names
