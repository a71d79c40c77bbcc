"""What each algorithm of a recipe changed: the recipe beside the same recipe without it, layer by layer.

``Before`` is always the same recipe without that one algorithm, with all others: what an algorithm adds to the others
is what it is worth in this recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import RecipeError
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm_choice import AskedAlgorithm
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import own_name
from qexplorer.graph.allowance import allowance
from qexplorer.load.datasets.handed import hand_over, taken
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.measure.effects.effect_types import AlgorithmEffect, EffectReport, LayerEffect, LayerState
from qexplorer.measure.effects.layer_outputs import Errors, Powers, output_errors
from qexplorer.measure.effects.weight_states import CodedWeight, Values, coded_weights, moved_codes
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.process.child import Emit, allow
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import beside
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan_types import QuantizedModel, Worked
from qexplorer.quantize.quantize import CALIBRATION_SAMPLES, quantize_model

if TYPE_CHECKING:
    from qexplorer.observe.stats import Statistics

__all__ = ["COMPARED", "effects_in_child", "effects_of", "kept_effects", "without"]

COMPARED = 128
"""Calibration samples on which what layers make is compared, at most."""

_VERSION = 1  # of what is kept; another number makes it unread
_BARS = 120

Progress = Callable[[str, float], None]


def without(recipe: Recipe, algorithm: str) -> Recipe:
    """``recipe`` without one algorithm, called by what it then asks for."""
    rest = tuple(each for each in recipe.algorithms if each.name != algorithm)
    left = recipe.model_copy(update={"algorithms": rest})
    return left.model_copy(update={"name": own_name(left)})


def kept_effects(digest: str, data_digest: str) -> EffectReport | None:
    """What :func:`effects_of` found before for this quantized file and data."""
    value = read_kept(_path(digest, data_digest))
    return None if value is None else EffectReport.from_json(value)


def _path(digest: str, data_digest: str) -> Path:
    return kept_path("effects", [_VERSION, digest, data_digest, COMPARED])


def effects_of(
    model: Model,
    recipe: Recipe,
    data: DataSet,
    *,
    samples: int = CALIBRATION_SAMPLES,
    progress: Progress | None = None,
) -> EffectReport:
    """What each algorithm of ``recipe`` did; kept, and found again by :func:`kept_effects`.

    Args:
        model: the float model.
        recipe: with at least one algorithm.
        data: fitted to the model; its calibration part alone is read.
        samples: calibration samples that ranges and algorithms see, at most.
        progress: told a sentence and the share that is done; may raise Cancelled.

    Raises:
        RecipeError: it has no algorithm, or cannot be applied.
        BackendError: ONNX Runtime cannot run one of the graphs.
    """
    if not recipe.algorithms:
        raise RecipeError(f"the recipe '{recipe.name}' has no algorithm", do="add one, such as adaround")
    tell: Progress = progress or (lambda _text, _done: None)
    if not goes_apart(model):
        return _Finding(model, data, samples, tell).report(recipe)
    with passing_folder("handed") as folder:
        arguments = {
            "model": model.to_json(),
            "recipe": recipe.to_yaml(),
            "data": hand_over(data, Path(folder)),
            "samples": samples,
        }
        found = run_in_child(
            "qexplorer.measure.effects.effects:effects_in_child",
            arguments,
            limits=allowance(model, batch=32),
            on_event=lambda event: tell(event["step"], event["done"]) if "step" in event else None,
        )
    return EffectReport.from_json(found)


def effects_in_child(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The child's side of :func:`effects_of` for a stranger's model."""
    work = _Finding(
        Model.from_json(arguments["model"]),
        taken(arguments["data"]),
        arguments["samples"],
        lambda step, done: emit({"event": "progress", "step": step, "done": done}),
    )
    return work.report(Recipe.parse(arguments["recipe"])).to_json()


@dataclass(slots=True)
class _Finding:
    """The model and data of one report."""

    model: Model
    data: DataSet
    samples: int
    tell: Progress

    def report(self, recipe: Recipe) -> EffectReport:
        """Quantizes by the recipe and by each without one algorithm, compares, and keeps what is found."""
        allow(allowance(self.model, batch=32))
        statistics = self._observed(recipe)
        recipes = [recipe, *(without(recipe, each.name) for each in recipe.algorithms)]
        made = [self._made(each, statistics, i, len(recipes)) for i, each in enumerate(recipes)]
        weights = [
            coded_weights(one, each, recipe.algorithms[0].algorithm) for one, each in zip(made, recipes, strict=True)
        ]
        split = calibration_sample(self.data, min(self.samples, COMPARED)).split
        tensors = [weight.output for found in weights for weight in found.values()]
        with beside():
            errors = output_errors(made, tensors, split, lambda s: self.tell("comparing what layers make", 0.8 + s / 5))
        worked = {each.algorithm: each for each in made[0].plan.worked}
        effects = tuple(
            _effect(asked, worked.get(asked.name), (recipes[i], weights[i], errors[i]), (weights[0], errors[0]))
            for i, asked in enumerate(recipe.algorithms, 1)
        )
        found = EffectReport(made[0].digest, self.model.name, recipe.name, self.data.name, split.n, effects)
        write_kept(_path(made[0].digest, self.data.digest), found.to_json())
        return found

    def _observed(self, recipe: Recipe) -> Statistics | None:
        if not recipe.needs_statistics:
            return None
        from qexplorer.observe.collecting.store import statistics_for

        def told(done: int, total: int) -> None:
            self.tell(f"observing sample {done} of {total}", 0.2 * done / max(total, 1))

        return statistics_for(self.model, self.data, samples=self.samples, progress=told)

    def _made(self, recipe: Recipe, statistics: Statistics | None, number: int, total: int) -> QuantizedModel:
        def told(step: str, share: float) -> None:
            self.tell(f"{recipe.name}: {step}", 0.2 + 0.6 * (number + share) / total)

        told("quantizing", 0.0)
        given = self.data if recipe.needs_samples or recipe.casts else None
        seen = statistics if recipe.needs_statistics else None
        return quantize_model(self.model, recipe, seen, given, samples=self.samples, progress=told)


def _effect(
    asked: AskedAlgorithm,
    worked: Worked | None,
    before: tuple[Recipe, dict[str, CodedWeight], Errors],
    after: tuple[dict[str, CodedWeight], Errors],
) -> AlgorithmEffect:
    recipe, old, old_errors = before
    new, new_errors = after
    return AlgorithmEffect(
        algorithm=asked.name,
        title=asked.algorithm.title,
        without=recipe.name,
        seconds=None if worked is None else worked.seconds,
        output_before_db=old_errors.outputs.sqnr_db,
        output_after_db=new_errors.outputs.sqnr_db,
        layers=tuple(_layer((old[name], old_errors), (new[name], new_errors), worked) for name in new if name in old),
    )


def _layer(before: tuple[CodedWeight, Errors], after: tuple[CodedWeight, Errors], worked: Worked | None) -> LayerEffect:
    moved = moved_codes(before[0], after[0])
    one = after[0]
    return LayerEffect(
        layer=one.layer,
        op=one.op,
        before=_state(*before),
        after=_state(*after),
        moved=None if moved is None else moved[0],
        up=None if moved is None else moved[1],
        seconds=None if worked is None else worked.layers.get(one.layer),
        remark="" if worked is None else "; ".join(worked.remarks.get(one.layer, ())),
    )


def _state(weight: CodedWeight, errors: Errors) -> LayerState:
    import numpy as np

    signal, error = weight.powers()
    power, output = Powers(signal, error, 1), errors.inside.get(weight.output, Powers())
    floats, coded = weight.steps()
    low, high = (float(each) for each in (min(floats.min(), coded.min()), max(floats.max(), coded.max())))
    edges = np.linspace(low, high if high > low else low + 1, _BARS + 1)
    levels, shares = weight.levels()
    return LayerState(
        grid=weight.words,
        scales=(float(weight.grid.scale.min()), float(weight.grid.scale.max())),
        weight_mse=error,
        weight_sqnr_db=power.sqnr_db,
        output_mse=output.mse,
        output_sqnr_db=output.sqnr_db,
        edges=_short(edges),
        shares=_short(np.histogram(floats, edges)[0] / floats.size),
        levels=_short(levels),
        level_shares=_short(shares),
        reaches=_short(weight.reaches()),
    )


def _short(values: Values) -> tuple[float, ...]:
    """To six digits: what is drawn needs no more, and what is kept stays small."""
    return tuple(float(f"{value:.6g}") for value in values)
