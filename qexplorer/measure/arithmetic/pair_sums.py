"""What ``vpmaddubsw`` does to sums of products, exactly, next to sums in int32.

The instruction (AVX2, and AVX-512 without VNNI) multiplies unsigned by signed bytes and adds each two neighbouring
products in int16, saturating at -32768 and 32767; ``vpmaddwd`` and ``vpaddd`` add those in int32. Two products of
255 and 127 are 64770, twice what fits.

Which products are neighbours is the kernel's affair. ONNX Runtime's (MLAS, ``QgemmU8S8KernelAvx2``,
``ConvSymKernelAvx2``) takes four values of K at a time, so pairs are (k0, k1), (k2, k3), with K by kernel position and
then input channel, and multiplies raw codes; zero points are taken off afterwards, exactly. Signed activations are
moved up by 128 first, zero points with them. Depthwise convolutions and uint8 weights go through kernels that widen to
int16 or int32 first, and do not saturate.

What saturation changes is ``sum over pairs of clip(s) - s``; pairs that no input code can bring beyond int16 are left
out before anything is multiplied, and so the emulation costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.disk.compiled import njit
from qexplorer.measure.arithmetic.integer_layers import ConvolutionGeometry, IntegerLayer

__all__ = ["HIGH", "LOW", "PairRisk", "change_by_saturation", "move_of", "pair_risk", "why_exact"]

LOW, HIGH = -32768, 32767


@dataclass(frozen=True, slots=True, eq=False)
class PairRisk:
    """The pairs of one group of a layer that some input codes bring beyond int16.

    Attributes:
        largest: the largest sum of two products by size, over every pair and all codes that can come.
        pairs: pairs in all: ``N`` times half of K, rounded up.
        columns: int64, output channel of each risky pair, ascending.
        places: int64, place in K of its first product.
        first: int32, weight code of the first product.
        second: int32, that of the second.
    """

    largest: int
    pairs: int
    columns: NDArray[np.int64]
    places: NDArray[np.int64]
    first: NDArray[np.int32]
    second: NDArray[np.int32]


def why_exact(layer: IntegerLayer) -> str | None:
    """Why the layer's kernel never adds in int16; None if it does."""
    if layer.code_type not in ("uint8", "int8"):
        return f"{layer.code_type} activations: their kernel does not add in int16"
    if layer.weight_type != "int8":
        return f"{layer.weight_type} weights: their kernel widens to int16 before it multiplies"
    if layer.depthwise:
        return "depthwise: its kernel widens before it multiplies"
    return None


def move_of(layer: IntegerLayer) -> int:
    """What is added to the layer's codes before they are multiplied: 128 if they are signed."""
    return 128 if layer.code_type == "int8" else 0


def pair_risk(weight: NDArray[np.int32], low: int, high: int) -> PairRisk:
    """The risky pairs of a weight.

    Args:
        weight: codes, shape ``(K, N)``, products in the order in which the kernel takes them.
        low: smallest input code that can come, moved.
        high: largest input code that can come, moved.
    """
    even = np.pad(weight, ((0, weight.shape[0] % 2), (0, 0))).astype(np.int64)
    first, second = even[0::2], even[1::2]
    most = np.maximum(first * low, first * high) + np.maximum(second * low, second * high)
    least = np.minimum(first * low, first * high) + np.minimum(second * low, second * high)
    risky = (most > HIGH) | (least < LOW)
    columns, pairs = np.nonzero(risky.T)
    return PairRisk(
        largest=int(max(most.max(initial=0), -least.min(initial=0))),
        pairs=int(first.size),
        columns=columns.astype(np.int64),
        places=(2 * pairs).astype(np.int64),
        first=first[pairs, columns].astype(np.int32),
        second=second[pairs, columns].astype(np.int32),
    )


def change_by_saturation(
    layer: IntegerLayer, risks: Sequence[PairRisk], codes: Array
) -> tuple[NDArray[np.int32], int, int]:
    """What saturation adds to each accumulator of a layer for one batch.

    Args:
        layer: the layer.
        risks: its :func:`pair_risk`, one per group.
        codes: uint8 or int8, ``(n, C, ...)`` of a Conv, ``(..., K)`` of the others.

    Returns:
        Changes (int32, in the shape of the layer's output), how many pairs saturated, and pairs added in all.
    """
    if move := move_of(layer):
        codes = (codes.astype(np.int16) + move).astype(np.uint8)
    if layer.geometry is None:
        rows = np.ascontiguousarray(codes.reshape(-1, codes.shape[-1]).T)
        changed, count = _changed(rows, risks[0], layer.weight.shape[2])
        return changed.T.reshape(*codes.shape[:-1], -1), count, rows.shape[1] * risks[0].pairs
    parts, total, pairs = [], 0, 0
    spatial: tuple[int, ...] = ()
    channels = codes.shape[1] // layer.weight.shape[0]
    for group, risk in enumerate(risks):
        some = codes[:, group * channels : (group + 1) * channels]
        rows, spatial = _columns(some, layer.geometry, layer.zero + move)
        changed, count = _changed(rows, risk, layer.weight.shape[2])
        parts.append(changed.reshape(layer.weight.shape[2], codes.shape[0], *spatial))
        total, pairs = total + count, pairs + rows.shape[1] * risk.pairs
    return np.moveaxis(np.concatenate(parts), 0, 1), total, pairs


def _columns(codes: Array, geometry: ConvolutionGeometry, zero: int) -> tuple[Array, tuple[int, ...]]:
    """im2col: codes by place in K and output position, ``(K, n * positions)``, and the output's spatial shape."""
    axes = len(geometry.kernel)
    around = tuple(zip(geometry.pads[:axes], geometry.pads[axes:], strict=True))
    padded = np.pad(codes, ((0, 0), (0, 0), *around), constant_values=zero)
    reach = tuple((k - 1) * d + 1 for k, d in zip(geometry.kernel, geometry.dilations, strict=True))
    windows = sliding_window_view(padded, reach, axis=tuple(range(2, 2 + axes)))
    every = tuple(slice(None, None, step) for step in geometry.strides)
    inside = tuple(slice(None, None, step) for step in geometry.dilations)
    windows = windows[(slice(None), slice(None), *every, *inside)]
    spatial = windows.shape[2 : 2 + axes]
    order = (*range(2 + axes, 2 + 2 * axes), 1, 0, *range(2, 2 + axes))
    places = int(np.prod(geometry.kernel)) * codes.shape[1]
    return np.ascontiguousarray(windows.transpose(order)).reshape(places, -1), tuple(map(int, spatial))


def _changed(rows: Array, risk: PairRisk, outputs: int) -> tuple[NDArray[np.int32], int]:
    changed = np.zeros((outputs, rows.shape[1]), np.int32)
    count = _clip_pairs(rows, risk.columns, risk.places, risk.first, risk.second, changed) if risk.columns.size else 0
    return changed, int(count)


@njit(cache=True, nogil=True)
def _clip_pairs(rows, columns, places, first, second, changed):  # type: ignore[no-untyped-def]
    """Adds ``clip(s) - s`` of each risky pair to ``changed`` (int32 ``(N, R)``).

    Args:
        rows: uint8 ``(K, R)``.
        columns: place in N of each pair.
        places: place in K of its first product, never the last one.
        first: weight of the first product.
        second: weight of the second.
        changed: where to add.

    Returns:
        How many sums were clipped.
    """
    count = 0
    for e in range(columns.size):
        a, b, out = rows[places[e]], rows[places[e] + 1], changed[columns[e]]
        u, v = first[e], second[e]
        clipped = np.int32(0)
        for r in range(a.size):
            s = np.int32(a[r]) * u + np.int32(b[r]) * v
            d = min(max(s, np.int32(LOW)), np.int32(HIGH)) - s
            out[r] += d
            clipped += np.int32(d != 0)
        count += int(clipped)
    return count
