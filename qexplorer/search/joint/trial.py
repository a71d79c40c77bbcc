"""One trial: a recipe made, quantized and run on some of the samples kept apart. A function of its order alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.wire import Wire
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.batching import feeds_of, run_in_batches
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import reference
from qexplorer.search.costs.planned import PlannedNetwork
from qexplorer.search.sensitivity.distances import LaidBeside, Yardstick, check_losses

__all__ = ["TrialBench", "TrialOrder", "TrialResult"]

_BATCH = 32


@dataclass(frozen=True, slots=True)
class TrialOrder(Wire):
    """What to do.

    Attributes:
        recipe: as YAML.
        first: of the samples kept apart, the first to run.
        last: the one behind the last.
    """

    recipe: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TrialResult(Wire):
    """What came of it, a row for each sample.

    Attributes:
        costs: by name.
        losses: how far each answer is from float's.
        scores: of the metric, a row for each sample; empty where it has none.
    """

    costs: dict[str, float]
    losses: tuple[float, ...]
    scores: tuple[tuple[float, ...], ...]

    def __add__(self, other: TrialResult) -> TrialResult:
        """Both parts of the samples."""
        return TrialResult(self.costs, self.losses + other.losses, self.scores + other.scores)

    def metric(self, yard: Yardstick) -> float | None:
        """Value of the task's metric; None where it has none."""
        if yard.metric is None or not self.scores:
            return None
        return float(yard.metric.value(np.asarray(self.scores, np.float64)))


@dataclass(slots=True, eq=False)
class TrialBench:
    """Where trials of one model on one set of samples are done.

    Attributes:
        model: the float model.
        seen: what recipes are calibrated on.
        statistics: of it; None where no recipe needs any.
        apart: the samples that recipes are judged on, in the order in which orders count them.
        yard: what answers are judged by.
    """

    model: Model
    seen: DataSet
    statistics: Statistics | None
    apart: Split
    yard: Yardstick
    _floats: list[Array] = field(default_factory=list)
    _last: tuple[str, QuantizedModel] | None = None

    def do(self, order: TrialOrder) -> TrialResult:
        """The trial.

        Raises:
            RecipeError: the recipe cannot be applied.
            BackendError: the file cannot be run, or its answers are no numbers.
        """
        made = self._quantized(order.recipe)
        rows = np.arange(order.first, order.last)
        answers = self._answers(made.path, self.apart.take(rows))
        found = self._judged(answers, PlannedNetwork.made(made).costs(), rows)
        check_losses(np.asarray(found.losses, np.float64), made.recipe.name)
        return found

    def _quantized(self, text: str) -> QuantizedModel:
        """The last one is at hand: a trial runs on a part of the samples first."""
        if self._last is None or self._last[0] != text:
            recipe = Recipe.parse(text)
            made = quantize_model(self.model, recipe, self.statistics, self.seen if recipe.needs_samples else None)
            self._last = text, made
        return self._last[1]

    def plain(self, first: int, last: int) -> TrialResult:
        """The float network on the same samples, without costs."""
        rows = np.arange(first, last)
        return self._judged([each[rows] for each in self.floats], {}, rows)

    @property
    def float_metric(self) -> float | None:
        """Value of the task's metric of the float network on all samples kept apart; None where it has none."""
        return None if self.yard.metric is None else self.plain(0, self.apart.n).metric(self.yard)

    @property
    def floats(self) -> list[Array]:
        """Answers of the float network on all samples kept apart."""
        if not self._floats:
            self._floats = self._answers(self.model.path, self.apart)
        return self._floats

    def _judged(self, answers: Sequence[Array], costs: dict[str, float], rows: Array) -> TrialResult:
        laid, labels = LaidBeside(), self.apart.labels
        plain = [each[rows] for each in self.floats]
        laid.add(self.yard, answers, plain, None if labels is None else labels[rows])
        scores = np.concatenate(laid.scores) if laid.scores and all(each.size for each in laid.scores) else ()
        return TrialResult(
            costs,
            tuple(float(loss) for loss in self._losses(laid)),
            tuple(tuple(float(value) for value in np.atleast_1d(row)) for row in scores),
        )

    def _losses(self, laid: LaidBeside) -> Array:
        """Relative ones in units of what all samples have, so that parts can be put together."""
        if self.yard.axis is not None:
            return laid.losses(self.yard)
        whole = [np.square(np.asarray(self.floats[at], np.float64)).mean() for at in self.yard.floats]
        return np.asarray((np.concatenate(laid.error) / np.maximum(whole, 1e-30)).mean(1))

    def _answers(self, path: object, samples: Split) -> list[Array]:
        session = reference().load(path, SessionOptions(Mode.SIMULATED))  # type: ignore[arg-type]
        feeds = feeds_of(samples, self.model)
        return run_in_batches(session, feeds, batch=_BATCH, fixed_batch=self.model.fixed_batch)
