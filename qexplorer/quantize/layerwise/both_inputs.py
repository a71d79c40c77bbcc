"""What a layer is fed in the float network and in the one that rounds, together: second moments of both.

With ``X`` of the float network and ``X_q`` of the rounded one, a weight ``Q`` that stands for ``W`` costs

    ||W X - Q X_q||^2  =  ||(W' - Q) X_q||^2 + const,     W' = W C H^-1,   C = X X_q^T,   H = X_q X_q^T

so that ``W'`` takes back, as well as a matrix can, what roundings further up did to the inputs, and ``Q`` is rounded
from it (the asymmetric calibration of Li et al. 2025, GPTAQ, section 3, as a change of the weight beforehand).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.grid import Float32, fake_quantize
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.emit.part import emit_up_to
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.moments import Moments, chosen_places
from qexplorer.quantize.layerwise.streams import Part, summed

__all__ = ["BothMoments", "both_moments", "made_up_for"]


@dataclass(frozen=True, slots=True, eq=False)
class BothMoments:
    """Moments of what a layer is fed, means over samples and positions; each ``(groups, columns, columns)``.

    Attributes:
        real: ``X X^T`` of the float network.
        cross: ``X X_q^T``.
        rounded: ``X_q X_q^T`` of the network that rounds.
    """

    real: Moments
    cross: Moments
    rounded: Moments

    def __add__(self, other: BothMoments) -> BothMoments:
        """Of two layers that read one weight."""
        return BothMoments(self.real + other.real, self.cross + other.cross, self.rounded + other.rounded)

    def finite(self) -> bool:
        """Whether all are."""
        return all(bool(np.isfinite(each).all()) for each in (self.real, self.cross, self.rounded))


def both_moments(
    draft: PlanDraft, split: Split, tensor: str, matrices: Sequence[LayerMatrix], progress: Callable[[float], None]
) -> list[BothMoments]:
    """Runs both networks up to ``tensor`` on all samples, the one that rounds with the plan as it is now.

    Args:
        draft: the plan.
        split: the samples, at least one.
        tensor: what layers read.
        matrices: how each of the layers becomes a matrix.
        progress: told the share that is done after each batch.

    Returns:
        For each of ``matrices``; none where the tensor has no value.

    Raises:
        BackendError: ONNX Runtime cannot run a graph.
    """
    planned = draft.plan.tensors.get(tensor)
    grid = planned.grid if planned is not None and planned.kind == "activation" else None
    second = None
    if tensor not in {info.name for info in draft.model.inputs}:
        proto = emit_up_to(draft.model, draft.recipe, draft.plan, tensor)
        second = proto, str(proto.graph.output[0].name)

    def of(found: Sequence[NDArray[Any]], first: int) -> list[Part]:
        real, rounded = (np.asarray(found[i], np.float32) for i in (0, -1))
        rounded = rounded if grid is None else fake_quantize(rounded, grid)
        return [part for matrix in matrices for part in _parts(matrix, real, rounded, split.n, first)]

    sums = summed(draft.model.proto(), draft.model, split, [tensor], of, progress, second)
    means = [total / count for total, count in sums if count]
    return [BothMoments(*means[i : i + 3]) for i in range(0, len(means), 3)]


def _parts(matrix: LayerMatrix, real: Float32, rounded: Float32, samples: int, first: int) -> list[Part]:
    x, y = matrix.inputs(real), matrix.inputs(rounded)
    places = chosen_places(x.shape[-1], matrix.columns, len(real), samples, first)
    if places is not None:
        x, y = x[..., places], y[..., places]
    pairs = (x, x), (x, y), (y, y)
    return [(np.matmul(a, b.swapaxes(1, 2)).astype(np.float64), x.shape[-1]) for a, b in pairs]


def made_up_for(weight: Float32, matrix: LayerMatrix, moments: BothMoments, damping: float, share: float) -> Float32:
    """``W + share W (C - H) (H + damping)^-1`` in the shape of the weight.

    Args:
        weight: float32.
        matrix: how it becomes a matrix.
        moments: of its inputs, finite.
        damping: share of the mean of the diagonal of ``H`` that is added to it: how far ``W'`` stays with ``W``.
        share: of the way to ``W'``, 0 to 1: all of it follows the calibration samples closely.
    """
    own = moments.rounded
    rows = matrix.rows(weight).astype(np.float64)
    mean = np.diagonal(own, axis1=1, axis2=2).mean(1)
    added = np.where(mean > 0, damping * mean, 1.0)[:, None, None] * np.eye(own.shape[-1])
    drift = rows @ (moments.cross - own)
    moved = np.linalg.solve(own + added, drift.swapaxes(1, 2)).swapaxes(1, 2)
    return np.ascontiguousarray(matrix.weight((rows + share * moved).astype(np.float32)))
