"""By how much a rounded weight shifts the mean of a layer's outputs, from the expected value of its inputs alone.

With ``eps = W_q - W`` the shift is ``eps E[x]`` in each output channel (Nagel et al. 2019, section 4.2.1). Behind a
Relu or Clip ``E[x]`` follows from mean and deviation of what stands in front of it, taken as normal: those of the batch
normalization there, or where it was folded those that were observed. For values that are cut off below ``a`` and above
``b``, with the density ``phi`` and the distribution ``Phi`` of a normal one (equation 20 and appendix C),

    E[x] = sd (phi(A) - phi(B)) + mean (Phi(B) - Phi(A)) + a Phi(A) + b (1 - Phi(B)),   A, B = (a, b - mean) / sd

Elsewhere it is the observed mean. Zeros at the edge of a picture count as the rest of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.streams import Part, summed

__all__ = ["ExpectedInput", "clipped_mean", "expected_inputs", "shift_of"]

_KEEPS_MEANS = frozenset({"Identity", "Dropout", "AveragePool", "GlobalAveragePool"})


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedInput:
    """What a layer reads on average.

    Attributes:
        mean: ``(channels,)``.
        by: how it was found, as a clause.
    """

    mean: NDArray[np.float64]
    by: str


def clipped_mean(
    mean: NDArray[np.float64], deviation: NDArray[np.float64], low: float, high: float
) -> NDArray[np.float64]:
    """The mean of normal numbers that are cut off at ``low`` and ``high``, which may be infinite."""
    from scipy.special import ndtr

    spread = np.maximum(deviation, 1e-12)
    under, over = (low - mean) / spread, (high - mean) / spread

    def density(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))

    inside = spread * (density(under) - density(over)) + mean * (ndtr(over) - ndtr(under))
    below = low * ndtr(under) if np.isfinite(low) else 0.0
    above = high * ndtr(-over) if np.isfinite(high) else 0.0
    return np.asarray(inside + below + above)


def shift_of(error: NDArray[np.float64], matrix: LayerMatrix, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """What ``error``, in the shape of the weight, adds to the mean output of each channel."""
    parts = mean.reshape(matrix.groups, -1)
    columns = np.repeat(parts, matrix.columns // parts.shape[1], 1)
    return np.asarray((matrix.rows(error) @ columns[..., None]).reshape(-1))


def expected_inputs(
    model: Model,
    view: GraphIndex,
    split: Split,
    layers: Sequence[tuple[str, LayerMatrix]],
    told: Callable[[float], None],
) -> dict[str, ExpectedInput]:
    """What each layer reads on average in the float model, by name; those without a value are left out.

    Args:
        model: the float model.
        view: its graph.
        split: samples; each is run once.
        layers: names, and how their weights become matrices.
        told: told the share that is done.
    """
    origins = {name: _origin(view.nodes[name].input[0], matrix, view) for name, matrix in layers}
    wanted = list(dict.fromkeys((at.tensor, at.axis) for at in origins.values()))

    def sums(found: Sequence[NDArray[Any]], _: int) -> list[Part]:
        return [_sums(values, axis) for values, (_, axis) in zip(found, wanted, strict=True)]

    totals = summed(model.proto(), model, split, [name for name, _ in wanted], sums, told) if split.n else []
    moments = {key: total / count for key, (total, count) in zip(wanted, totals, strict=False) if count}
    return {name: found for name, at in origins.items() if (found := _expected(at, moments, view)) is not None}


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where what a layer reads is normal: the tensor, its channels' axis, and the bounds that cut it off on the way."""

    tensor: str
    axis: int
    low: float = -np.inf
    high: float = np.inf


def _origin(tensor: str, matrix: LayerMatrix, view: GraphIndex) -> _Origin:
    axis, maker = 1 if matrix.op == "Conv" else -1, view.maker(tensor)
    while maker is not None and maker.op_type in _KEEPS_MEANS and matrix.op == "Conv":
        maker = view.maker(maker.input[0])
    if maker is None or maker.op_type not in ("Relu", "Clip"):
        return _Origin(tensor, axis)
    bounds = [0.0, np.inf] if maker.op_type == "Relu" else [-np.inf, np.inf]
    for place, name in enumerate(maker.input[1:3] if maker.op_type == "Clip" else ()):
        value = view.value(name) if name else None
        if name and value is None:
            return _Origin(tensor, axis)
        bounds[place] = bounds[place] if value is None else float(value.reshape(-1)[0])
    return _Origin(maker.input[0], axis, *bounds)


def _expected(
    at: _Origin, moments: Mapping[tuple[str, int], NDArray[np.float64]], view: GraphIndex
) -> ExpectedInput | None:
    cut = np.isfinite(at.low) or np.isfinite(at.high)
    norm = view.maker(at.tensor)
    if (
        cut
        and norm is not None
        and norm.op_type == "BatchNormalization"
        and all(map(view.is_constant, norm.input[1:3]))
    ):
        spread, mean = np.abs(view.array(norm.input[1]).astype(np.float64)), view.array(norm.input[2])
        return ExpectedInput(clipped_mean(mean.astype(np.float64), spread, at.low, at.high), "its batch normalization")
    if (at.tensor, at.axis) not in moments:
        return None
    mean, square = moments[at.tensor, at.axis]
    if not cut:
        return ExpectedInput(mean, "the observed mean of its input")
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0))
    return ExpectedInput(clipped_mean(mean, spread, at.low, at.high), "the clipped normal of what was observed")


def _sums(values: NDArray[Any], axis: int) -> Part:
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).astype(np.float64)
    return np.stack([rows.sum(1), np.square(rows).sum(1)]), rows.shape[1]
