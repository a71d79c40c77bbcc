"""Power-of-two scales: every scale becomes 2**k, so that requantizing is a shift of bits.

Processors without a fast multiplier of 32 bits bring an int32 sum back to 8 bits by a shift. That needs
``s_x * s_w / s_y`` to be a power of two, which it is where every scale is one. ``up`` takes the next larger power, so
that no value is clipped that was not before, and a step is up to twice as wide; ``nearest`` takes the nearer one in
the logarithm, so that up to 29 % of a range may be cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import Field

from qexplorer.core.grid import Grid, quantize
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.quantize.changes.drafts import PlanDraft

__all__ = ["ENTRIES", "PowerOfTwo", "PowerOfTwoOptions", "on_powers_of_two"]


class PowerOfTwoOptions(AlgorithmOptions):
    """Whose scales, and which power."""

    scales: Literal["both", "activations", "weights"] = Field(
        "both", title="Scales of", description="Whose scales become powers of two."
    )
    way: Literal["up", "nearest"] = Field(
        "up", title="Power", description="Up: the next larger one, nothing more is clipped. Nearest: the nearer one."
    )


def on_powers_of_two(grid: Grid, way: str) -> Grid:
    """The grid with every scale a power of two; zero points follow where the grid is asymmetric.

    Args:
        grid: of a uniform format, at any granularity.
        way: ``up`` or ``nearest``.
    """
    exponent = np.log2(grid.scale.astype(np.float64))
    rounded = np.ceil(exponent - 1e-9) if way == "up" else np.round(exponent)
    scale = np.asarray(np.exp2(rounded), np.float32).reshape(grid.scale.shape)
    low, high = grid.low.astype(np.float64), grid.high.astype(np.float64)
    moved = np.clip(np.round(grid.qmin - low / scale), grid.qmin, grid.qmax).astype(np.int32)
    symmetric = np.abs(low + high) <= grid.scale
    zero = np.where(symmetric, grid.zero_point, moved) if grid.format.has_zero_point else grid.zero_point
    return replace(grid, scale=scale, zero_point=np.asarray(zero, np.int32).reshape(grid.zero_point.shape))


@dataclass(frozen=True, slots=True)
class PowerOfTwo:
    """Rounds scales to powers of two."""

    name: str = "power_of_two"
    title: str = "Power-of-two scales"
    description: str = (
        "Makes every scale a power of two, as processors need that requantize by a shift; costs up to one bit of "
        "resolution."
    )
    source: str = "Jain et al. 2020, Trained quantization thresholds, section 3.1"
    options: type[AlgorithmOptions] = PowerOfTwoOptions
    needs: Needs = Needs.NOTHING
    decides: Decides = Decides.GRIDS
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: PowerOfTwoOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' scales will be powers of two."""
        return dict.fromkeys(draft.plan.constants, "its scales will be powers of two")

    def change_plan(self, draft: PlanDraft, options: PowerOfTwoOptions) -> None:
        """Moves scales, first of activations and then of weights; int32 biases go along."""
        if options.scales != "weights":
            for key, tensor in draft.plan.tensors.items():
                if tensor.kind == "activation" and tensor.grid.format.is_uniform:
                    draft.set_grid(key, on_powers_of_two(tensor.grid, options.way))
        if options.scales != "activations":
            places = [(layer, position) for layer, keys in draft.plan.constants.items() for position in keys]
            for layer, position in places:
                self._weight(draft, layer, position, options.way)

    def _weight(self, draft: PlanDraft, layer: str, position: int, way: str) -> None:
        plan = draft.plan  # biases that went along have other keys
        tensor, values = plan.tensors[plan.constants[layer][position]], draft.values(layer, position)
        if tensor.kind != "weight" or values is None or not tensor.grid.format.is_uniform:
            return
        grid = on_powers_of_two(tensor.grid, way)
        draft.set_codes(layer, position, quantize(values, grid), grid=grid)
        widest = float(np.max(grid.scale / tensor.grid.scale))
        draft.remark(layer, f"scales are powers of two, at most {widest:.2f} times as wide")


ENTRIES = (PowerOfTwo(),)
