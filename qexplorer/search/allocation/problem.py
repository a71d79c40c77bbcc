"""An allocation problem: groups of layers, choices for each, what each choice loses and costs, and budgets.

A group is what shares one choice (layers with a common scale or weight). Losses and costs add over groups; where two
choices together lose or cost more (or less) than alone, a pair term says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import InputError

__all__ = ["Allocation", "AllocationProblem", "PairTerm", "totals"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PairTerm:
    """What the choices of two groups add together, beyond what each adds alone.

    Attributes:
        first: position of one group.
        second: position of the other, another one.
        values: float64 of shape ``(choices of first, choices of second)``.
    """

    first: int
    second: int
    values: Float64

    @classmethod
    def at(cls, sizes: Sequence[int], first: int, choice: int, second: int, other: int, value: float) -> PairTerm:
        """Of one choice of each alone."""
        values = np.zeros((sizes[first], sizes[second]))
        values[choice, other] = value
        return cls(first, second, values)


@dataclass(frozen=True, slots=True, eq=False)
class AllocationProblem:
    """What is to be chosen.

    Attributes:
        loss: float64 for each group, the predicted loss of each choice.
        costs: for each resource (such as ``weight_bytes``), float64 for each group, the cost of each choice.
        pair_loss: losses of pairs of choices.
        pair_costs: costs of pairs of choices, by resource, as of a conversion between two layers in a chain.
    """

    loss: Sequence[Float64]
    costs: Mapping[str, Sequence[Float64]]
    pair_loss: Sequence[PairTerm] = ()
    pair_costs: Mapping[str, Sequence[PairTerm]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises InputError where shapes disagree, a number is not finite, or a pair names what there is not."""
        sizes = [len(row) for row in self.loss]
        if not sizes or min(sizes) < 1:
            raise InputError("an allocation needs at least one group, and a choice for each")
        for name, table in {"loss": self.loss, **self.costs}.items():
            if [len(row) for row in table] != sizes:
                raise InputError(f"{name} has other choices than the groups", where=name)
            if not all(np.isfinite(row).all() for row in table):
                raise InputError(f"{name} has a value that is not finite", where=name)
        for name in self.pair_costs:
            if name not in self.costs:
                raise InputError(f"pairs cost '{name}', which no choice does", allowed=", ".join(self.costs))
        for term in (*self.pair_loss, *(t for terms in self.pair_costs.values() for t in terms)):
            known = 0 <= term.first < len(sizes) and 0 <= term.second < len(sizes) and term.first != term.second
            if not known or term.values.shape != (sizes[term.first], sizes[term.second]):
                raise InputError("a pair names a choice that there is not", where=f"{term.first}, {term.second}")
            if not np.isfinite(term.values).all():
                raise InputError("a pair adds what is not finite", where=f"{term.first}, {term.second}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Choices of each group."""
        return tuple(len(row) for row in self.loss)

    def loss_of(self, chosen: Sequence[int]) -> float:
        """The predicted loss of a choice for each group, pairs included."""
        return _total(self.loss, self.pair_loss, chosen)

    def cost_of(self, chosen: Sequence[int], resource: str) -> float:
        """What a choice for each group costs of a resource, pairs included."""
        return _total(self.costs[resource], self.pair_costs.get(resource, ()), chosen)

    def fits(self, chosen: Sequence[int], budgets: Mapping[str, float]) -> bool:
        """Whether a choice for each group is within all budgets, but for float64's rounding."""
        return all(self.cost_of(chosen, name) <= limit + 1e-9 * max(abs(limit), 1.0) for name, limit in budgets.items())


def _total(table: Sequence[Float64], pairs: Sequence[PairTerm], chosen: Sequence[int]) -> float:
    single = math.fsum(float(row[c]) for row, c in zip(table, chosen, strict=True))
    return single + math.fsum(float(t.values[chosen[t.first], chosen[t.second]]) for t in pairs)


@dataclass(frozen=True, slots=True)
class Allocation:
    """A choice for each group.

    Attributes:
        chosen: position of the choice, for each group.
        loss: its predicted loss.
        costs: what it costs, by resource.
    """

    chosen: tuple[int, ...]
    loss: float
    costs: Mapping[str, float]

    @classmethod
    def of(cls, problem: AllocationProblem, chosen: Sequence[int]) -> Allocation:
        """With its loss and costs worked out."""
        costs = {name: problem.cost_of(chosen, name) for name in problem.costs}
        return cls(tuple(int(c) for c in chosen), problem.loss_of(chosen), costs)


def totals(problem: AllocationProblem, found: Sequence[tuple[int, ...]]) -> list[Allocation]:
    """Allocations with their losses and costs, all worked out at once."""
    table = np.array(found, np.int64).reshape(len(found), len(problem.loss))

    def summed(rows: Sequence[Float64], terms: Sequence[PairTerm]) -> Float64:
        total = np.zeros(len(table))
        for group, row in enumerate(rows):
            total += row[table[:, group]]
        for term in terms:
            total += term.values[table[:, term.first], table[:, term.second]]
        return total

    loss = summed(problem.loss, problem.pair_loss)
    costs = {name: summed(rows, problem.pair_costs.get(name, ())) for name, rows in problem.costs.items()}
    return [
        Allocation(chosen, float(loss[i]), {name: float(total[i]) for name, total in costs.items()})
        for i, chosen in enumerate(found)
    ]
