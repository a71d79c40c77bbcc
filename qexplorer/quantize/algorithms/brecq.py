"""BRECQ and QDrop: the roundings of a block are learned together, so that the block's output stays what it was.

Errors of layers that follow each other, or meet in a sum, are not independent, and layer by layer (AdaRound) each does
its best for itself. A block is what the loss sees of its layers in second order, if layers of
different blocks hardly interact (Li et al. 2021, BRECQ, section 3.2). For one block after the other

    min over V, s of  ||f(x) - f_q(x_q; V, s)||^2 + lambda sum (1 - |2 h(V) - 1|^beta)

with ``f`` the float block on float inputs, ``f_q`` the block with everything rounded on what the network so far gives,
``V`` the choices of AdaRound for all weights of the block, and ``s`` the scales of its activations, which learn along
(LSQ, Esser et al. 2020). The error is not weighted by the Fisher information (their equation 10 has both forms).

With ``drop`` above 0, each rounded activation and each value that the block is fed is the float one by that chance
while the block learns (Wei et al. 2022, QDrop, section 4.2): the roundings that are found serve more than the inputs
that they were found on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Batch, Chain, LearnedFrom, Seed, Steps
from qexplorer.quantize.changes.drafts import PlanDraft

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["ENTRIES", "Brecq", "BrecqOptions"]


class BrecqOptions(AlgorithmOptions):
    """How long is learned, from how much, and what a block is."""

    samples: LearnedFrom = 512
    steps: Steps = 500
    batch: Batch = 32
    drop: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        title="Drop",
        description="Share of the activations that are left in float by chance while learning (QDrop); 0 is BRECQ.",
    )
    chain: Chain = 3
    rate: float = Field(0.03, ge=1e-5, le=1.0, title="Learning rate", description="Of the choices between up and down.")
    scale_rate: float = Field(
        1e-3,
        ge=0.0,
        le=1.0,
        title="Learning rate of scales",
        description="Share of its size that an activation's scale moves a step; 0 leaves scales as they are.",
    )
    regularizer: float = Field(
        1.0,
        ge=1e-3,
        le=1000.0,
        title="Regularizer",
        description="Weight of the term that drives every choice to up or down, in errors of nearest rounding.",
    )
    seed: Seed = Field(0, description="Of batches and of what is dropped.")


@dataclass(frozen=True, slots=True)
class Brecq:
    """Learns the roundings of a block together."""

    name: str = "brecq"
    title: str = "BRECQ"
    description: str = (
        "Learns for all weights of a block together whether they go up or down, and the scales of its activations, so "
        "that the block's output stays what it was; helps most with 4 bits and fewer, in activations too."
    )
    source: str = (
        "Li et al. 2021, BRECQ: Pushing the limit of post-training quantization by block reconstruction, section 3; "
        "Wei et al. 2022, QDrop, section 4"
    )
    options: type[AlgorithmOptions] = BrecqOptions
    needs: Needs = Needs.DATA | Needs.GRADIENTS
    decides: Decides = Decides.CODES
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: BrecqOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' weights will learn, and why not others'."""
        from qexplorer.quantize.reconstruct.engine import foretold

        return foretold(draft, self.title, "will choose its codes together with those of its block")

    def change_plan(self, draft: PlanDraft, options: BrecqOptions) -> None:
        """Lets one block after the other learn."""
        from qexplorer.quantize.reconstruct.choices import SoftRounding
        from qexplorer.quantize.reconstruct.engine import LearningEffort, Method, reconstruct

        def optimizer(choices: list[nn.Parameter], scales: list[nn.Parameter]) -> torch.optim.Optimizer:
            import torch

            groups = [(choices, options.rate), (scales, options.scale_rate)]
            return torch.optim.Adam([{"params": p, "lr": r, "initial_lr": r} for p, r in groups if p])

        method = Method(self.title, SoftRounding, optimizer, _pace, options.regularizer)
        reconstruct(draft, method, LearningEffort.of(options, scales=options.scale_rate > 0))


def _pace(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Scales settle along half a cosine; choices keep their rate, as they are driven to their ends."""
    for group in optimizer.param_groups[1:]:
        group["lr"] = group["initial_lr"] * 0.5 * (1 + math.cos(math.pi * share))


ENTRIES = (Brecq(),)
