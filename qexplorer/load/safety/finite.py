"""NaN and infinite weights, found by name and index before they spoil a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.errors import ModelError
from qexplorer.graph.walk import all_nodes, all_tensors
from qexplorer.load.safety.bombs import ITEM_BITS

if TYPE_CHECKING:
    import onnx

__all__ = ["check_finite", "first_nonfinite"]

# Operators that multiply by what they read: an infinite factor makes NaN of a zero. Elsewhere (masks added before a
# Softmax, limits of Clip) infinities are meant.
_MULTIPLIES = frozenset(
    (
        "Conv",
        "ConvTranspose",
        "Gemm",
        "MatMul",
        "Mul",
        "Einsum",
        "DequantizeLinear",
        "QuantizeLinear",
        "BatchNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "LSTM",
        "GRU",
        "RNN",
    )
)


def check_finite(proto: onnx.ModelProto, where: str, *, computed: bool = False) -> None:
    """Refuses a model with a NaN in any constant, or an infinity in one that something is multiplied by.

    Args:
        proto: the graph.
        where: what to call it in messages.
        computed: whether constants may have been computed from those of the file; then only what something is
            multiplied by must be finite, because a NaN elsewhere can be one that the graph never chooses.

    Raises:
        ModelError: naming the tensor and the index of the first such value.
    """
    factors = {name for node in all_nodes(proto) if node.op_type in _MULTIPLIES for name in node.input}
    for name, tensor in all_tensors(proto):
        if computed and name not in factors:
            continue
        found = first_nonfinite(tensor, infinities=name in factors)
        if found:
            index, value = found
            place = f"'{name}'[{', '.join(map(str, index))}]" if index else f"'{name}'"
            what = f"the weight {place}{', computed from constants,' if computed else ''} is {value}"
            raise ModelError(what, where=where, allowed="finite weights", do="check the training or the export")


def first_nonfinite(tensor: onnx.TensorProto, *, infinities: bool = True) -> tuple[tuple[int, ...], str] | None:
    """Index and value (``NaN``, ``Inf`` or ``-Inf``) of the first value that is not finite; None if all are."""
    import onnx

    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    if tensor.data_type not in kinds or ITEM_BITS[tensor.data_type] < 16:
        return None
    values = onnx.numpy_helper.to_array(tensor)
    if values.dtype.name == "bfloat16":
        values = values.astype(np.float32)
    bad = ~np.isfinite(values) if infinities else np.isnan(values)
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), values.shape)) if values.ndim else ()
    value = float(values[index])
    return index, "NaN" if value != value else ("Inf" if value > 0 else "-Inf")
