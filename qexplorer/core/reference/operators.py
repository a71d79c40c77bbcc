"""The seven quantized operators of ONNX in NumPy: what every graph that this program writes means.

Products are summed in int64 and then kept modulo 2**32, as int32 accumulators do, so that the order of summing cannot
change a result; scales are applied in float32; rounding is half to even. Checked bit by bit against the node cases of
``onnx.backend.test`` and against ONNX Runtime.

QuantizeLinear, DequantizeLinear (opset 23), DynamicQuantizeLinear (11)    linear.py
QLinearMatMul (21), MatMulInteger (10)                                     matmul.py
QLinearConv (10), ConvInteger (10)                                         convolution.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qexplorer.core.dataset import Array
from qexplorer.core.reference.convolution import conv_integer, qlinear_conv
from qexplorer.core.reference.linear import dequantize_linear, dynamic_quantize_linear, quantize_linear
from qexplorer.core.reference.matmul import matmul_integer, qlinear_matmul

__all__ = ["OPERATORS", "run_operator"]

OPERATORS: dict[str, Callable[..., Any]] = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "DynamicQuantizeLinear": dynamic_quantize_linear,
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    "ConvInteger": conv_integer,
    "MatMulInteger": matmul_integer,
}


def run_operator(op: str, inputs: Sequence[Array | None], attributes: Mapping[str, Any]) -> tuple[Array, ...]:
    """Outputs of one node.

    Args:
        op: operator type, a key of :data:`OPERATORS`.
        inputs: the node's inputs in order, None where an optional one is left out.
        attributes: the node's attributes by name, as plain values.

    Raises:
        KeyError: for any other operator.
        ValueError: for an attribute value that the operator's specification does not have.
    """
    outputs = OPERATORS[op](*inputs, **attributes)
    return outputs if isinstance(outputs, tuple) else (outputs,)
