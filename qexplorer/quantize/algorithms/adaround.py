"""AdaRound: each weight learns whether to go up or down, so that the layer's outputs stay what they were.

Rounding to nearest is best for each weight by itself and not for their sum. With ``W~ = s (floor(W / s) + h(V))`` and
the rectified sigmoid ``h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1)`` the choice is relaxed and learned by

    min_V  ||W x - W~ x||^2 + lambda sum (1 - |2 h(V) - 1|^beta)

(Nagel et al. 2020, Up or down? Adaptive rounding for post-training quantization, equations 21 to 24). ``beta`` falls
from 20 to 2, so that ``h`` is free at first and ends at 0 or 1; at the end it is rounded.

Layers are rounded one after the other. What they are fed is what the network rounded so far gives, and what their
output should be is the float network's, or a share of the way there (the asymmetric reconstruction of section 3.4).
With the moments ``H`` of these inputs and ``C`` of both networks' together (``layerwise.both_inputs``) the first term
has the gradient ``2 (D H + W (H - C))`` for ``D = W~ - W``. It is exact over all samples and positions in every step,
with no batches to draw, and a step costs a product of the weight's size whatever the size of pictures. The error is
counted in units of that of nearest rounding. The layer's activation is left out (their equation 25 has it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Float32, Int32, quantize
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Correction, Observed, Steps
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.both_inputs import BothMoments
from qexplorer.quantize.layerwise.in_order import Told, foretold, round_in_order
from qexplorer.quantize.layerwise.moments import Moments
from qexplorer.quantize.layerwise.weights import GridWeight

__all__ = ["ENTRIES", "Adaround", "AdaroundOptions", "rounded"]

_ZETA, _GAMMA = 1.1, -0.1
"""Stretch of the sigmoid (Louizos et al. 2018, as in section 4 of the paper)."""

_FREE = 0.2
"""Share of the steps before the regularizer begins (the authors' warm start)."""

_BETA = (20.0, 2.0)


class AdaroundOptions(AlgorithmOptions):
    """How long is learned, and from how much."""

    samples: Observed = 512
    steps: Steps = Field(1000, le=20000, description="Steps of learning for each layer.")
    rate: float = Field(0.03, ge=1e-4, le=1.0, title="Learning rate", description="Of Adam.")
    regularizer: float = Field(
        10.0,
        ge=1e-3,
        le=1000.0,
        title="Regularizer",
        description="Weight of the term that drives every choice to up or down, in mean errors of nearest rounding.",
    )
    correction: Correction = 0.5


@dataclass(frozen=True, slots=True)
class Adaround:
    """Learns for each weight whether to round up or down."""

    name: str = "adaround"
    title: str = "AdaRound"
    description: str = (
        "Learns for each weight whether it goes up or down, so that the outputs of its layer stay what they were on "
        "calibration data; helps most with 4 bits and fewer."
    )
    source: str = "Nagel et al. 2020, Up or down? Adaptive rounding for post-training quantization, section 3"
    options: type[AlgorithmOptions] = AdaroundOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.CODES
    stage: Literal[Stage.PLAN] = Stage.PLAN

    def foretell(self, draft: PlanDraft, options: AdaroundOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Which layers' weights will be rounded so, and why not others'."""
        return foretold(draft, self.title)

    def change_plan(self, draft: PlanDraft, options: AdaroundOptions) -> None:
        """Observes the inputs of all layers and learns the rounding of their weights."""

        def codes(weight: GridWeight, moments: BothMoments, told: Told) -> Int32:
            return rounded(weight, moments, options, told)

        round_in_order(draft, self.title, options.samples, codes)


def rounded(weight: GridWeight, moments: Moments | BothMoments, options: AdaroundOptions, told: Told) -> Int32:
    """Codes of one weight.

    Args:
        weight: the weight and its grid; formats whose levels are not evenly spaced keep their nearest codes.
        moments: of its inputs, finite; those of both networks, or ``(groups, columns, columns)`` of the float one.
        options: how long and how fast.
        told: told the share of the steps that is done; may raise Cancelled.

    Returns:
        Int32 in the shape of the weight, each the code below or above its value.
    """
    grid, matrix = weight.grid, weight.matrix
    nearest = quantize(weight.values, grid)
    if not isinstance(grid.format, UniformFormat):
        return nearest
    scale, zero = matrix.grid(grid)
    rows = matrix.rows(weight.values)
    steps = rows / scale
    below = np.floor(steps)
    low, high = (np.float32(each) - zero.astype(np.float32) for each in (grid.qmin, grid.qmax))
    own, left = _parts(rows, moments, options.correction)
    first = (matrix.rows(nearest) - zero - steps) * scale
    unit = float(np.sum((first @ own) * first, dtype=np.float64)) / first.size
    if not unit > 0:
        return nearest
    choice = _Choice(steps - below)
    for step in range(options.steps):
        if step % 50 == 0:
            told(step / options.steps)
        up, slope = choice.at()
        level = below + up
        off = (np.clip(level, low, high) - steps) * scale
        gradient = 2 * (off @ own + left) * scale / np.float32(unit)
        gradient = np.where((level < low) | (level > high), 0.0, gradient)
        share = (step / options.steps - _FREE) / (1 - _FREE)
        if share >= 0:
            gradient -= options.regularizer * _push(up, share)
        choice.follow(gradient * slope, options.rate)
    up, _ = choice.at()
    codes = np.clip(below + (up >= 0.5), low, high).astype(np.int32) + zero
    return np.ascontiguousarray(matrix.weight(codes))


def _parts(rows: Float32, moments: Moments | BothMoments, share: float) -> tuple[Float32, Float32]:
    """``H`` and ``R`` of the gradient ``2 (D H + R)``: ``R`` is 0 where nothing was rounded before, else ``share`` of
    ``W (H - C)``, what earlier rounding did to the output."""
    if not isinstance(moments, BothMoments):
        return moments.astype(np.float32), np.zeros_like(rows)
    gone = share * (moments.rounded - moments.cross)
    return moments.rounded.astype(np.float32), (rows @ gone).astype(np.float32)


def _push(up: Float32, share: float) -> Float32:
    """The slope of ``|2 h - 1|^beta``: away from the middle; ``beta`` falls along half a cosine."""
    beta = np.float32(_BETA[1] + (_BETA[0] - _BETA[1]) * 0.5 * (1 + math.cos(math.pi * share)))
    centred = 2 * up - 1
    return np.asarray(2 * beta * np.abs(centred) ** (beta - 1) * np.sign(centred))


class _Choice:
    """``V``, moved by Adam (Kingma and Ba 2015, algorithm 1), and ``h(V)``."""

    def __init__(self, start: Float32) -> None:
        share = np.clip((start - _GAMMA) / (_ZETA - _GAMMA), 1e-4, 1 - 1e-4)
        self._v = np.log(share / (1 - share))
        self._mean, self._square, self._step = np.zeros_like(start), np.zeros_like(start), 0

    def at(self) -> tuple[Float32, Float32]:
        """``h(V)`` and its slope."""
        sigmoid = 1 / (1 + np.exp(-self._v))
        wide = sigmoid * (_ZETA - _GAMMA) + _GAMMA
        inside = (wide > 0) & (wide < 1)
        slope = np.where(inside, sigmoid * (1 - sigmoid) * np.float32(_ZETA - _GAMMA), np.float32(0))
        return np.clip(wide, 0, 1), slope

    def follow(self, gradient: Float32, rate: float) -> None:
        """One step down."""
        self._step += 1
        self._mean += 0.1 * (gradient - self._mean)
        self._square += 0.001 * (gradient**2 - self._square)
        mean = self._mean / (1 - 0.9**self._step)
        square = self._square / (1 - 0.999**self._step)
        self._v -= rate * mean / (np.sqrt(square) + 1e-8)


ENTRIES = (Adaround(),)
