"""AdaRound: each weight learns whether to go up or down, so that the layer's outputs stay what they were.

Rounding to nearest is best for each weight by itself and not for their sum. With ``W~ = s (floor(W / s) + h(V))`` and
the rectified sigmoid ``h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1)`` the choice is relaxed and learned by

    min_V  ||W x - W~ x||^2 + lambda sum (1 - |2 h(V) - 1|^beta)

(Nagel et al. 2020, Up or down? Adaptive rounding for post-training quantization, equations 21 to 24). ``beta`` falls
from 20 to 2, so that ``h`` is free at first and ends at 0 or 1; at the end it is rounded.

The first term is ``sum_rows d H d^T`` with ``d = w~ - w`` and the moments ``H`` of the layer's inputs: it and its
gradient ``2 d H`` are exact over all samples and positions in every step, with no batches to draw, and a step costs a
product of the weight's size whatever the size of pictures. It is counted in units of the error of nearest rounding.
Inputs are those of the float network, the layer's activation is left out (their equation 25 has both).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Float32, Int32, quantize
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Observed, Steps
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.by_moments import foretold, round_weights
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
        round_weights(
            draft,
            self.title,
            options.samples,
            lambda weight, moments, told: rounded(weight, moments, options, told),
        )


def rounded(weight: GridWeight, moments: Moments, options: AdaroundOptions, told: Callable[[float], None]) -> Int32:
    """Codes of one weight.

    Args:
        weight: the weight and its grid; formats whose levels are not evenly spaced keep their nearest codes.
        moments: ``(groups, columns, columns)``, finite.
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
    hessian = moments.astype(np.float32)
    steps = matrix.rows(weight.values) / scale
    below = np.floor(steps)
    low, high = (np.float32(each) - zero.astype(np.float32) for each in (grid.qmin, grid.qmax))
    first = matrix.rows(nearest) - zero - steps
    unit = float(np.sum((first * scale) @ moments * (first * scale))) / first.size
    if not unit > 0:
        return nearest
    choice = _Choice(steps - below)
    for step in range(options.steps):
        if step % 50 == 0:
            told(step / options.steps)
        up, slope = choice.at()
        level = below + up
        off = (np.clip(level, low, high) - steps) * scale
        gradient = 2 * (off @ hessian) * scale / np.float32(unit)
        gradient = np.where((level < low) | (level > high), 0.0, gradient)
        share = (step / options.steps - _FREE) / (1 - _FREE)
        if share >= 0:
            gradient -= options.regularizer * _push(up, share)
        choice.follow(gradient * slope, options.rate)
    up, _ = choice.at()
    codes = np.clip(below + (up >= 0.5), low, high).astype(np.int32) + zero
    return np.ascontiguousarray(matrix.weight(codes))


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
