"""Weights on their grids: where floats and codes lie, in steps of the grid, and codes that two plans have otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Float32, Grid, Int32, dequantize, quantize
from qexplorer.core.plugin_kinds.algorithm import Algorithm
from qexplorer.core.recipe import Recipe
from qexplorer.load.operators import QUANTIZABLE, OperatorKind
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan_types import QuantizedModel

__all__ = ["CodedWeight", "Values", "coded_weights", "moved_codes"]

_MOST_CHANNELS = 256
_MOST_LEVELS = 512

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CodedWeight:
    """One layer's weight in a plan.

    Attributes:
        layer: its name.
        op: operator type.
        words: its grid, such as ``int4 per channel``.
        output: the tensor that the layer makes.
        values: float32, as the float model behind the plan has them.
        codes: int32, in the same shape.
        grid: what they are on.
        axis: of the output channels.
    """

    layer: str
    op: str
    words: str
    output: str
    values: Float32
    codes: Int32
    grid: Grid
    axis: int

    def steps(self) -> tuple[Values, Values]:
        """The float values and those of the codes, in steps of the grid."""
        scale, _ = self.grid.expanded(self.values.shape)
        coded = dequantize(self.codes, self.grid).astype(np.float64) / scale
        if isinstance(self.grid.format, UniformFormat):
            coded = np.rint(coded)
        return self.values.astype(np.float64) / scale, np.asarray(np.round(coded, 5))

    def powers(self) -> tuple[float, float]:
        """Mean squares of the values and of their error."""
        wide = self.values.astype(np.float64)
        return float(np.mean(wide**2)), float(np.mean((dequantize(self.codes, self.grid) - wide) ** 2))

    def levels(self) -> tuple[Values, Values]:
        """The levels that are taken, in steps, and the share of weights on each; beyond 512 neighbours are one."""
        levels, counts = np.unique(self.steps()[1], return_counts=True)
        together = -(-len(levels) // _MOST_LEVELS)
        starts = np.arange(0, len(levels), together)
        return levels[starts], np.add.reduceat(counts, starts) / self.values.size

    def reaches(self) -> Values:
        """Largest magnitude of each output channel, or of 256 of them, spread evenly."""
        rows = np.moveaxis(self.values, self.axis, 0).reshape(self.values.shape[self.axis], -1)
        found = np.abs(rows).max(1).astype(np.float64)
        if len(found) > _MOST_CHANNELS:
            found = found[np.linspace(0, len(found) - 1, _MOST_CHANNELS).round().astype(int)]
        return np.asarray(found)


def coded_weights(made: QuantizedModel, recipe: Recipe, algorithm: Algorithm) -> dict[str, CodedWeight]:
    """The weights of a quantized model's weighted layers that are on a grid, by layer in execution order.

    Args:
        made: the quantized model.
        recipe: what it was made by.
        algorithm: any; a draft of the plan wants one, and nothing is asked of it.
    """
    ready = made.ready or made.model
    draft = PlanDraft(ready, recipe, made.plan, Materials(), algorithm)
    axes = {layer.name: layer.weight_axis for layer in ready.layers}
    found: dict[str, CodedWeight] = {}
    for layer in made.plan.layers:
        rule = QUANTIZABLE.get(layer.op)
        position = rule.weight_input if rule is not None and rule.kind is OperatorKind.WEIGHTED else None
        key = made.plan.constants.get(layer.name, {}).get(-1 if position is None else position)
        values = None if key is None or position is None else draft.values(layer.name, position)
        if key is None or values is None or not values.size or not values.ndim:
            continue
        tensor, output = made.plan.tensors[key], draft.view.nodes[layer.name].output[0]
        codes = quantize(values, tensor.grid) if tensor.codes is None else tensor.codes
        axis = axes.get(layer.name) or 0
        words = layer.weights or tensor.grid.format.name
        found[layer.name] = CodedWeight(layer.name, layer.op, words, output, values, codes, tensor.grid, axis)
    return found


def moved_codes(before: CodedWeight, after: CodedWeight) -> tuple[float, float] | None:
    """Shares of codes that are others and that are higher; None where shapes or formats differ."""
    if before.codes.shape != after.codes.shape or before.grid.format.name != after.grid.format.name:
        return None
    return float(np.mean(before.codes != after.codes)), float(np.mean(after.codes > before.codes))
