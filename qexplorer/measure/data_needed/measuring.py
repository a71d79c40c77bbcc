"""Calibrates with few samples and with many, several times, and judges each on samples that did not calibrate.

Each draw is a seeded order of the calibration samples, of which larger numbers are longer beginnings, so that a step to
the right in the chart adds samples. The model is observed once for each draw and number; from these statistics come all
calibrators. Ranges and errors are those of one activation, the metric is that of the whole quantized graph, run as it
is written (simulated) in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Granularity, get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.calibrator_choice import not_offered, short_calibrators
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.core.recipe import ActivationSpec, Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.measure.data_needed.needed_types import Band, DataNeeded, NeededPoint, enough_samples
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.collecting.stream import batches, cores, without_filling
from qexplorer.observe.collecting.tap import open_session
from qexplorer.observe.error import error_from_histogram
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.layerwise.streams import SIMULATED
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.judging import Judge

if TYPE_CHECKING:
    import onnx

    from qexplorer.observe.stats import Statistics, TensorStats

__all__ = ["SIZES", "data_needed"]

SIZES = (4, 8, 16, 32, 64, 128, 256, 512)
"""Numbers of samples, as far as there are so many."""

_BATCH = 32
Progress = Callable[[str, float], None]
_Found = tuple[float, float, float, float | None]
"""Of one draw: lower and upper end of the range, error, metric."""


def data_needed(
    model: Model,
    recipe: Recipe,
    data: DataSet,
    tensor: str,
    *,
    calibrators: Sequence[str] | None = None,
    sizes: Sequence[int] = SIZES,
    draws: int = 3,
    judged: int = 256,
    seed: int = 0,
    progress: Progress | None = None,
    partly: Callable[[DataNeeded], None] | None = None,
) -> DataNeeded:
    """Which calibrator, and how many samples it needs, for one activation and for the whole model.

    Args:
        model: the float model.
        recipe: with static activations; their calibrator is what is tried.
        data: fitted to the model.
        tensor: the activation.
        calibrators: names; None: all that need no option and have a range for such a grid.
        sizes: numbers of samples; those beyond the calibration part are that part.
        draws: how often samples are drawn.
        judged: samples of the evaluation part that judge, at most.
        seed: of the draws.
        progress: told a sentence and the share that is done.
        partly: given what is known after each draw but the last.

    Raises:
        RecipeError: the recipe has no static activations on a grid, or ``tensor`` is none of the model's activations.
    """
    spec = _spec(recipe)
    kind = get_format(spec.format)
    refused = not_offered(kind, Granularity.TENSOR, "activation")
    names = list(calibrators or [each for each in short_calibrators() if each not in refused])
    numbers = sorted({min(size, data.calibration.n) for size in sizes})
    judging = _Judging(model, data, data.evaluation.head(judged))
    reference = _of(collect(model, judging.split), tensor)
    metric = None if judging.judge.metric is None else judging.judge.metric.name
    kept: dict[tuple[str, int], list[_Found]] = {}

    def known(draws: int) -> DataNeeded:
        points = tuple(_point(name, size, kept[name, size]) for name in names for size in numbers)
        enough = {name: enough_samples([p for p in points if p.calibrator == name]) for name in names}
        told = (model.name, tensor, recipe.name, metric, judging.float_metric)
        return DataNeeded(*told, draws, judging.split.n, points, enough)

    def measured(name: str, statistics: Statistics) -> _Found:
        own, of_tensor = spec.with_calibrator(name), _of(statistics, tensor)
        low, high = calibrate(of_tensor, name, format=kind, symmetric=spec.symmetric, options=own.options)
        grid = grid_from_range(low, high, kind, symmetric=spec.symmetric)
        error = error_from_histogram(reference.histogram, grid).mse
        return low, high, error, judging.metric(recipe.model_copy(update={"activations": own}), statistics)

    steps, done = draws * len(numbers) * len(names), 0
    for draw in range(draws):
        order = np.random.default_rng((seed, draw)).permutation(data.calibration.n)
        for size in numbers:
            again = draw > 0 and size == data.calibration.n  # all samples are the same ones in every draw
            statistics = None if again else collect(model, data.calibration.take(np.sort(order[:size])))
            for name in names:
                found = kept[name, size][0] if statistics is None else measured(name, statistics)
                kept.setdefault((name, size), []).append(found)
                done += 1
                if progress is not None:
                    title = CALIBRATORS.get(name).title
                    progress(f"{title} on {size} samples, draw {draw + 1} of {draws}", done / steps)
        if partly is not None and draw + 1 < draws:
            partly(known(draw + 1))
    return known(draws)


def _spec(recipe: Recipe) -> ActivationSpec:
    spec = recipe.activations
    if spec is None or spec.mode != "static" or not get_format(spec.format).has_scale:
        what = f"the recipe '{recipe.name}' has no static activations on a grid, so that nothing is calibrated"
        raise RecipeError(what, do="choose one such as w8a8")
    return spec


def _of(statistics: Statistics, tensor: str) -> TensorStats:
    if tensor not in statistics.tensors or statistics[tensor].kind != "activation":
        some = ", ".join([name for name, each in statistics.tensors.items() if each.kind == "activation"][:5])
        raise RecipeError(f"'{tensor}' is no activation that is observed", allowed=f"{some}, ...")
    return statistics[tensor]


def _point(name: str, size: int, found: Sequence[_Found]) -> NeededPoint:
    lows, highs, errors, metrics = zip(*found, strict=True)
    known = [value for value in metrics if value is not None]
    return NeededPoint(name, size, Band.of(lows), Band.of(highs), Band.of(errors), Band.of(known) if known else None)


class _Judging:
    """Samples that judge, what the float model answers to them, and the metric."""

    def __init__(self, model: Model, data: DataSet, split: Split) -> None:
        self._model, self.split = model, split
        self.judge = Judge.of(task_of(data), model)
        self._floats = self._answers(model.proto())
        self.float_metric = self.judge.of_arrays(self._floats, self._floats, split.labels)[0]

    def metric(self, recipe: Recipe, statistics: Statistics) -> float | None:
        """Of the model quantized with these statistics, simulated."""
        plan = make_plan(self._model, recipe, statistics)
        answers = self._answers(emit(self._model, recipe, plan))
        return self.judge.of_arrays(answers, self._floats, self.split.labels)[0]

    def _answers(self, proto: onnx.ModelProto) -> list[Array]:
        names = [output.name for output in proto.graph.output]
        session = open_session(proto.SerializeToString(), cores(), self._model.name, settings=SIMULATED)
        found: list[list[Array]] = [[] for _ in names]
        for feeds, samples in batches(self._model, self.split, _BATCH):
            for part, array in zip(found, session.run(names, feeds), strict=True):
                part.append(without_filling(np.asarray(array), feeds, samples))
        return [np.concatenate(part) for part in found]
