"""NaN and infinite weights, found by name and index before they spoil a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import ModelError
from qexplorer.core.reference.linear import dequantize_linear
from qexplorer.core.reference.types import code_format, is_float_code, largest
from qexplorer.graph.attributes import number
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
            raise _refused(name, found, where, "computed from constants," if computed else "")
    if computed:
        _check_decoded(proto, where)


def _refused(name: str, found: tuple[tuple[int, ...], str], where: str, how: str) -> ModelError:
    index, value = found
    place = f"'{name}'[{', '.join(map(str, index))}]" if index else f"'{name}'"
    what = f"the weight {place}{', ' if how else ''}{how} is {value}"
    return ModelError(what, where=where, allowed="finite weights", do="check the training or the export")


def _check_decoded(proto: onnx.ModelProto, where: str) -> None:
    """Refuses weights whose codes become infinite by finite scales (DequantizeLinear, opset 21)."""
    import onnx

    tensors = dict(all_tensors(proto))
    for node in all_nodes(proto):
        if node.op_type != "DequantizeLinear" or not all(name in tensors for name in node.input[:2]):
            continue
        codes, scale, *zero = (onnx.numpy_helper.to_array(tensors[name]) for name in node.input if name in tensors)
        if not _may_overflow(codes, scale):
            continue
        axis, block_size = int(number(node, "axis", 1)), int(number(node, "block_size", 0))
        try:
            with np.errstate(over="ignore"):
                values = dequantize_linear(codes, scale, *zero, axis=axis, block_size=block_size)
        except (ValueError, IndexError):
            what = f"the scales '{node.input[1]}' do not fit the weight '{node.input[0]}'"
            raise ModelError(what, where=where, do="export it again") from None
        found = _first_bad(values.astype(np.float32), infinities=True)
        if found:
            raise _refused(node.input[0], found, where, "decoded by its scale,")


def _may_overflow(codes: Array, scale: Array) -> bool:
    """Whether some code of this type would come out infinite; few weights are worth being decoded."""
    farthest = largest(codes.dtype) if is_float_code(codes.dtype) else 2.0 ** code_format(codes.dtype).bits
    return float(np.abs(scale.astype(np.float64)).max(initial=0.0)) * farthest > largest(scale.dtype)


def first_nonfinite(tensor: onnx.TensorProto, *, infinities: bool = True) -> tuple[tuple[int, ...], str] | None:
    """Index and value (``NaN``, ``Inf`` or ``-Inf``) of the first value that is not finite; None if all are."""
    import onnx

    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    if tensor.data_type not in kinds or ITEM_BITS[tensor.data_type] < 16:
        return None
    values = onnx.numpy_helper.to_array(tensor)
    if values.dtype.name == "bfloat16":
        values = values.astype(np.float32)
    return _first_bad(values, infinities=infinities)


def _first_bad(values: Array, *, infinities: bool) -> tuple[tuple[int, ...], str] | None:
    bad = ~np.isfinite(values) if infinities else np.isnan(values)
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), values.shape)) if values.ndim else ()
    value = float(values[index])
    return index, "NaN" if value != value else ("Inf" if value > 0 else "-Inf")
