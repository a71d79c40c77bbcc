"""What layers are fed, seen twice: the exact range and mean size of every channel, and a sample of whole rows.

The ranges say what a grid must hold, the rows what an error of a weight or of an activation costs at the output,
without running the layer's graph again for every candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.streams import folded

if TYPE_CHECKING:
    import onnx

__all__ = ["ROWS", "LayerInputs", "layer_inputs"]

ROWS = 1024
"""Rows that are kept of each input, about."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerInputs:
    """The inputs of one layer on calibration samples.

    Attributes:
        low: smallest value of each channel, ``(channels,)``.
        high: largest value of each channel.
        size: mean magnitude of each channel.
        rows: float32 ``(groups, columns, places)``: a seeded choice of what the layer's rows are multiplied with.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    size: NDArray[np.float64]
    rows: NDArray[np.float32]

    @property
    def largest(self) -> NDArray[np.float64]:
        """The largest magnitude of each channel."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def finite(self) -> bool:
        """Whether all that was seen is a number."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all() and np.isfinite(self.rows).all())


def layer_inputs(
    proto: onnx.ModelProto,
    model: Model,
    split: Split,
    layers: Mapping[str, tuple[str, LayerMatrix]],
    progress: Callable[[float], None],
) -> dict[str, LayerInputs]:
    """Runs ``proto`` on all samples.

    Args:
        proto: a graph with the inputs of ``model`` in which the layers' inputs are.
        model: says how samples are fed.
        split: the samples.
        layers: by name, the tensor that the layer reads and how it becomes a matrix.
        progress: told the share that is done after each batch.

    Returns:
        By layer; layers whose input has no value are left out.

    Raises:
        BackendError: ONNX Runtime cannot run the graph.
    """
    names = list(layers)

    def of(found: Sequence[NDArray[Any]], first: int) -> list[_Seen]:
        return [
            _part(layers[name][1], np.asarray(values, np.float32), split.n, first)
            for name, values in zip(names, found, strict=True)
        ]

    def joined(total: list[list[_Seen]] | None, found: list[_Seen]) -> list[list[_Seen]]:
        so_far = total if total is not None else [[] for _ in names]
        for kept, part in zip(so_far, found, strict=True):
            kept.append(part)
        return so_far

    tensors = [tensor for tensor, _ in layers.values()]
    total = folded(proto, model, split, tensors, of, joined, progress) if split.n and names else None
    parts = {name: [each for each in kept if each.count] for name, kept in zip(names, total or [], strict=False)}
    return {name: _whole(kept) for name, kept in parts.items() if kept}


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    sizes: NDArray[np.float64]
    count: int
    rows: NDArray[np.float32]


def _part(matrix: LayerMatrix, x: NDArray[np.float32], samples: int, first: int) -> _Seen:
    channels = np.moveaxis(x, 1 if matrix.op == "Conv" else -1, 0)
    flat = channels.reshape(len(channels), -1)
    if not flat.shape[1]:
        none = np.zeros(len(flat))
        return _Seen(none, none, none, 0, np.zeros((1, 1, 0), np.float32))
    inputs = matrix.inputs(x)
    wanted = max(-(-ROWS * len(x) // max(samples, 1)), 1)
    if inputs.shape[-1] > wanted:
        chosen = np.random.default_rng(first).choice(inputs.shape[-1], wanted, replace=False, shuffle=False)
        inputs = inputs[..., np.sort(chosen)]
    return _Seen(
        low=flat.min(1).astype(np.float64),
        high=flat.max(1).astype(np.float64),
        sizes=np.abs(flat).sum(1, dtype=np.float64),
        count=flat.shape[1],
        rows=np.ascontiguousarray(inputs),
    )


def _whole(parts: Sequence[_Seen]) -> LayerInputs:
    count = sum(each.count for each in parts)
    total = np.zeros_like(parts[0].sizes)
    for each in parts:  # one after the other: the same sum whatever the number of processors
        total = total + each.sizes
    return LayerInputs(
        low=np.min([each.low for each in parts], 0),
        high=np.max([each.high for each in parts], 0),
        size=total / count,
        rows=np.concatenate([each.rows for each in parts], -1),
    )
