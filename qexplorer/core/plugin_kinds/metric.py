"""What a metric is: how near to right a variant's answers are, sample by sample, and how two variants are compared.

How to add a metric: one file in ``qexplorer/measure/metrics/`` with a class that follows :class:`Metric`, and
``ENTRIES = (MyMetric(),)`` at its end. Its ``tasks`` name the tasks that it is measured for, so no task has to be
touched; a task that names it too can make it the primary one. Most metrics are of a kind that brings interval and
paired comparison along: ``kinds.proportion.Proportion`` of right samples (``top5.py``), ``kinds.smooth.Mean``,
``Ratio``, or another ``Smooth`` function of means (``rmse.py``), ``kinds.stratified``. What is left to write is the
score of a sample, and of the facts in ``kinds.facts`` those that differ; ``measure/metrics/rows`` brings answers and
labels to rows. A page in ``docs/metrics/`` goes with it, and its name in the case of its task in
``tests/contract/task_cases.py``, behind those of the task itself.

Everything that shows a metric (words, charts, tables, CSV, JSON) reads its facts from the result, so nothing else
has to know its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.errors import QExplorerError
from qexplorer.core.registry import Named
from qexplorer.core.results import Interval

__all__ = ["FLOATS_OWN", "Answers", "Direction", "Metric", "NoScore", "Paired", "Scores"]

Scores = NDArray[np.float64]
"""What leaves the child that judges a variant: shape ``(n, k)``, one row a sample, ``k`` small."""

FLOATS_OWN = "every output is float's own, bit for bit"
"""Why a ratio to the error has no value where there is no error: the best that a variant can be."""


class Direction(StrEnum):
    """Which way is better; the other one is what a verdict calls a loss."""

    HIGHER = "higher"
    LOWER = "lower"


class NoScore(QExplorerError):
    """These answers cannot be scored by this metric; the sentence stands where its value would."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one variant answered to all samples.

    Attributes:
        outputs: the model's outputs in their order, first axis the samples.
        n: samples.
        labels: as the task keeps them, first axis the samples; None where it takes none.
        floats: what the float model answered on the same backend; given only to metrics that need it.
        threshold: where a single score turns from class 0 to class 1; None where an answer is no class.
    """

    outputs: Sequence[Array]
    n: int
    labels: Array | None = None
    floats: Sequence[Array] | None = None
    threshold: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Paired:
    """One variant against another on the same samples.

    Attributes:
        delta: value of the one less value of the other, in the metric's own unit.
        ci95: its paired interval, or None.
        p: two-sided, where the kind has an exact test.
        fixed: samples that only the one has right; None where a sample is not right or wrong.
        broken: samples that only the other has right.
    """

    delta: float
    ci95: Interval | None = None
    p: float | None = None
    fixed: int | None = None
    broken: int | None = None


class Metric(Named, Protocol):
    """One metric; see the module for how to add one. Results and the CSV column call it by its ``name``: ``rmse``."""

    @property
    def title(self) -> str:
        """What people call it inside a sentence, such as ``RMSE``."""
        ...

    @property
    def unit(self) -> str:
        """``%`` for a share (kept as a fraction of 1, shown times 100, differences in points); else as it is, or ''."""
        ...

    @property
    def direction(self) -> Direction:
        """Which way is better."""
        ...

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The lowest and highest value there can be; None where there is no end."""
        ...

    @property
    def form(self) -> str:
        """How a value is written in its unit: a format that Python and d3 share, such as ``.1f`` or ``.4g``."""
        ...

    @property
    def clause(self) -> str:
        """How a verdict says the value alone: a text with ``{title}``, ``{value}``, ``{n}``, ``{interval}``."""
        ...

    @property
    def enough(self) -> float | None:
        """For a metric that compares with float itself: a variant that is surely beyond this is taken for worse."""
        ...

    @property
    def needs_float(self) -> bool:
        """Whether a score compares with the float model's outputs; such a metric needs no paired comparison."""
        ...

    @property
    def ideal(self) -> float | None:
        """For ``needs_float``: the float model's own value by definition; None if it is not finite."""
        ...

    @property
    def undefined(self) -> str:
        """Why there is no value where :meth:`value` is not finite."""
        ...

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that it is measured for, besides those that name it themselves."""
        ...

    def scores(self, answers: Answers) -> Scores:
        """Scores of shape ``(n, k)``, float64. Raises NoScore where these answers have none."""
        ...

    def value(self, scores: Scores) -> float:
        """The metric over the samples of ``scores``; NaN or infinite where it is not defined."""
        ...

    def interval(self, scores: Scores) -> Interval | None:
        """Its 95 % interval, or None where so few samples have none."""
        ...

    def compare(self, scores: Scores, base: Scores) -> Paired:
        """``scores`` against ``base``, row by row the same samples."""
        ...
