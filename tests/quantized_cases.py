"""The node cases of ``onnx.backend.test`` with quantized operators, without making the thousand others."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

__all__ = ["QUANTIZED", "array", "quantized_cases"]

QUANTIZED = {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"),
    *("ConvInteger", "MatMulInteger"),
}


@cache
def quantized_cases() -> dict[str, Any]:
    """Cases with one of the seven operators, by name.

    ONNX makes its cases as the modules that describe them are imported, a module an operator; all of them take 6 s.
    That no other module holds such a case is tested where all are made (``tests/torchgraph/test_node_cases.py``).
    """
    from onnx.backend.test.case import node

    with np.errstate(all="ignore"):
        for operator in QUANTIZED:
            import_module(f"{node.__name__}.{operator.lower()}")
    made: list[Any] = node._NodeTestCases
    return {case.name: case for case in made if case.model is not None and _operators(case.model) & QUANTIZED}


def array(value: Any) -> np.ndarray[Any, Any]:
    """A test value, which may be a protocol buffer, as an array."""
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def _operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}
