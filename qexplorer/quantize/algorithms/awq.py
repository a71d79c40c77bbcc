"""AWQ: channels that are fed large values get finer weights, by scaling them up in front of rounding.

An error of a weight costs as much as what it is multiplied with is large. Multiplying the weights of channel ``j`` by
``s_j`` and dividing the input by it leaves the product, while their error, which is that of one step of the grid,
is divided by ``s_j`` as long as the step stays what it was (Lin et al. 2023, AWQ: Activation-aware weight quantization
for on-device LLM compression and acceleration, section 3.2). How far to go is searched, group by group (equation 5):

    s = mean|X|^r,   r = argmin_r || Q(W diag(s)) diag(s)^-1 X - W X ||,   0 <= r < 1

on rows of calibration data, with grids that hold all values, and activations on theirs where they have one. What is
found is judged with the grids that the recipe asks for, and layers that it does not help are left alone.
Factors are divided by ``sqrt(max s min s)``, as in the authors' code. ``r = 0`` changes nothing.

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
from qexplorer.quantize.changes.drafts import GraphDraft
from qexplorer.quantize.outliers.input_groups import InputGroup
from qexplorer.quantize.outliers.migrating import Factors, GroupInputs, foretold, migrate

__all__ = ["ENTRIES", "Awq", "AwqOptions", "importance"]


class AwqOptions(AlgorithmOptions):
    """How finely is searched, and on how much."""

    steps: int = Field(
        20, ge=2, le=100, title="Steps", description="Powers of the channels' sizes that are tried, from 0 up to 1."
    )
    samples: int = Field(
        128,
        ge=1,
        le=65536,
        title="Samples",
        description="Calibration samples on which the inputs of layers are observed, at most.",
    )


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
    after: tuple[str, ...] = ("equalize: it scales weights by themselves", "absorb: it follows equalization")
    excludes: tuple[str, ...] = ("smoothquant: both choose the factors between the same layers",)
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: AwqOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' weights will be scaled, and where their inputs are divided; why not others'."""
        return foretold(draft, self.title, _applies)

    def change_graph(self, draft: GraphDraft, options: AwqOptions) -> None:
        """Searches factors, group by group."""

        def candidates(_: InputGroup, inputs: GroupInputs, __: Sequence[Float32]) -> Sequence[tuple[str, Factors]]:
            size = np.mean([each.size for each in inputs], 0)
            powers = [step / options.steps for step in range(1, options.steps)]
            return [(f"power {power:.3g} of their sizes", importance(size, power)) for power in powers]

        migrate(draft, self.name, self.title, draft.calibration_of(options.samples), _applies, candidates)


def _applies(_: InputGroup) -> str | None:
    return None


def importance(size: Factors, power: float) -> Factors:
    """What the weights of each channel are multiplied by; around 1.

    Args:
        size: mean magnitude of each channel of the input.
        power: between 0 and 1.
    """
    found = np.maximum(np.power(np.maximum(size, 0.0), power), 1e-4)
    return np.asarray(found / np.sqrt(found.max() * found.min()))


ENTRIES = (Awq(),)
