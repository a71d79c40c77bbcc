"""Recipes quantized and measured on samples that are kept apart, against the float network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Accuracy
from qexplorer.measure.metrics.results import Scored, result_of
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.batching import feeds_of, run_in_batches
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import reference
from qexplorer.search.costs.planned import PlannedNetwork
from qexplorer.search.mixing.elsewhere import BATCH, LaidMix, laid_elsewhere
from qexplorer.search.sensitivity.distances import LaidBeside, Yardstick
from qexplorer.search.sensitivity.float_answers import FloatAnswers
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = ["JudgedMix", "Verifier", "answers_on"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedMix:
    """One recipe as it was measured.

    Attributes:
        costs: bytes and bit operations of its plan.
        losses: of each sample.
        found: loss and metric.
        paired: the metric beside float's on the same samples; None where the task has none.
    """

    costs: dict[str, float]
    losses: Float64
    found: Evaluated
    paired: Accuracy | None


@dataclass(slots=True, eq=False)
class Verifier:
    """Measures recipes of one model on one set of samples.

    Attributes:
        model: the float model.
        data: what recipes are calibrated on.
        statistics: of it.
        apart: the samples that mixes are judged on.
        yard: what answers are judged by.
    """

    model: Model
    data: DataSet
    statistics: Statistics | None
    apart: Split
    yard: Yardstick
    _floats: list[Array] = field(default_factory=list)
    _beside: FloatAnswers | None = None
    _plain: LaidBeside | None = None
    _made: dict[str, QuantizedModel] = field(default_factory=dict)  # these three by digest of the recipe
    _known: dict[str, JudgedMix] = field(default_factory=dict)
    _laid: dict[str, LaidMix] = field(default_factory=dict)  # what others have run

    def prepare(self, recipes: Sequence[Recipe], tell: Callable[[str, float], None]) -> None:
        """Has recipes run beside each other, by a cluster or by children here, where that is worth it.

        What fails there is done, and told, when it is asked for.

        Args:
            recipes: those that will be asked for.
            tell: told a sentence and the share that is done.

        Raises:
            InputError: a cluster was chosen that cannot be reached, or not be used.
        """
        new = [recipe for recipe in recipes if recipe.digest not in self._known.keys() | self._laid.keys()]
        self._laid |= laid_elsewhere(self.model, self.data, self.apart, new, self.yard.temperature, tell)

    def learn(self, recipe: Recipe, mix: LaidMix) -> None:
        """Takes what somebody else found of a recipe on these samples."""
        self._laid[recipe.digest] = mix

    def losses(self, recipe: Recipe) -> Float64:
        """What a recipe loses on each sample; the file need not be made here if somebody has run it.

        Raises:
            RecipeError: the recipe cannot be applied.
            BackendError: the file cannot be run.
        """
        return self.judged(recipe).losses

    def evaluated(self, recipe: Recipe) -> Evaluated:
        """All that was measured of a recipe but the file, which need not be made here; raises as :meth:`losses`."""
        return self.judged(recipe).found

    def laid(self, recipe: Recipe) -> LaidMix:
        """Its answers beside those of the float network, sample by sample; run here and now."""
        made = self.made(recipe)
        return LaidMix(self._judged(self._answers(made.path)), PlannedNetwork.made(made).costs())

    def made(self, recipe: Recipe) -> QuantizedModel:
        """The quantized model, not measured.

        Raises:
            RecipeError: the recipe cannot be applied.
        """
        if recipe.digest not in self._made:
            needs = recipe.needs_samples or recipe.casts
            made = quantize_model(self.model, recipe, self.statistics, self.data if needs else None)
            self._made[recipe.digest] = made
        return self._made[recipe.digest]

    def judged(self, recipe: Recipe) -> JudgedMix:
        """All that was measured of a recipe; each is run once, here or by others.

        Raises:
            RecipeError: the recipe cannot be applied.
            BackendError: the file cannot be run, or its answers are no numbers.
        """
        if recipe.digest not in self._known:
            mix = self._laid.get(recipe.digest) or self.laid(recipe)
            found, losses = mix.laid.evaluated(self.yard, self.plain, recipe.name), mix.laid.losses(self.yard)
            self._known[recipe.digest] = JudgedMix(mix.costs, losses, found, self._paired(mix.laid))
        return self._known[recipe.digest]

    @property
    def plain(self) -> LaidBeside:
        """The float network on these samples."""
        if self._plain is None:
            self._plain = self._judged(self.floats)
        return self._plain

    def _paired(self, judged: LaidBeside) -> Accuracy | None:
        metric = self.yard.metric
        if metric is None or judged.value(self.yard) is None:
            return None
        own, base = (Scored({metric.name: np.concatenate(each.scores)}) for each in (judged, self.plain))
        return result_of(metric, own, base, judged.n, is_float=False)

    @property
    def floats(self) -> Sequence[Array]:
        """The answers of the float network."""
        if not self._floats:
            self._floats = self._answers(self.model.path)
        return self._floats

    def _judged(self, answers: Sequence[Array]) -> LaidBeside:
        if self._beside is None:
            self._beside = self.yard.beside(self.floats)
        judged = LaidBeside()
        judged.add(self.yard, answers, self._beside, self.apart.labels)
        return judged

    def _answers(self, path: Path) -> list[Array]:
        return answers_on(self.model, path, self.apart)


def answers_on(model: Model, path: Path, split: Split) -> list[Array]:
    """What a file with the inputs of a model answers on samples, simulated."""
    session = reference().load(path, SessionOptions(Mode.SIMULATED))
    return run_in_batches(session, feeds_of(split, model), batch=BATCH, fixed_batch=model.fixed_batch)
