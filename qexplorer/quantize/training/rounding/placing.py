"""Which quantizer stands at each rounding point of an open graph, and with which scale a weight starts to learn."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Grid, dequantize, fake_quantize
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.plan_types import Plan
from qexplorer.quantize.training.rounding.level_quantizers import LevelQuantizer
from qexplorer.quantize.training.rounding.one_grid import softmax_outputs, with_one_scale
from qexplorer.quantize.training.rounding.open_graph import OpenGraph
from qexplorer.quantize.training.rounding.quantizers import FIXED, BiasQuantizer, FixedValues, GridQuantizer, Learns
from qexplorer.torchgraph.fake_quantize import broadcast_grid

__all__ = [
    "LearningQuantizer",
    "activation_quantizers",
    "bias_quantizers",
    "constant_quantizers",
    "quantizer_of",
    "start_near",
    "uses_of",
]

LearningQuantizer = GridQuantizer | LevelQuantizer
"""What rounds to a grid, and may learn."""

_FACTORS = tuple(float(each) for each in 2.0 ** (-np.arange(1, 29) / 8))
"""Of a first scale, tried as the one to start from."""


def uses_of(plan: Plan) -> list[tuple[str, int, str]]:
    """Layer, position and key of every constant on a grid."""
    return [(layer, position, key) for layer, keys in plan.constants.items() for position, key in keys.items()]


def constant_quantizers(
    opened: OpenGraph, draft: PlanDraft, trainable: Collection[str], learns: Learns
) -> dict[str, LearningQuantizer | FixedValues]:
    """What stands at each constant's rounding point; grids of the constants ``trainable`` learn."""
    found: dict[str, LearningQuantizer | FixedValues] = {}
    for layer, position, key in uses_of(draft.plan):
        tensor = draft.plan.tensors[key]
        if key in found or key not in opened.sources or tensor.kind == "bias":
            continue
        own = replace(learns, zero=False) if tensor.name in trainable else FIXED
        if isinstance(tensor.grid.format, UniformFormat):
            own = replace(own, ends=own.ends and _has_ends(tensor.grid))
            found[key] = GridQuantizer(tensor.grid, learns=own)
        elif tensor.grid.format.table is not None:
            found[key] = LevelQuantizer(tensor.grid, learns=own)
        else:
            values = draft.values(layer, position)
            assert values is not None, "what is on a grid is a constant"
            coded = (
                fake_quantize(values, tensor.grid) if tensor.codes is None else dequantize(tensor.codes, tensor.grid)
            )
            found[key] = FixedValues(coded)
    return found


def quantizer_of(grid: Grid, *, learns: Learns = FIXED, like: LearningQuantizer | None = None) -> LearningQuantizer:
    """What rounds to ``grid``, evenly spaced or on the levels of a table.

    Args:
        grid: where it starts.
        learns: what learns of it.
        like: one of the same kind whose scale and zero point this one shares.
    """
    if grid.format.is_uniform:
        return GridQuantizer(grid, learns=learns, like=like if isinstance(like, GridQuantizer) else None)
    return LevelQuantizer(grid, learns=learns, like=like if isinstance(like, LevelQuantizer) else None)


def activation_quantizers(opened: OpenGraph, draft: PlanDraft, learns: Learns) -> dict[str, LearningQuantizer]:
    """What stands at the rounding points of activations; those that must have one scale share it."""
    shared, still = with_one_scale(draft.plan, draft.view), softmax_outputs(draft.view)
    leaders: dict[str, LearningQuantizer] = {}
    found: dict[str, LearningQuantizer] = {}
    for key in dict.fromkeys(opened.activations.values()):
        first, grid = shared.get(key, key), draft.plan.tensors[key].grid
        if first not in leaders:
            ends = _has_ends(draft.plan.tensors[first].grid)
            own = replace(learns, zero=learns.zero and ends, ends=learns.ends and ends)
            leaders[first] = quantizer_of(draft.plan.tensors[first].grid, learns=FIXED if first in still else own)
        found[key] = quantizer_of(grid, like=leaders[first])
    return found


def bias_quantizers(
    draft: PlanDraft,
    weights: Mapping[str, LearningQuantizer | FixedValues],
    activations: Mapping[str, LearningQuantizer],
) -> dict[str, BiasQuantizer]:
    """What stands at the rounding points of int32 biases, by the key of the plan's tensor."""
    found: dict[str, BiasQuantizer] = {}
    for layer, position, key in uses_of(draft.plan):
        if draft.plan.tensors[key].kind != "bias":
            continue
        values = draft.values(layer, position)
        given = activations.get(draft.view.nodes[layer].input[0])
        weight = weights.get(draft.plan.constants[layer].get(1, ""))
        if values is None or not isinstance(given, GridQuantizer) or not isinstance(weight, GridQuantizer):
            continue
        if weight.first_grid.scale.size in (1, values.size):
            found[key] = BiasQuantizer(given, weight)
    return found


def _has_ends(grid: Grid) -> bool:
    """Whether both ends of a grid can move: one that begins or ends at zero bounds what a Relu would."""
    return bool(np.all((grid.zero_point > grid.qmin) & (grid.zero_point < grid.qmax))) and grid.is_asymmetric


def start_near(quantizer: LearningQuantizer, values: Tensor) -> None:
    """Gives a scale that learns the size with the least squared error on ``values``, if that is smaller than it is.

    With few bits the range of a weight that nothing is clipped from leaves most codes unused, and a scale has far to go
    from there. Nothing changes where the scale does not learn.
    """
    if quantizer.log_scale is None:
        return
    values = values.detach()
    ones = torch.ones_like(quantizer.log_scale)
    best = _errors(quantizer, values, ones)
    chosen, first = ones.clone(), quantizer.log_scale.detach().clone()
    for factor in _FACTORS:
        with torch.no_grad():
            quantizer.log_scale.copy_(first + np.log(factor))
        here = _errors(quantizer, values, ones)
        chosen = torch.where(here < best, torch.full_like(chosen, factor), chosen)
        best = torch.minimum(here, best)
    with torch.no_grad():
        quantizer.log_scale.copy_(first)
    quantizer.scaled_by(chosen)


def _errors(quantizer: LearningQuantizer, values: Tensor, ones: Tensor) -> Tensor:
    """Sums of squared errors of the values that share a scale, in the shape of the scales."""
    with torch.no_grad():
        squares = (quantizer(values) - values).square()
    grid = quantizer.first_grid
    weight = ones.clone().requires_grad_()
    spread = broadcast_grid(weight, values.shape, grid.axis or 0, grid.block or 0)
    return torch.autograd.grad((spread * squares).sum(), weight)[0]
