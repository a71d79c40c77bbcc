"""Scales of activations and weights that learn by gradient, while every weight stays what it is.

Calibrators choose each range by itself, from a histogram of its values. Which range is best follows from what comes
after it: clipping a value costs nothing where no later layer listens. Here scales follow the gradient of the error at
the end of a block, or of the network, with rounding passed straight through (LSQ, Esser et al. 2020, equation 3;
trained thresholds, Jain et al. 2020). They start at the calibrator's.

It is an algorithm and no calibrator, because a calibrator sees one tensor's histogram and nothing behind it: a gradient
needs the samples, the graph and all other grids, which are chosen by then. In a recipe it is the last calibrator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Batch, LearnedFrom, Seed, Steps
from qexplorer.quantize.changes.drafts import PlanDraft

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["ENTRIES", "LearnedScales", "LearnedScalesOptions"]


class LearnedScalesOptions(AlgorithmOptions):
    """Which scales learn, on what, and how long."""

    error: Literal["network", "blocks"] = Field(
        "blocks",
        title="Error of",
        description="What scales are judged by: the output of their block, or that of the whole network.",
    )
    scales: Literal["both", "activations", "weights"] = Field(
        "both", title="Scales of", description="Whose scales learn."
    )
    samples: LearnedFrom = 512
    steps: Steps = Field(200, description="Steps of learning for each block, or for the network.")
    batch: Batch = 32
    rate: float = Field(
        5e-3, ge=1e-6, le=1.0, title="Learning rate", description="Share of its size that a scale moves a step."
    )
    seed: Seed = 0


@dataclass(frozen=True, slots=True)
class LearnedScales:
    """Moves scales by gradient and leaves weights as they are."""

    name: str = "learned_scales"
    title: str = "Learned scales"
    description: str = (
        "Moves the scales of activations and weights by gradient to where the output of a block or of the network is "
        "closest to the float one; weights are rounded to nearest on them."
    )
    source: str = (
        "Esser et al. 2020, Learned step size quantization, section 2; "
        "Jain et al. 2020, Trained quantization thresholds, section 3"
    )
    options: type[AlgorithmOptions] = LearnedScalesOptions
    needs: Needs = Needs.DATA | Needs.GRADIENTS
    decides: Decides = Decides.SCALES
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: LearnedScalesOptions) -> Mapping[str, str]:
        """Which layers' scales will learn, and why not others'."""
        from qexplorer.quantize.reconstruct.engine import foretold

        of = {"both": "the scales of its weight and of what it makes", "weights": "the scales of its weight"}
        which = of.get(options.scales, "the scale of what it makes")
        end = "its block" if options.error == "blocks" else "the network"
        return foretold(draft, self.title, f"will move {which} by their gradient on the output of {end}")

    def change_plan(self, draft: PlanDraft, options: LearnedScalesOptions) -> None:
        """Lets scales learn, in one block after the other or in all at once."""
        from qexplorer.quantize.reconstruct.choices import ScaleChoice
        from qexplorer.quantize.reconstruct.engine import LearningEffort, Method, reconstruct

        def optimizer(weights: list[nn.Parameter], activations: list[nn.Parameter]) -> torch.optim.Optimizer:
            import torch

            return torch.optim.Adam([*weights, *activations], lr=options.rate)

        def pace(optimizer: torch.optim.Optimizer, share: float) -> None:
            for group in optimizer.param_groups:
                group["lr"] = options.rate * 0.5 * (1 + math.cos(math.pi * share))

        choice = None if options.scales == "activations" else ScaleChoice
        effort = LearningEffort.of(options, whole=options.error == "network", scales=options.scales != "weights")
        reconstruct(draft, Method(self.title, choice, optimizer, pace), effort)


ENTRIES = (LearnedScales(),)
