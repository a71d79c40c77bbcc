"""Which kernels of ONNX Runtime compute on integers: a table of data.

``CODES`` says how an operator of the optimized graph treats quantized tensors:

- ``INTEGER``: always computes on integer codes;
- ``CARRIES``: computes on whatever it is given, codes or floats (a MaxPool between two QLinearConv sees codes);
- ``MOVES``: moves data, computes nothing;
- ``CONVERTS``: turns floats into codes or back, one float type into another, one layout into another.

Everything that is not listed computes in float. Source: the operators of ONNX opset 21 and the contrib operators of
ONNX Runtime 1.31 (docs/ContribOperators.md and docs/OperatorKernels.md there).
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CODES", "KernelTreatment", "treatment"]


class KernelTreatment(StrEnum):
    """How a kernel treats quantized tensors."""

    INTEGER = "integer"
    CARRIES = "carries"
    MOVES = "moves"
    CONVERTS = "converts"
    FLOAT = "float"


_INTEGER = """
    ConvInteger MatMulInteger QLinearConv QLinearMatMul DynamicQuantizeMatMul MatMulIntegerToFloat MatMulInteger16
    QGemm QLinearAdd QLinearMul QLinearAveragePool QLinearGlobalAveragePool QLinearLeakyRelu QLinearSigmoid
    QLinearSoftmax QLinearReduceMean QLinearConcat QLinearWhere QAttention QEmbedLayerNormalization QOrderedMatMul
    QOrderedGelu QOrderedLayerNormalization QOrderedAttention DynamicQuantizeLSTM QMoE NhwcMaxPool QLinearConvTranspose
"""
_CARRIES = "MaxPool Relu Clip Min Max Abs Neg Sign Equal Greater Less ArgMax ArgMin ReduceMax ReduceMin TopK Resize"
_MOVES = """
    Reshape Transpose Flatten Squeeze Unsqueeze Concat Split Slice Gather GatherElements GatherND ScatterND Expand Tile
    Pad Identity DepthToSpace SpaceToDepth Shape Size Where Constant ConstantOfShape Dropout MemcpyFromHost MemcpyToHost
    Compress ReverseSequence
"""
_CONVERTS = "QuantizeLinear DequantizeLinear DynamicQuantizeLinear Cast ReorderInput ReorderOutput"

CODES: dict[str, KernelTreatment] = {
    op: kind
    for kind, ops in (
        (KernelTreatment.INTEGER, _INTEGER),
        (KernelTreatment.CARRIES, _CARRIES),
        (KernelTreatment.MOVES, _MOVES),
        (KernelTreatment.CONVERTS, _CONVERTS),
    )
    for op in ops.split()
}


def treatment(op: str) -> KernelTreatment:
    """How the operator type ``op`` treats quantized tensors."""
    return CODES.get(op, KernelTreatment.FLOAT)
