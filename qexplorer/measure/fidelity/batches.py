"""Batches of samples: the first ones, those that are looked at piece by piece, and samples that come alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.run.batching import run_in_batches
from qexplorer.run.protocol import Answerer

if TYPE_CHECKING:
    from qexplorer.measure.fidelity.comparing import Question

__all__ = ["LookedAt", "OneByOne", "batches_to_look_at", "first_rows"]

_LOOKED_AT = 8
"""Samples, at least, that every piece is judged on at each batch size that is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class LookedAt:
    """A batch that is looked at, the samples of it that are judged first (none of them stands for all), and where among
    all samples it begins."""

    feeds: Mapping[str, Array]
    rows: tuple[int, ...] = ()
    start: int = 0


def batches_to_look_at(found: Sequence[Difference], question: Question) -> list[LookedAt]:
    """For each of these batch sizes, 8 samples or more: the batches with the worst of them, then others.

    Of a batch of more than that, the first and the last sample, the worst ones and others are judged first.
    """
    chosen: list[LookedAt] = []
    for item in found:
        batch = 1 if question.by_sample else item.batch
        calls = -(-_LOOKED_AT // batch)
        starts = [row // batch * batch for row in item.rows]
        starts += [int(start) for start in np.linspace(0, max(question.n - batch, 0), calls)]
        for start in list(dict.fromkeys(starts))[:calls]:
            rows = _some_rows([row - start for row in item.rows if start <= row < start + batch], batch)
            chosen.append(LookedAt(first_rows(question.inputs, batch, start=start), rows, start))
    return chosen


def _some_rows(worst: Sequence[int], batch: int) -> tuple[int, ...]:
    """8 samples of a batch, in order; empty where it holds no more."""
    if batch <= _LOOKED_AT:
        return ()
    spread = [int(row) for row in np.linspace(0, batch - 1, _LOOKED_AT)]
    return tuple(sorted(list(dict.fromkeys([0, batch - 1, *worst, *spread]))[:_LOOKED_AT]))


def first_rows(inputs: Mapping[str, Array], batch: int, *, start: int = 0) -> dict[str, Array]:
    """``batch`` samples from ``start`` on in memory of their own; samples are repeated where there are fewer."""
    rows = np.arange(start, start + batch)
    return {name: np.ascontiguousarray(array[rows % array.shape[0]]) for name, array in inputs.items()}


class OneByOne:
    """Answers every sample of a batch as if it came alone: what a backend does that finds ranges sample by sample."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        return self._answerer.output_names

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch. Raises BackendError."""
        return run_in_batches(self._answerer, feeds, batch=1, fixed_batch=None)
