"""GPTQ on one row, step by step: what is rounded, what that pushes on to the weights still to come, and the error left.

``U`` is the upper factor of the inverse of the damped moments, ``U^T U = H^-1``. Rounding column ``i`` leaves the error
``(w_i - q_i) / U_ii``, which is taken off the columns behind it along ``U_i`` (Frantar et al. 2022, GPTQ, section 3.3).
After ``i`` columns the row is ``w^(i)``: its first ``i`` weights are on the grid, the others are in float and have made
up for them as well as they can. ``E_i = d H d^T`` with ``d = w^(i) - w`` is the error at the output that is left then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.measure.lessons.lesson import Lesson

__all__ = ["DAMPING", "Pushing", "pushing_of"]

DAMPING = 0.01
"""Share of the mean of the diagonal that is added to it: the algorithm's default."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pushing:
    """The whole way of one row. Columns stand in the order in which they are rounded: the largest inputs first.

    Attributes:
        order: the lesson's column at each place, ``(columns,)``.
        hessian: ``H`` in that order, in means of its diagonal, ``(columns, columns)``.
        changes: after so many columns, by how many steps each weight differs from what it was, ``(columns + 1,
            columns)``.
        codes: the codes in the end, in that order.
        pushed: root mean square errors at the output after so many columns, as shares of its size, ``(columns + 1,)``.
        nearest: the same with each weight rounded to nearest and nothing pushed on.
    """

    order: NDArray[np.intp]
    hessian: Values
    changes: Values
    codes: NDArray[np.int32]
    pushed: Values
    nearest: Values


def pushing_of(lesson: Lesson, bits: int, row: int) -> Pushing:
    """Rounds one row of the lesson by GPTQ, and keeps every step."""
    grid, moments = lesson.steps[bits], lesson.hessian(row)
    order = np.argsort(-np.diag(moments), kind="stable")
    h = moments[np.ix_(order, order)]
    factor = _factor(h)
    scale, zero = grid.scale[row][order].astype(np.float64), grid.zero[row][order]
    first = lesson.values[row][order].astype(np.float64)
    now, codes, states = first.copy(), np.zeros(len(first), np.int32), [first.copy()]
    for i in range(len(first)):
        codes[i] = _code(now[i], float(scale[i]), int(zero[i]), grid.ends)
        error = (now[i] - (codes[i] - zero[i]) * scale[i]) / factor[i, i]
        now[i:] -= error * factor[i, i:]
        states.append(now.copy())
    off = np.stack(states) - first
    nearest = (grid.nearest[row][order] - zero) * scale
    plain = np.tril(np.ones((len(first) + 1, len(first))), -1) * (nearest - first)
    mean = float(np.diag(h).mean()) or 1.0
    power = lesson.power(row)
    return Pushing(order, h / mean, off / scale, codes, _errors(off, h, power), _errors(plain, h, power))


def _errors(off: Values, h: Values, power: float) -> Values:
    return np.asarray(np.sqrt(np.maximum(np.sum((off @ h) * off, 1), 0.0) / power))


def _code(value: float, scale: float, zero: int, ends: tuple[int, int]) -> int:
    """As ``core.grid`` rounds: in float32, half to even."""
    steps = float(np.rint(np.float32(value) / np.float32(scale)))
    return int(np.clip(steps + zero, *ends))


def _factor(h: Values) -> Values:
    """``U``; inputs that are always 0 stand for themselves."""
    diagonal = np.diag(h)
    mean = diagonal.mean()
    added = np.where(diagonal > 0, DAMPING * mean, mean if mean > 0 else 1.0)
    lower = np.linalg.cholesky(np.linalg.inv(h + np.diag(added)))
    return np.asarray(lower.T)
