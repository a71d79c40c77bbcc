"""The best allocation at a price, pairs included, for many prices at once.

Groups are eliminated one after the other, the one with the fewest neighbours first: what remains of it is a table over
its neighbours, and the best choices are read back in the opposite order (Bertele and Brioschi 1972, Nonserial Dynamic
Programming; bucket elimination, Dechter 1999). In a chain of layers tables stay as small as one pair's; where branches
meet they grow, and pairs that would make one too large, the weakest first, are left out of the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.search.allocation.pairs import LOSS, PairTable, classes_of, pair_tables
from qexplorer.search.allocation.problem import AllocationProblem

__all__ = ["Priced"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
_MOST_CELLS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """The elimination of one group.

    Attributes:
        group: which.
        rest: its neighbours, in order.
        parts: factors that are added up: which, the order of their axes, and their shape behind the price, with the
            group's axis first.
    """

    group: int
    rest: tuple[int, ...]
    parts: tuple[tuple[int, tuple[int, ...], tuple[int, ...]], ...]


class Priced:
    """A problem with one resource, asked for the allocation of the least ``a * loss + b * cost``.

    Args:
        problem: what is to be chosen.
        resource: what has a price.
    """

    def __init__(self, problem: AllocationProblem, resource: str) -> None:
        self._loss, self._cost = problem.loss, problem.costs[resource]
        self._resource = resource
        tables = pair_tables(problem, [resource])
        self._order, self._tables = _order(len(problem.loss), tables, classes_of(problem, tables))
        self._left_out = [table for table in tables if table not in self._tables]
        self._classes = classes_of(problem, self._tables)
        self._members = [[np.flatnonzero(each == k) for k in range(int(each.max()) + 1)] for each in self._classes]
        self._small = [self._by_class(table) for table in self._tables]
        self._steps = self._planned()

    def _by_class(self, table: PairTable) -> tuple[Float64, Float64]:
        rows = [members[0] for members in self._members[table.first]]
        columns = [members[0] for members in self._members[table.second]]
        at = np.ix_(rows, columns)
        return table.values[LOSS][at], table.values[self._resource][at]

    def _planned(self) -> list[_Step]:
        """What is added up when; factors are numbered: groups alone, pairs, then what is left of each step."""
        waiting: dict[int, tuple[int, ...]] = {group: (group,) for group in range(len(self._members))}
        waiting |= {len(waiting) + i: (table.first, table.second) for i, table in enumerate(self._tables)}
        number, steps = len(waiting), []
        for group in self._order:
            mine = {key: groups for key, groups in waiting.items() if group in groups}
            rest = tuple(sorted({each for groups in mine.values() for each in groups} - {group}))
            axes = (group, *rest)
            parts = []
            for key, groups in mine.items():
                order = sorted(range(len(groups)), key=lambda i, g=groups: axes.index(g[i]))  # type: ignore[misc]
                shape = tuple(len(self._members[each]) if each in groups else 1 for each in axes)
                parts.append((key, (0, *(i + 1 for i in order)), shape))
                del waiting[key]
            waiting[number] = rest
            number += 1
            steps.append(_Step(group, rest, tuple(parts)))
        return steps

    def best(self, weights: Sequence[tuple[float, float]]) -> Int64:
        """The best choices.

        Args:
            weights: of the loss and of the cost, a pair for each question.

        Returns:
            Shape ``(questions, groups)``.
        """
        of_loss, of_cost = (np.array([pair[i] for pair in weights])[:, None] for i in (0, 1))
        n = len(weights)
        factors: list[Float64] = []
        inside: list[Int64] = []
        for group, members in enumerate(self._members):
            alone = of_loss * self._loss[group] + of_cost * self._cost[group]
            best = np.stack([each[alone[:, each].argmin(1)] for each in members], 1)
            inside.append(best)
            factors.append(np.take_along_axis(alone, best, 1))
        factors += [of_loss[:, :, None] * loss + of_cost[:, :, None] * cost for loss, cost in self._small]
        taken: list[Int64] = []
        for step in self._steps:
            (key, order, shape), *others = step.parts
            whole = factors[key].transpose(order).reshape(n, *shape)
            for key, order, shape in others:
                whole = whole + factors[key].transpose(order).reshape(n, *shape)
            taken.append(whole.argmin(1))
            factors.append(whole.min(1))
        classes = np.zeros((n, len(inside)), np.int64)
        rows = np.arange(n)
        for step, chosen in zip(reversed(self._steps), reversed(taken), strict=True):
            classes[:, step.group] = chosen[(rows, *(classes[:, each] for each in step.rest))]
        return np.stack([best[rows, classes[:, group]] for group, best in enumerate(inside)], 1)

    def bound(self, price: float) -> float:
        """What ``loss + price * cost`` is at least, whatever is chosen."""
        ((*chosen,),) = self.best([(1.0, price)]).tolist()
        single = sum(
            float(loss[c] + price * cost[c]) for loss, cost, c in zip(self._loss, self._cost, chosen, strict=True)
        )
        pairs = sum(float(self._priced(t, price)[chosen[t.first], chosen[t.second]]) for t in self._tables)
        return single + pairs + sum(float(self._priced(t, price).min()) for t in self._left_out)

    def _priced(self, table: PairTable, price: float) -> Float64:
        return table.values[LOSS] + price * table.values[self._resource]


def _order(
    groups: int, tables: Sequence[PairTable], classes: Sequence[Int64]
) -> tuple[list[int], tuple[PairTable, ...]]:
    """The order of elimination, and the pairs that are kept."""
    kept = list(tables)
    sizes = [int(each.max()) + 1 for each in classes]
    while True:
        order, largest, at = _least_first(groups, kept, sizes)
        if largest <= _MOST_CELLS:
            return order, tuple(kept)
        kept.remove(min([t for t in kept if at in (t.first, t.second)] or kept, key=_strength))


def _strength(table: PairTable) -> float:
    return max(float(np.ptp(values)) for values in table.values.values())


def _least_first(groups: int, tables: Sequence[PairTable], sizes: Sequence[int]) -> tuple[list[int], int, int]:
    """Groups by how small a table they leave, the size of the largest one, and the group that makes it."""
    beside: dict[int, set[int]] = {group: set() for group in range(groups)}
    for table in tables:
        beside[table.first].add(table.second)
        beside[table.second].add(table.first)
    order, largest, at = [], 1, 0

    def cells(group: int) -> int:
        product = sizes[group]
        for each in beside[group]:
            product *= sizes[each]
        return product

    while beside:
        group = min(beside, key=cells)
        if (size := cells(group)) > largest:
            largest, at = size, group
        around = beside.pop(group)
        for each in around:
            beside[each] |= around - {each}
            beside[each].discard(group)
        order.append(group)
    return order, largest, at
