"""AdaRound's choices on one layer: which weights went up and which down, and why nearest was worse.

Of one row the error at the output is ``E = d H d^T`` with ``d = w_q - w``. If weight ``j`` goes the other way, so that
its own error is ``e'`` in place of ``e``,

    E' - E  =  (e'^2 - e^2) H_jj  +  2 (e' - e) sum_{k != j} H_jk d_k

The first term is what nearest rounding makes small, and is never below 0. The second is what it does not look at: the
error of this weight meets those of the others, and can take them back (Nagel et al. 2020, AdaRound, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qexplorer.measure.lessons.lesson import Lesson

__all__ = ["OtherWay", "RowError", "WeightCell", "cells_of", "other_way", "row_errors_of", "telling_cell"]


@dataclass(frozen=True, slots=True)
class WeightCell:
    """One weight.

    Attributes:
        row: its row in the lesson.
        column: its column in the lesson.
        value: the weight.
        steps: the weight in steps of its grid.
        nearest: the level that it is nearest to, in steps.
        learned: the level that AdaRound chose, in steps.
    """

    row: int
    column: int
    value: float
    steps: float
    nearest: int
    learned: int

    @property
    def up(self) -> bool:
        """Whether the learned level lies above the weight."""
        return self.learned > self.steps

    @property
    def moved(self) -> bool:
        """Whether it is another one than the nearest."""
        return self.learned != self.nearest


@dataclass(frozen=True, slots=True)
class RowError:
    """Root mean square error at one row's output, as a share of the output's size."""

    row: int
    channel: int
    nearest: float
    learned: float


@dataclass(frozen=True, slots=True)
class OtherWay:
    """What it costs to round one weight the other way than to nearest.

    Costs are changes of the row's squared error, as shares of what it is with all weights rounded to nearest; below 0
    the error becomes smaller.

    Attributes:
        cell: the weight.
        other: the level on its other side, in steps.
        alone: the first term: of this weight by itself.
        with_nearest: the second term, with all others rounded to nearest.
        with_learned: the second term, with all others as AdaRound left them.
    """

    cell: WeightCell
    other: int
    alone: float
    with_nearest: float
    with_learned: float

    @property
    def totals(self) -> tuple[float, float]:
        """Both terms together: others at nearest, and as learned."""
        return self.alone + self.with_nearest, self.alone + self.with_learned


def cells_of(lesson: Lesson, bits: int, rows: range, columns: range) -> tuple[WeightCell, ...]:
    """The weights of a window of the lesson, row by row."""
    grid = lesson.steps[bits]
    found = []
    for row in rows:
        steps = lesson.values[row].astype(np.float64) / grid.scale[row]
        nearest, learned = (codes[row] - grid.zero[row] for codes in (grid.nearest, grid.learned))
        found += [
            WeightCell(row, c, float(lesson.values[row, c]), float(steps[c]), int(nearest[c]), int(learned[c]))
            for c in columns
        ]
    return tuple(found)


def row_errors_of(lesson: Lesson, bits: int) -> tuple[RowError, ...]:
    """Errors of all rows, with both kinds of rounding."""
    grid = lesson.steps[bits]
    both = [grid.decoded(codes) for codes in (grid.nearest, grid.learned)]
    return tuple(
        RowError(row, int(channel), *(float(np.sqrt(lesson.error(row, each[row]))) for each in both))
        for row, channel in enumerate(lesson.channels)
    )


def other_way(lesson: Lesson, bits: int, row: int, column: int) -> OtherWay | None:
    """What the other way costs; None if the grid has no level on the weight's other side, or the row has no error."""
    grid = lesson.steps[bits]
    (cell,) = cells_of(lesson, bits, range(row, row + 1), range(column, column + 1))
    other = cell.nearest + (1 if cell.steps > cell.nearest else -1)
    low, high = (end - int(grid.zero[row, column]) for end in grid.ends)
    unit = lesson.error(row, grid.decoded(grid.nearest)[row]) * lesson.power(row)
    if not low <= other <= high or unit <= 0:
        return None
    scale = float(grid.scale[row, column])
    before, after = (level * scale - cell.value for level in (cell.nearest, other))
    h = lesson.hessian(row)[column]
    alone = (after**2 - before**2) * float(h[column])
    beside = []
    for codes in (grid.nearest, grid.learned):
        off = grid.decoded(codes)[row] - lesson.values[row]
        off[column] = 0.0
        beside.append(2 * (after - before) * float(h @ off))
    return OtherWay(cell, other, alone / unit, beside[0] / unit, beside[1] / unit)


def telling_cell(lesson: Lesson, bits: int, rows: range, columns: range) -> tuple[int, int]:
    """The weight of a window that says most: a moved one that gains most whether or not the others move; where there is
    none, one for which going back alone would cost most."""
    best, most = (rows[0], columns[0]), (0.0, 0.0)
    for cell in cells_of(lesson, bits, rows, columns):
        found = other_way(lesson, bits, cell.row, cell.column) if cell.moved else None
        if found is not None and found.other == cell.learned:
            gain = max(-max(found.totals), 0.0), -found.totals[1]
            if gain > most:
                best, most = (cell.row, cell.column), gain
    return best
