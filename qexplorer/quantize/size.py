"""How many bytes the constants of a quantized model take when they are packed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.model import Model, read_proto
from qexplorer.graph.index import index_of
from qexplorer.quantize.carriers import carrier_bits
from qexplorer.quantize.plan_types import Plan

if TYPE_CHECKING:
    import onnx

__all__ = ["weight_bytes"]


def weight_bytes(model: Model, path: Path, plan: Plan) -> int:
    """Bytes of all constants of the file at ``path``, codes counted at the width of their format.

    The file may carry codes in a wider type (3-bit codes in int8); what that costs is taken off again.
    """
    stored = sum(_stored_bytes(item) for item in read_proto(str(path)).graph.initializer)
    view = index_of(model)
    changed = {constant.name: constant.values.size for constant in plan.changed}
    for tensor in plan.tensors.values():
        other = plan.tensors.get(view.tied.get(tensor.name, ""))
        once = other is not None and other.carrier == tensor.carrier  # stored with the table that it is turned over
        if tensor.kind == "weight" and not once:
            values = changed.get(tensor.name) or math.prod(view.initializers[tensor.name].dims)
            stored -= _bytes(values, carrier_bits(tensor.carrier)) - _bytes(values, tensor.grid.format.bits)
    return stored


def _bytes(values: int, bits: int) -> int:
    return -(-values * bits // 8)


def _stored_bytes(item: onnx.TensorProto) -> int:
    from onnx import TensorProto, helper

    if item.data_type in (TensorProto.INT4, TensorProto.UINT4):
        return _bytes(math.prod(item.dims), 4)
    if item.data_type == TensorProto.STRING:
        return sum(map(len, item.string_data))
    return int(math.prod(item.dims)) * int(helper.tensor_dtype_to_np_dtype(item.data_type).itemsize)
