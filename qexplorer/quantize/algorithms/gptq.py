"""GPTQ: weights are rounded one column after the other, and those still to come make up for the error.

For one row ``w`` of a layer with the moments ``H = X X^T / n`` of its inputs, rounding ``w_i`` to ``q_i`` is made up
for best by adding ``-(w_i - q_i) / [H^-1]_ii * [H^-1]_i,:`` to the weights that are not rounded yet (Frantar et al.
2022, GPTQ: Accurate post-training quantization, equations 2 and 3). With the upper Cholesky factor ``U`` of ``H^-1`` no
inverse has to be brought up to date (section 3.3, step 3): column ``i`` of all rows is rounded, and

    W[:, i+1:]  -=  (W[:, i] - Q[:, i]) / U[i, i] * U[i, i+1:]

A share of the mean of its diagonal is added to that of ``H`` (section 3.3). With ``act_order`` the columns with the
largest inputs come first, while they can still be made up for; every weight keeps the scale that it has on its grid
("static groups" in the authors' code), so that any grid serves: per tensor, channel or block, and any format.

Layers are rounded one after the other, and the moments are those of the inputs that the network rounded so far gives
(section 4, setup). What is put on the grid is the weight moved a share of the way to the one that makes the float
network's outputs of those inputs best (see ``layerwise.both_inputs``). Where ``H`` is diagonal and nothing was rounded
before, there is nothing to make up for, and the codes are those of rounding to nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.grid import Float32, Grid, Int32
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Correction, Observed
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.both_inputs import BothMoments, made_up_for
from qexplorer.quantize.layerwise.in_order import Told, foretold, round_in_order
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.moments import Moments
from qexplorer.quantize.layerwise.weights import GridWeight

__all__ = ["ENTRIES", "Gptq", "GptqOptions", "rounded"]

_BLOCK = 128
"""Columns that are rounded before the rest of the matrix is brought up to date (section 3.3, step 2)."""


class GptqOptions(AlgorithmOptions):
    """How much is read, and in which order columns are rounded."""

    samples: Observed = 128
    damping: float = Field(
        0.01,
        ge=1e-6,
        le=1.0,
        title="Damping",
        description="Share of the mean of the Hessian's diagonal that is added to it.",
    )
    act_order: bool = Field(
        True, title="Largest inputs first", description="Rounds the columns with the largest inputs first (act-order)."
    )
    correction: Correction = 0.5


@dataclass(frozen=True, slots=True)
class Gptq:
    """Rounds weights column by column; those still to come make up for the error."""

    name: str = "gptq"
    title: str = "GPTQ"
    description: str = (
        "Rounds weights one column after the other and lets those still to come make up for the error, by second "
        "moments of each layer's inputs; helps most with 4 bits and fewer."
    )
    source: str = (
        "Frantar et al. 2022, GPTQ: Accurate post-training quantization for generative transformers, section 3; "
        "Li et al. 2025, GPTAQ: Efficient finetuning-free quantization with asymmetric calibration"
    )
    options: type[AlgorithmOptions] = GptqOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.CODES
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: GptqOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' weights will be rounded so, and why not others'."""
        return foretold(draft, self.title)

    def change_plan(self, draft: PlanDraft, options: GptqOptions) -> None:
        """Observes the inputs of all layers and rounds their weights."""

        def codes(weight: GridWeight, moments: BothMoments, _: Told) -> Int32:
            target = made_up_for(weight.values, weight.matrix, moments, options.damping, options.correction)
            return rounded(target, weight.grid, weight.matrix, moments.rounded, options)

        round_in_order(draft, self.title, options.samples, codes)


def rounded(weight: Float32, grid: Grid, matrix: LayerMatrix, moments: Moments, options: GptqOptions) -> Int32:
    """Codes of one weight.

    Args:
        weight: float32, in the weight's own shape.
        grid: what it is put on, of any granularity and format.
        matrix: how it becomes a matrix.
        moments: ``(groups, columns, columns)``, finite.
        options: damping and order.

    Returns:
        Int32 in the shape of ``weight``.
    """
    rows = np.array(matrix.rows(weight), np.float64)  # copied: it is worked on
    scale, zero = matrix.grid(grid)
    order = _order(moments, options)
    turned = np.take_along_axis(np.take_along_axis(moments, order[:, :, None], 1), order[:, None, :], 2)
    factor = _factor(turned, options.damping)
    rows, at = np.take_along_axis(rows, order[:, None, :], 2), order[:, None, :]
    scale, zero = np.take_along_axis(scale, at, 2), np.take_along_axis(zero, at, 2)
    codes = np.empty(rows.shape, np.int32)
    for start in range(0, matrix.columns, _BLOCK):
        end = min(start + _BLOCK, matrix.columns)
        errors = np.empty((*rows.shape[:2], end - start))
        for i in range(start, end):
            column = rows[:, :, i]
            code, value = _nearest(column, grid, scale[..., i], zero[..., i])
            error = (column - value) / factor[:, i, i, None]
            rows[:, :, i:end] -= error[:, :, None] * factor[:, i, None, i:end]
            codes[:, :, i], errors[:, :, i - start] = code, error
        rows[:, :, end:] -= errors @ factor[:, start:end, end:]
    back = np.empty_like(codes)
    np.put_along_axis(back, np.broadcast_to(order[:, None, :], codes.shape), codes, 2)
    return np.ascontiguousarray(matrix.weight(back), np.int32)


def _nearest(column: NDArray[np.float64], grid: Grid, scale: Float32, zero: Int32) -> tuple[Int32, NDArray[np.float32]]:
    """Codes and values of one column of all rows, ``(groups, rows)``; rows are the output channels in their order."""
    parts = (scale.reshape(-1), zero.reshape(-1), 0)
    code = grid.encode(column.astype(np.float32).reshape(-1), *parts)
    return code.reshape(column.shape), grid.decode(code, *parts).reshape(column.shape)


def _order(moments: Moments, options: GptqOptions) -> NDArray[np.intp]:
    """Columns in the order in which they are rounded, ``(groups, columns)``."""
    sizes = np.diagonal(moments, axis1=1, axis2=2)
    if options.act_order:
        return np.argsort(-sizes, axis=1, kind="stable")
    return np.broadcast_to(np.arange(sizes.shape[1]), sizes.shape)


def _factor(moments: Moments, damping: float) -> NDArray[np.float64]:
    """``U``, upper, with ``U^T U`` the inverse of the damped moments. Inputs that are always 0 stand for themselves.

    With ``L L^T = P H P``, where ``P`` turns the order of the columns around, ``U = P L^-1 P``.
    """
    diagonal = np.diagonal(moments, axis1=1, axis2=2)
    mean = diagonal.mean(1, keepdims=True)
    added = np.where(diagonal > 0, damping * mean, np.where(mean > 0, mean, 1.0))
    damped = moments + added[:, :, None] * np.eye(moments.shape[-1])
    lower = np.linalg.cholesky(damped[:, ::-1, ::-1])
    return np.ascontiguousarray(np.linalg.inv(lower)[:, ::-1, ::-1])


ENTRIES = (Gptq(),)
