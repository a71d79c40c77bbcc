"""What layers are fed, seen twice: the exact range and mean size of every channel, and a sample of whole rows.

The ranges say what a grid must hold, the rows what an error of a weight or of an activation costs at the output,
without running the layer's graph again for every candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.grid import Float32
from qexplorer.core.model import Model
from qexplorer.quantize.layerwise.fed import of_inputs
from qexplorer.quantize.layerwise.matrices import LayerMatrix

if TYPE_CHECKING:
    import onnx

__all__ = ["ROWS", "LayerInputs", "layer_inputs"]

ROWS = 1024
"""Rows that are kept of each input, about."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerInputs:
    """The inputs of one layer on calibration samples.

    Attributes:
        lows: smallest value of each channel, ``(2, channels)``: of every other sample, and of those in between.
        highs: largest values, the same.
        size: mean magnitude of each channel.
        rows: float32 ``(groups, columns, places)``: a seeded choice of what the layer's rows are multiplied with.
    """

    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    size: NDArray[np.float64]
    rows: Float32

    @property
    def low(self) -> NDArray[np.float64]:
        """The smallest value of each channel, ``(channels,)``."""
        return np.asarray(self.lows.min(0))

    @property
    def high(self) -> NDArray[np.float64]:
        """The largest value of each channel."""
        return np.asarray(self.highs.max(0))

    def half(self, at: int) -> LayerInputs:
        """The same with the ranges of one half of the samples, 0 or 1; as it is where one sample is all there is."""
        seen = bool((self.lows[at] <= self.highs[at]).all())
        return replace(self, lows=self.lows[[at]], highs=self.highs[[at]]) if seen else self

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

    def part(matrix: LayerMatrix, x: Float32, first: int) -> _Seen:
        return _part(matrix, x, split.n, first)

    found = of_inputs(proto, model, split, layers, part, _joined, progress)
    return {name: seen.whole() for name, seen in found.items() if seen.count}


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What some batches show of a layer's inputs."""

    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    sizes: NDArray[np.float64]
    count: int
    rows: tuple[Float32, ...]

    def whole(self) -> LayerInputs:
        return LayerInputs(self.lows, self.highs, self.sizes / self.count, np.concatenate(self.rows, -1))


def _part(matrix: LayerMatrix, x: Float32, samples: int, first: int) -> _Seen:
    flat = _flat(matrix, x)
    ends = np.full((2, len(flat)), np.inf)
    if not flat.shape[1]:
        return _Seen(ends, -ends, np.zeros(len(flat)), 0, ())
    halves = [_flat(matrix, x[(first + at) % 2 :: 2]) for at in (0, 1)]
    inputs = matrix.inputs(x)
    wanted = max(-(-ROWS * len(x) // max(samples, 1)), 1)
    if inputs.shape[-1] > wanted:
        chosen = np.random.default_rng(first).choice(inputs.shape[-1], wanted, replace=False, shuffle=False)
        inputs = inputs[..., np.sort(chosen)]
    return _Seen(
        lows=np.stack([half.min(1, initial=np.inf) for half in halves]).astype(np.float64),
        highs=np.stack([half.max(1, initial=-np.inf) for half in halves]).astype(np.float64),
        sizes=np.abs(flat).sum(1, dtype=np.float64),
        count=flat.shape[1],
        rows=(np.ascontiguousarray(inputs),),
    )


def _flat(matrix: LayerMatrix, x: Float32) -> Float32:
    """``(channels, values)``."""
    channels = np.moveaxis(x, 1 if matrix.op == "Conv" else -1, 0)
    return channels.reshape(len(channels), -1)


def _joined(one: _Seen, other: _Seen) -> _Seen:
    return _Seen(
        lows=np.minimum(one.lows, other.lows),
        highs=np.maximum(one.highs, other.highs),
        sizes=one.sizes + other.sizes,
        count=one.count + other.count,
        rows=one.rows + other.rows,
    )
