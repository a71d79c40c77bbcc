"""HQQ: scales that leave small errors small and let a few large ones be, from the weights alone.

Half-quadratic quantization (Badri and Shaji 2023) looks for the grid with the least ``sum |W - W_q|^p`` with ``p < 1``,
which forgives outliers. It takes turns between a sparse error ``E`` and the grid (their equations 2 to 4):

    E  <-  shrink(W - W_q),   shrink(x) = sign(x) max(0, |x| - |x|^(p-1) / beta)
    scale  <-  sum (W - E) q / sum q q,   beta  <-  kappa beta

Errors are counted in steps of the grid, ``q`` from the zero point. The authors keep the scale and move a zero point
that is not rounded; here zero points are integers, as ONNX and integer kernels have them, which this step would hardly
ever move by a whole one, so that it is the scale that moves. A scale whose ``sum |W - W_q|^p`` did not become less
stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.grid import Float32, Grid, Int32, dequantize, quantize
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.weights import GridWeight, grid_weights

__all__ = ["ENTRIES", "Hqq", "HqqOptions", "fitted"]

_BETA, _KAPPA = 10.0, 1.01
"""Weight of the quadratic term and its growth (the authors' code)."""


class HqqOptions(AlgorithmOptions):
    """What counts as an error, and how long is looked."""

    p: float = Field(
        0.7,
        ge=0.1,
        le=1.0,
        title="Norm",
        description="Power of errors in what is minimized; less forgives outliers more.",
    )
    steps: int = Field(20, ge=1, le=200, title="Steps", description="Turns between error and grid, at most.")


@dataclass(frozen=True, slots=True)
class Hqq:
    """Looks for scales that forgive outliers, without data."""

    name: str = "hqq"
    title: str = "HQQ"
    description: str = (
        "Moves the scales of weights to where the sum of small powers of the errors is least, which "
        "forgives outliers; needs no data."
    )
    source: str = "Badri and Shaji 2023, Half-quadratic quantization of large machine learning models"
    options: type[AlgorithmOptions] = HqqOptions
    needs: Needs = Needs.NOTHING
    decides: Decides = Decides.GRIDS
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: HqqOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' grids will be looked for, and why not others'."""
        weights, reasons = grid_weights(draft)
        will = {layer: "HQQ will move the scales of its weight" for each in weights for layer in each.layers}
        return will | {layer: _not_done(why) for layer, why in reasons.items()}

    def change_plan(self, draft: PlanDraft, options: HqqOptions) -> None:
        """Looks for grids, weight after weight."""
        weights, reasons = grid_weights(draft)
        for layer, why in reasons.items():
            draft.remark(layer, _not_done(why))
        for number, weight in enumerate(weights):
            draft.tell(f"HQQ, '{weight.layer}'", number / len(weights))
            with draft.timed(weight.layer):
                least = draft.smallest_scale(weight.layer, weight.position)
                grid = fitted(weight.values, weight.grid, options, least)
                draft.set_codes(weight.layer, weight.position, quantize(weight.values, grid), grid=grid)
            draft.remark(weight.layer, _said(weight, grid))


def _not_done(why: str) -> str:
    return f"HQQ left its grid as it was: {why}"


def _said(weight: GridWeight, grid: Grid) -> str:
    old, total = weight.grid, grid.scale.size
    moved = grid.scale != old.scale
    if not moved.any():
        return _not_done("no other scale has less error")
    ratio = np.median((grid.scale / old.scale)[moved])
    return f"HQQ moved {moved.sum()} of its {total} scales, by a factor of {float(ratio):.3g} in the median"


def fitted(weight: Float32, grid: Grid, options: HqqOptions, least: NDArray[np.floating] | float = 0.0) -> Grid:
    """The grid of ``weight`` with the least error that is found.

    Args:
        weight: float32, of any shape.
        grid: where to start; of any granularity and format.
        options: norm and steps.
        least: scales stay at or above this; of the shape of ``grid.scale``, or one number.

    Returns:
        A grid of the same format, granularity and shape.
    """
    best, least_error = grid, _errors(weight, grid, grid, options.p)
    at, beta = grid, _BETA
    for _ in range(options.steps):
        codes = quantize(weight, at)
        step, _ = at.expanded(weight.shape)
        off = (weight - dequantize(codes, at)) / step
        size = np.abs(off)
        with np.errstate(divide="ignore"):
            kept = np.maximum(size - size ** (options.p - 1) / beta, 0)
        target = weight - np.sign(off) * kept * step
        at = _refitted(target, codes, at, least)
        errors = _errors(weight, at, grid, options.p)
        better = errors < least_error
        if not better.any():
            break
        best = replace(best, scale=np.where(better, at.scale, best.scale).astype(np.float32))
        least_error, beta = np.where(better, errors, least_error), beta * _KAPPA
    return best


def _refitted(target: Float32, codes: Int32, grid: Grid, least: NDArray[np.floating] | float) -> Grid:
    """The scales that fit ``target`` best while the codes stay."""
    levels = dequantize(codes, replace(grid, scale=np.ones_like(grid.scale)))
    above, below = _per_scale(target * levels, grid), _per_scale(levels * levels, grid)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(below > 0, above / below, grid.scale)
    usable = np.isfinite(scale) & (scale > 0)
    return replace(grid, scale=np.maximum(np.where(usable, scale, grid.scale), least).astype(np.float32))


def _errors(weight: Float32, grid: Grid, first: Grid, p: float) -> NDArray[np.float64]:
    """``sum |W - W_q|^p`` for each scale, in steps of the grid that was there first."""
    step, _ = first.expanded(weight.shape)
    return _per_scale((np.abs(weight - dequantize(quantize(weight, grid), grid)) / step) ** p, grid)


def _per_scale(values: NDArray[np.floating], grid: Grid) -> NDArray[np.float64]:
    """Sums over the values that share a scale, in the shape of the scales."""
    wide = np.asarray(values, np.float64)
    if grid.axis is None:
        return np.asarray(wide.sum())
    if grid.block is None:
        return np.asarray(wide.sum(tuple(i for i in range(wide.ndim) if i != grid.axis % wide.ndim)))
    return np.asarray(np.add.reduceat(wide, np.arange(0, wide.shape[grid.axis], grid.block), grid.axis))


ENTRIES = (Hqq(),)
