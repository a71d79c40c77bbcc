"""The staircase of rounding, its two derivatives, and training one row through it.

``x_q = s clip(round(x / s))`` is flat between its jumps: its derivative is 0 wherever there is one, and nothing could
be learned through it. The straight-through estimator takes 1 instead where ``x`` lies on the grid's range, and 0
outside (Bengio et al. 2013; Jacob et al. 2018, section 3).

What is trained here is one row of the layer, so that its outputs stay what they were in float: the loss is
``L = d H d^T / (w H w^T)`` with ``d = Q(v) - w``, where ``v`` begins at the float weights ``w``. Its derivative by the
rounded weights is ``2 H d / (w H w^T)``; passed straight through it moves ``v`` by plain gradient descent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.measure.lessons.lesson import Lesson

__all__ = ["Staircase", "Training", "liveliest", "staircase_of", "trained"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Staircase:
    """Rounding of one weight's grid.

    Attributes:
        scale: distance of levels.
        levels: all of them, ascending, in steps.
        jumps: where ``x / scale`` goes to the next level, one fewer.
    """

    scale: float
    levels: tuple[int, ...]
    jumps: tuple[float, ...]

    def rounded(self, steps: float) -> int:
        """The level of a value, both in steps; half to even."""
        return int(np.clip(np.rint(steps), self.levels[0], self.levels[-1]))

    def passes(self, steps: float) -> bool:
        """Whether the straight-through derivative is 1 there."""
        return self.levels[0] <= steps <= self.levels[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """Some steps of one row.

    Attributes:
        weights: before each step and after the last, in steps of the grid, ``(taken + 1, columns)``.
        levels: what they round to, in steps, the same.
        gradients: of each step, by the weights as they are, ``(taken, columns)``.
        losses: before each step and after the last, ``(taken + 1,)``.
        rate: what a gradient is multiplied with.
    """

    weights: Values
    levels: Values
    gradients: Values
    losses: Values
    rate: float


def staircase_of(lesson: Lesson, bits: int, row: int, column: int) -> Staircase:
    """The staircase that one weight is rounded on."""
    grid = lesson.steps[bits]
    low, high = (end - int(grid.zero[row, column]) for end in grid.ends)
    levels = tuple(range(low, high + 1))
    return Staircase(float(grid.scale[row, column]), levels, tuple(level + 0.5 for level in levels[:-1]))


def trained(lesson: Lesson, bits: int, row: int, steps: int, rate: float) -> Training:
    """Takes some steps of gradient descent with the straight-through derivative.

    Args:
        lesson: the layer.
        bits: width of the grid.
        row: the row that learns; all of its weights do.
        steps: how many steps are taken.
        rate: in shares of the largest step with which descent without rounding is stable in every direction.
    """
    grid, h = lesson.steps[bits], lesson.hessian(row) / lesson.power(row)
    scale, zero = grid.scale[row].astype(np.float64), grid.zero[row]
    low, high = ((end - zero).astype(np.float64) for end in grid.ends)
    wanted = lesson.values[row].astype(np.float64)
    step = rate / (float(np.linalg.eigvalsh(h)[-1]) or 1.0)
    now = wanted.copy()
    weights, levels, gradients, losses = [], [], [], []
    for number in range(steps + 1):
        at = np.clip(np.rint(now / scale), low, high) + 0.0  # no minus zero
        off = at * scale - wanted
        weights.append(now / scale)
        levels.append(at)
        losses.append(float(off @ h @ off))
        if number < steps:
            through = (now / scale >= low) & (now / scale <= high)
            gradients.append(2 * (h @ off) * through)
            now = now - step * gradients[-1]
    empty = np.zeros((0, len(wanted)))
    return Training(
        np.stack(weights), np.stack(levels), np.stack(gradients) if gradients else empty, np.asarray(losses), step
    )


def liveliest(training: Training) -> int:
    """The column that shows learning best: its level is another one in the end and changed the fewest times.

    Among those it is the one that moved furthest, and where no level changed the furthest of all.
    """
    jumps = (np.diff(training.levels, axis=0) != 0).sum(0)
    stays = training.levels[-1] != training.levels[0]
    way = np.abs(training.weights[-1] - training.weights[0])
    return int(np.lexsort((-way, np.where(stays, jumps, len(training.levels))))[0])
