"""What came out of a block, put into the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.grid import Grid, Int32
from qexplorer.quantize.changes.drafts import PlanDraft

if TYPE_CHECKING:
    from qexplorer.quantize.reconstruct.network import BlockNetwork, LearnedWeight

__all__ = ["LearnedCodes", "remark_on", "settle"]


@dataclass(frozen=True, slots=True, eq=False)
class LearnedCodes:
    """What became of one weight, and of the block that it is in.

    Attributes:
        codes: int32 in the shape of the weight.
        grid: that they are on.
        block: layers whose weights learned together.
        before: error at the end of the block with weights rounded to nearest, as a share of its size (root mean
            squares).
        after: the same with what was learned.
        others: share of the codes that are not the nearest on the first grid.
        moved: factors by which scales of activations in the block moved.
    """

    codes: Int32
    grid: Grid
    block: tuple[str, ...]
    before: float
    after: float
    others: float
    moved: tuple[float, ...]


def remark_on(draft: PlanDraft, title: str, layers: tuple[str, ...], found: LearnedCodes) -> None:
    """Says in the plan what became of a weight that ``layers`` read."""
    if found.after >= found.before:
        text = f"{title} left its weight as it was: nothing with a smaller error at the end of its block was found"
    else:
        others = [f"'{name}'" for name in found.block if name not in layers]
        where = f"learned together with {', '.join(others)}" if others else "learned by itself"
        text = f"{title}: {where}; the error at the end is {found.after:.3g} of its size, before {found.before:.3g}"
        text += f"; {found.others:.1%} of its codes are other ones"
        if found.moved:
            text += f"; scales of activations moved by factors of {min(found.moved):.3g} to {max(found.moved):.3g}"
    for layer in layers:
        draft.remark(layer, text)


def settle(
    draft: PlanDraft, network: BlockNetwork, weights: dict[str, LearnedWeight], chosen: dict[str, LearnedCodes]
) -> None:
    """Puts codes, and grids that moved, into the plan. A scale with which an int32 bias would not fit stays."""
    grids = {network.key_of(name): each.grid() for name, each in network.activations.items()}
    for key in sorted(grids):
        old = draft.plan.tensors[key].grid
        if np.array_equal(old.scale, grids[key].scale):
            continue
        draft.set_grid(key, grids[key])
        if not all(_fits(draft, weight, chosen) for weight in weights.values()):
            draft.set_grid(key, old)
    for key, found in chosen.items():
        if found.after < found.before:
            weight = weights[key]
            draft.set_codes(weight.layers[0], weight.position, found.codes, grid=found.grid)


def _fits(draft: PlanDraft, weight: LearnedWeight, chosen: dict[str, LearnedCodes]) -> bool:
    least = draft.smallest_scale(weight.layers[0], weight.position)
    return bool(np.all(chosen[weight.key].grid.scale >= least))
