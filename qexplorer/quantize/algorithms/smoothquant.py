"""SmoothQuant: the size of outlier channels is moved from activations, which have one scale, to weights.

A few channels of what a transformer's products read are many times larger than the others, so that one scale for all
leaves the others few codes. Dividing channel ``j`` by ``s_j`` and multiplying that row of the weight leaves the product
as it is (Xiao et al. 2022, SmoothQuant: Accurate and efficient post-training quantization for large language models,
equations 3 and 4):

    Y = (X diag(s)^-1) (diag(s) W),     s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)

With ``alpha = 1/2`` both have the same largest magnitude in each channel. The division goes into the constants in front
where that is exact: a normalization, a multiplication, the layer that made the channels. Where a GELU or a second
reader is in the way, a Mul in float does it. Layers that read one tensor are divided alike.

``alpha`` is searched for each group of layers, on rows of calibration data, by the error at their outputs. The search
has grids that hold all values; what it finds is judged with the recipe's own, and layers that it does not help are left
alone.
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
from qexplorer.quantize.outliers.migrating import Factors, GroupInputs, channel_peaks, foretold, migrate

__all__ = ["ENTRIES", "SmoothQuant", "SmoothQuantOptions", "smoothing"]

_ALPHAS = tuple(step / 20 for step in range(21))


class SmoothQuantOptions(AlgorithmOptions):
    """How much is moved."""

    search: bool = Field(
        True,
        title="Search alpha",
        description="Takes, for each group of layers, the alpha with the least error at their outputs.",
    )
    alpha: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        title="Alpha",
        description="How much of the channels' size is moved into weights, where it is not searched: 1 all, 0 nothing "
        "but the weights' own.",
    )
    samples: Observed = 128


@dataclass(frozen=True, slots=True)
class SmoothQuant:
    """Moves the size of channels from activations to weights."""

    name: str = "smoothquant"
    title: str = "SmoothQuant"
    description: str = (
        "Divides the large channels of activations and multiplies their weights by the same, which leaves what the "
        "network computes as it is; helps where a few channels of an activation are far larger than the others."
    )
    source: str = (
        "Xiao et al. 2022, SmoothQuant: Accurate and efficient post-training quantization for large language models, "
        "section 4"
    )
    options: type[AlgorithmOptions] = SmoothQuantOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.FACTORS
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: SmoothQuantOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' inputs will be divided, and where; why not others'."""
        return foretold(draft, self.title, _applies)

    def change_graph(self, draft: GraphDraft, options: SmoothQuantOptions) -> None:
        """Divides inputs and multiplies weights."""
        alphas = _ALPHAS if options.search else (options.alpha,)

        def candidates(
            group: InputGroup, inputs: GroupInputs, weights: Sequence[Float32]
        ) -> Sequence[tuple[str, Factors]]:
            largest = np.max([each.largest for each in inputs], 0)
            peaks = channel_peaks(group, weights)
            return [(f"alpha {alpha:g}", smoothing(largest, peaks, alpha)) for alpha in alphas]

        split = draft.calibration_of(options.samples)
        migrate(draft, self.name, self.title, split, _applies, candidates, search=options.search)


def _applies(group: InputGroup) -> str | None:
    return None if group.with_codes else "its activations are not quantized"


def smoothing(largest: Factors, peaks: Factors, alpha: float) -> Factors:
    """What channels are divided by (equation 4); 1 for channels in which nothing is.

    Args:
        largest: largest magnitude of each channel of the activation.
        peaks: largest magnitude of the weights in each channel.
        alpha: how much of the former is moved.
    """
    there = (largest > 0) & (peaks > 0)
    found = np.power(np.where(there, largest, 1.0), alpha) / np.power(np.where(there, peaks, 1.0), 1 - alpha)
    return np.where(there, np.clip(found, 1e-5, 1e5), 1.0)


ENTRIES = (SmoothQuant(),)
