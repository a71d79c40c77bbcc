"""How near a layer's int32 accumulator comes to its end, by bound and by data.

An accumulator holds ``bias + sum over K of (x - zero_x) * (w - zero_w)``. Its bound is the largest size of that over
all input codes that can come, found exactly: each product is as large as its weight lets it be. Sums are kept modulo
2**32, so a bound below 2**31 means that no input can overflow it; order and partial sums do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.measure.arithmetic.integer_layers import IntegerLayer

__all__ = ["INT32", "AccumulatorBound", "accumulator_bound", "bits_of", "largest_in_data"]

INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True)
class AccumulatorBound:
    """One layer's accumulator.

    Attributes:
        largest: largest size that any input can bring it to, bias included.
        bits: bits that this needs, sign included; above 32 it can overflow.
        bias: largest size of a bias code; None without an integer bias.
        reason: why ``bias`` is None.
    """

    largest: int
    bits: int
    bias: int | None
    reason: str | None = None


def bits_of(largest: int) -> int:
    """Bits of a signed integer that holds ``-largest`` and ``largest``."""
    return int(largest).bit_length() + 1


def accumulator_bound(layer: IntegerLayer) -> AccumulatorBound:
    """The bound of one layer."""
    zeros = layer.weight_zero.reshape(layer.weight.shape[0], 1, -1)
    weight = layer.weight.astype(np.int64) - zeros
    low, high = layer.low - layer.zero, layer.high - layer.zero
    most = np.maximum(weight * low, weight * high).sum(axis=1).reshape(-1)
    least = np.minimum(weight * low, weight * high).sum(axis=1).reshape(-1)
    bias = np.zeros(1, np.int64) if layer.bias is None else layer.bias
    largest = int(max((most + bias).max(), -(least + bias).min(), 0))
    if layer.bias is not None:
        return AccumulatorBound(largest, bits_of(largest), int(np.abs(layer.bias).max(initial=0)))
    reason = "its bias stays in float" if layer.float_bias else "it has no bias"
    return AccumulatorBound(largest, bits_of(largest), None, reason)


def largest_in_data(layer: IntegerLayer, output: Array) -> int:
    """Largest size of the accumulator on samples, from the layer's ``output`` in the simulation.

    The output is ``accumulator * scale_x * scale_w`` in float32, so this is right to about 7 digits.
    """
    if output.size == 0:
        return 0
    axis = 1 if layer.geometry is not None else output.ndim - 1
    others = tuple(i for i in range(output.ndim) if i != axis)
    return int(np.rint((np.abs(output.astype(np.float64)).max(axis=others) / layer.step).max()))
