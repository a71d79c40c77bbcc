"""What pairs of groups add, as small tables: choices that no pair tells apart stand in one class.

A conversion between two layers depends on whether each computes on codes or floats, not on which of eight choices it
has, so that a table of eight by eight has but two classes a side. Classes are what the exact solver has variables for,
and what the hull eliminates over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.search.allocation.problem import AllocationProblem, PairTerm

__all__ = ["LOSS", "PairTable", "classes_of", "pair_tables"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
LOSS = ""
"""What the loss is called among resources."""


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """Everything that two groups add together.

    Attributes:
        first: position of one group.
        second: of the other, a later one.
        values: for the loss (:data:`LOSS`) and each resource, shape ``(choices of first, choices of second)``.
    """

    first: int
    second: int
    values: Mapping[str, Float64]

    def seen_from(self, group: int, of: str) -> Float64:
        """The table with the choices of ``group`` as its rows."""
        return self.values[of] if group == self.first else self.values[of].T


def pair_tables(problem: AllocationProblem, resources: Sequence[str]) -> tuple[PairTable, ...]:
    """Tables of all pairs of groups that add anything to the loss or to one of ``resources``."""
    found: dict[tuple[int, int], dict[str, Float64]] = {}
    told: dict[str, Sequence[PairTerm]] = {LOSS: problem.pair_loss}
    told |= {name: problem.pair_costs.get(name, ()) for name in resources}
    for name, terms in told.items():
        for term in terms:
            first, second = sorted((term.first, term.second))
            shape = (len(problem.loss[first]), len(problem.loss[second]))
            tables = found.setdefault((first, second), {each: np.zeros(shape) for each in told})
            tables[name] += term.values if term.first == first else term.values.T
    return tuple(
        PairTable(first, second, tables)
        for (first, second), tables in found.items()
        if any(table.any() for table in tables.values())
    )


def classes_of(problem: AllocationProblem, tables: Sequence[PairTable]) -> list[Int64]:
    """For each group the class of each choice, from 0 on: choices of one class add the same in every pair."""
    rows: list[list[Float64]] = [[] for _ in problem.loss]
    for table in tables:
        for group in (table.first, table.second):
            rows[group] += [table.seen_from(group, name) for name in table.values]
    found = []
    for group, parts in enumerate(rows):
        if not parts:
            found.append(np.zeros(len(problem.loss[group]), np.int64))
            continue
        _, classes = np.unique(np.concatenate(parts, 1), axis=0, return_inverse=True)
        found.append(np.asarray(classes, np.int64).reshape(-1))
    return found
