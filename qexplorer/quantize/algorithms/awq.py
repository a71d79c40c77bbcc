"""AWQ: channels that are fed large values get finer weights, by scaling them up in front of rounding.

An error of a weight costs as much as what it is multiplied with is large. Multiplying the weights of channel ``j`` by
``s_j`` and dividing the input by it leaves the product, while their error, which is that of one step of the grid, is
divided by ``s_j`` as long as the step stays what it was (Lin et al. 2023, AWQ: Activation-aware weight quantization for
on-device LLM compression and acceleration, section 3.2). How far to go is searched, group by group (equation 5):

    s = mean|X|^r,   r = argmin_r || Q(W diag(s)) diag(s)^-1 X - W X ||,   0 <= r < 1

on rows of calibration data, with grids that hold all values, and activations on theirs where they have one. What is
found is judged with the grids that the recipe asks for, and layers that it does not help are left alone. Factors are
divided by ``sqrt(max s min s)``, as in the authors' code. With each power the factors that follow the weights as well
are tried, ``mean|X|^r / mean|W|^(1 - r)``, with weights as shares of the largest on their grid, as later programs have
them: a channel of small weights beside large ones is lost on their common step.

The division goes into constants in front, or becomes a Mul, as for SmoothQuant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Observed
from qexplorer.quantize.changes.drafts import GraphDraft
from qexplorer.quantize.outliers.input_groups import InputGroup
from qexplorer.quantize.outliers.migrating import Factors, GroupInputs, foretold, migrate

__all__ = ["ENTRIES", "Awq", "AwqOptions", "importance", "shares"]


class AwqOptions(AlgorithmOptions):
    """How finely is searched, and on how much."""

    steps: int = Field(
        20, ge=2, le=100, title="Steps", description="Powers of the channels' sizes that are tried, from 0 up to 1."
    )
    samples: Observed = 128


@dataclass(frozen=True, slots=True)
class Awq:
    """Scales weights up where their inputs are large."""

    name: str = "awq"
    title: str = "AWQ"
    description: str = (
        "Multiplies weights of channels with large inputs before they are rounded and divides the inputs by the same; "
        "helps most where weights alone have 4 bits and fewer."
    )
    source: str = (
        "Lin et al. 2023, AWQ: Activation-aware weight quantization for on-device LLM compression and acceleration, "
        "section 3"
    )
    options: type[AlgorithmOptions] = AwqOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.FACTORS
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: AwqOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' weights will be scaled, and where their inputs are divided; why not others'."""
        return foretold(draft, self.title, _applies)

    def change_graph(self, draft: GraphDraft, options: AwqOptions) -> None:
        """Searches factors, group by group."""

        def candidates(
            group: InputGroup, inputs: GroupInputs, weights: Sequence[Float32]
        ) -> Sequence[tuple[str, Factors]]:
            size, share = np.mean([each.size for each in inputs], 0), shares(group, weights)
            powers = [step / options.steps for step in range(options.steps)]
            alone = [(f"power {power:.3g} of their sizes", importance(size, power)) for power in powers[1:]]
            both = "power {:.3g} of their sizes, {:.3g} of the weights'"
            return alone + [(both.format(r, r - 1), importance(size, r, share)) for r in powers]

        migrate(draft, self.name, self.title, draft.calibration_of(options.samples), _applies, candidates)


def _applies(_: InputGroup) -> str | None:
    return None


def importance(size: Factors, power: float, share: Factors | None = None) -> Factors:
    """What the weights of each channel are multiplied by; around 1.

    Args:
        size: mean magnitude of each channel of the input.
        power: between 0 and 1.
        share: how large the weights of each channel are; None to look at the inputs alone.
    """
    found = np.power(np.maximum(size, 0.0), power)
    if share is not None:
        found = found / (np.power(np.maximum(share, 0.0), 1 - power) + 1e-4)
    found = np.maximum(found, 1e-4)
    return np.asarray(found / np.sqrt(found.max() * found.min()))


def shares(group: InputGroup, weights: Sequence[Float32]) -> Factors:
    """The mean magnitude of each channel's weights, as a share of the largest with which they are on one grid."""
    found = np.zeros(group.channels)
    for matrix, weight, decision in zip(group.matrices, weights, group.decisions, strict=True):
        rows, spec = np.abs(matrix.rows(weight)).astype(np.float64), decision.spec.weights
        block = spec.block if spec is not None and spec.granularity == "block" else matrix.columns
        starts = np.arange(0, matrix.columns, block)
        largest = np.repeat(np.maximum.reduceat(rows, starts, 2), np.diff([*starts, matrix.columns]), 2)
        mean = (rows / np.maximum(largest, 1e-12)).mean(1)
        found += mean.reshape(group.channels, -1).mean(1) / len(weights)
    return found


ENTRIES = (Awq(),)
