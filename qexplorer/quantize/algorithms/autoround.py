"""AutoRound: offsets of weights and ends of ranges follow the sign of their gradient, a few steps for each block.

Rounding takes a weight to ``s (clip(round(w / s + V) + z, qmin, qmax) - z)``, with an offset ``V`` between -1/2 and 1/2
for each weight and the range between ``beta low`` and ``alpha high`` (Cheng et al. 2023, Optimize weight rounding via
signed gradient descent, equations 3 and 4). Both learn to keep the output of the block by

    V  <-  V - rate sign(dL / dV)

with a rate that falls to 0 in a straight line: signs reach every place of a box of known size in a known number of
steps, so that a few hundred are enough and no rate has to be looked for. The best state that was seen is kept (their
algorithm 1). Rounding is passed straight through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Batch, Chain, LearnedFrom, Seed, Steps
from qexplorer.quantize.changes.drafts import PlanDraft

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["ENTRIES", "Autoround", "AutoroundOptions"]


class AutoroundOptions(AlgorithmOptions):
    """How long is learned, from how much, and what learns."""

    samples: LearnedFrom = 512
    steps: Steps = 200
    batch: Batch = 32
    reach: float = Field(
        0.5,
        ge=0.01,
        le=4.0,
        title="Reach",
        description="How far an offset can come over all steps, in steps of the grid.",
    )
    ranges: bool = Field(True, title="Learn ranges", description="Whether the ends of weights' ranges learn along.")
    chain: Chain = 3
    seed: Seed = 0


@dataclass(frozen=True, slots=True)
class Autoround:
    """Learns offsets and ranges by the sign of the gradient."""

    name: str = "autoround"
    title: str = "AutoRound"
    description: str = (
        "Learns an offset for each weight before it is rounded, and how wide its range is, by the sign of the gradient "
        "on the output of its block; helps most with 4 bits and fewer."
    )
    source: str = "Cheng et al. 2023, Optimize weight rounding via signed gradient descent for the quantization of LLMs"
    options: type[AlgorithmOptions] = AutoroundOptions
    needs: Needs = Needs.DATA | Needs.GRADIENTS
    decides: Decides = Decides.CODES
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: AutoroundOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' weights will learn, and why not others'."""
        from qexplorer.quantize.reconstruct.engine import foretold

        return foretold(draft, self.title, "will choose its codes and the ends of its ranges on its block's output")

    def change_plan(self, draft: PlanDraft, options: AutoroundOptions) -> None:
        """Lets one block after the other learn."""
        from qexplorer.quantize.reconstruct.choices import OffsetRounding
        from qexplorer.quantize.reconstruct.engine import LearningEffort, Method, reconstruct
        from qexplorer.quantize.reconstruct.signed import SignedDescent

        def optimizer(choices: list[nn.Parameter], _: list[nn.Parameter]) -> torch.optim.Optimizer:
            return SignedDescent(choices, 2 * options.reach / options.steps)

        method = Method(self.title, partial(OffsetRounding, ranges=options.ranges), optimizer, _pace)
        reconstruct(draft, method, LearningEffort.of(options))


def _pace(optimizer: torch.optim.Optimizer, share: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * (1 - share)


ENTRIES = (Autoround(),)
