"""Which tensors are observed: those that a grid could be put on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qexplorer.core.model import Layer, Model
from qexplorer.graph.index import index_of
from qexplorer.load.operators import QUANTIZABLE, OperatorKind

__all__ = ["channel_axis", "observed_tensors"]

_SPATIAL = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "DepthToSpace"}


def observed_tensors(model: Model) -> tuple[str, ...]:
    """Names of the tensors that could be quantized, in execution order.

    1. Every activation that a quantizable layer reads or writes.
    2. Except a tensor that goes nowhere but into a Relu or Clip: no grid is put between the two, the grid after them
       does the clipping (see ``load.operators``), so only the tensor after them counts.
    """
    index = index_of(model)
    absorbing = {layer.name for layer in model.quantizable_layers if _absorbs(layer.op)}
    found: dict[str, None] = {}
    for layer in model.quantizable_layers:
        for name in (*layer.inputs, *layer.outputs):
            ids = layer.op == "Gather" and not index.is_float(name)
            if not ids and index.only_reader(name) not in absorbing:
                found[name] = None
    return tuple(found)


def _absorbs(op: str) -> bool:
    rule = QUANTIZABLE.get(op)
    return rule is not None and rule.kind is OperatorKind.ABSORBED


def channel_axis(name: str, rank: int, layers: Iterable[Layer]) -> int | None:
    """The channel axis of an activation: 1 beside convolutions and pooling and from 4 dimensions on, else the last.

    Returns:
        1, -1, or None for scalars and vectors.
    """
    if rank < 2:
        return None
    ops = Counter(layer.op for layer in layers if name in layer.inputs or name in layer.outputs)
    return 1 if rank >= 4 or (rank >= 3 and _SPATIAL & ops.keys()) else -1
