"""Making a lesson of one layer: its inputs are observed once, and AdaRound learns at each width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import InputError
from qexplorer.core.formats import get_format
from qexplorer.core.grid import Int32, quantize
from qexplorer.core.model import Model
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe, WeightSpec
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.graph.allowance import allowance
from qexplorer.graph.index import index_of
from qexplorer.load.datasets.handed import hand_over, taken
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.measure.lessons.around import around_of
from qexplorer.measure.lessons.lesson import WIDTHS, Lesson, LessonGrid, grid_of, read_lesson, write_lesson
from qexplorer.process.child import Emit, allow
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import beside
from qexplorer.quantize.algorithms.adaround import AdaroundOptions, rounded
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.constants import has_signed_scales
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from qexplorer.quantize.layerwise.moments import input_moments
from qexplorer.quantize.layerwise.output_error import better_codes
from qexplorer.quantize.layerwise.weights import GridWeight, grid_weights
from qexplorer.quantize.outliers.sampled_inputs import layer_inputs
from qexplorer.quantize.plan import make_plan

__all__ = ["SAMPLES", "lesson_in_child", "lesson_of", "lesson_path", "spec_of", "teachable"]

SAMPLES = 256
"""Calibration samples on which the layer's inputs are observed, at most."""

_ROWS, _COLUMNS = 32, 256
_VERSION = 3  # of what is kept; another number makes it unread

Progress = Callable[[str, float], None]


def spec_of(recipe: Recipe) -> WeightSpec:
    """How a lesson's grids are laid: as the recipe lays those of weights; per channel where it has no integers."""
    asked = recipe.weights
    return asked if asked is not None and get_format(asked.format).is_uniform else WeightSpec(format="int4")


def teachable(model: Model) -> list[str]:
    """The layers of which lessons can be made: those whose constant weight becomes a matrix, in execution order."""
    view = index_of(model)
    able = [layer for layer in model.quantizable_layers if layer.weight is not None and layer.name in view.nodes]
    weighted = [layer.name for layer in able if layer.op in ("Conv", "Gemm", "MatMul")]
    constant = [name for name in weighted if view.nodes[name].input[1] in view.initializers]
    return [name for name in constant if not isinstance(matrix_of(view.nodes[name], view), str)]


def lesson_path(model: Model, data: DataSet, recipe: Recipe, layer: str) -> Path:
    """Where the lesson is kept, or would be: how grids are laid counts, and which scales they may have."""
    how = spec_of(recipe).model_dump(mode="json") | {"format": "", "signs": _has_signs(model, recipe, layer)}
    return workspace("lessons") / f"{digest_json([_VERSION, model.sha256, data.digest, how, layer])[:32]}.npz"


def lesson_of(model: Model, data: DataSet, recipe: Recipe, layer: str, *, progress: Progress | None = None) -> Lesson:
    """The lesson of one layer: a kept one, or made and kept.

    Args:
        model: the float model.
        data: fitted to it; its calibration part alone is read.
        recipe: grids are laid as it lays those of weights (:func:`spec_of`), at each width of ``WIDTHS``; beside
            activations in float they are those of weights alone.
        layer: one of :func:`teachable`.
        progress: told a sentence and the share that is done.

    Raises:
        InputError: the layer has no weight that becomes a matrix.
        BackendError: ONNX Runtime cannot run the model.
    """
    path = lesson_path(model, data, recipe, layer)
    kept = read_lesson(path)
    if kept is not None:
        return kept
    tell: Progress = progress or (lambda _text, _done: None)
    if goes_apart(model):
        with passing_folder("handed") as folder:
            arguments = {
                "model": model.to_json(),
                "data": hand_over(data, Path(folder)),
                "recipe": recipe.to_yaml(),
                "layer": layer,
            }
            run_in_child(
                "qexplorer.measure.lessons.making:lesson_in_child",
                arguments,
                limits=allowance(model, batch=32),
                on_event=lambda event: tell(event["step"], event["done"]) if "step" in event else None,
            )
        found = read_lesson(path)
        assert found is not None, "the child kept it"
        return found
    allow(allowance(model, batch=32))
    with beside():
        lesson = _made(model, data, recipe, layer, tell)
    write_lesson(lesson, path)
    return lesson


def lesson_in_child(arguments: dict[str, Any], emit: Emit) -> None:
    """The child's side of :func:`lesson_of` for a stranger's model."""
    lesson_of(
        Model.from_json(arguments["model"]),
        taken(arguments["data"]),
        Recipe.parse(arguments["recipe"]),
        arguments["layer"],
        progress=lambda step, done: emit({"event": "progress", "step": step, "done": done}),
    )


def _made(model: Model, data: DataSet, recipe: Recipe, layer: str, tell: Progress) -> Lesson:
    weights = {bits: _weight(model, recipe, layer, bits) for bits in WIDTHS}
    signs = _has_signs(model, recipe, layer)
    matrix, values = weights[WIDTHS[0]].matrix, weights[WIDTHS[0]].values
    split = calibration_sample(data, SAMPLES).split
    source = index_of(model).nodes[layer].input[0]
    asked = {layer: (source, matrix)}
    found = input_moments(model.proto(), model, split, asked, lambda done: tell("observing its inputs", 0.3 * done))
    moments = found.get(layer)
    inputs = layer_inputs(model.proto(), model, split, asked, lambda done: tell("looking at them", 0.3 + 0.2 * done))
    if moments is None or not np.isfinite(moments).all():
        raise InputError("its inputs are not finite on the calibration data", where=layer, do="choose another layer")
    rows = matrix.rows(values)
    groups = min(matrix.groups, max(_ROWS // rows.shape[1], 1))
    each = min(rows.shape[1], _ROWS)
    sizes = np.diagonal(moments[:groups], axis1=1, axis2=2).mean(0)
    columns = np.sort(np.argsort(-sizes, kind="stable")[:_COLUMNS])

    def part(of_weight: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.ascontiguousarray(of_weight[:groups, :each][..., columns].reshape(groups * each, -1))

    group = np.repeat(np.arange(groups, dtype=np.int32), each)
    channels = (np.arange(groups)[:, None] * rows.shape[1] + np.arange(each)).astype(np.int32).ravel()
    lesson = Lesson(
        layer=layer,
        op=matrix.op,
        words=_words(spec_of(recipe), signs=signs),
        whole=(matrix.groups * rows.shape[1], matrix.columns),
        samples=split.n,
        channels=channels,
        columns=columns.astype(np.int32),
        values=part(rows),
        groups=group,
        moments=np.ascontiguousarray(moments[:groups][:, columns][:, :, columns]),
        steps={},
        around=around_of(index_of(model), layer, matrix, inputs[layer], columns, groups),
        signs=signs,
    )
    for number, (bits, weight) in enumerate(weights.items()):
        start = 0.5 + 0.5 * number / len(WIDTHS)
        scale, zero = (part(array) for array in weight.matrix.grid(weight.grid))
        bare = LessonGrid(scale, zero, (weight.grid.qmin, weight.grid.qmax), zero, zero)

        def learning(share: float, bits: int = bits, start: float = start) -> None:
            tell(f"AdaRound at {bits} bits", start + 0.5 * share / len(WIDTHS))

        lesson.steps[bits] = _with_codes(lesson, bare, bits, learning)
    return lesson


def _at(recipe: Recipe, bits: int) -> Recipe:
    """Integers of one width, laid as ``recipe`` lays them, beside its activations."""
    asked = spec_of(recipe).model_dump(mode="json") | {"format": f"int{bits}"}
    return Recipe(name="lesson", weights=WeightSpec.model_validate(asked), activations=recipe.activations)


def _has_signs(model: Model, recipe: Recipe, layer: str) -> bool:
    """Whether symmetric grids of few bits have scales of either sign: the layer is decoded beside these activations."""
    return spec_of(recipe).symmetric and has_signed_scales(model, _at(recipe, WIDTHS[0]), layer)


def _weight(model: Model, asked: Recipe, layer: str, bits: int) -> GridWeight:
    """The layer's weight on the grid that the recipe asks for at one width."""
    recipe = _at(asked, bits)
    plan = make_plan(model, recipe, None)
    found, reasons = grid_weights(PlanDraft(model, recipe, plan, Materials(), ALGORITHMS.get("adaround")))
    for weight in found:
        if layer in weight.layers:
            return weight
    why = reasons.get(layer, "it has no weight that is quantized")
    raise InputError(f"nothing can be shown of this layer: {why}", where=layer, do="choose another layer")


def _with_codes(lesson: Lesson, bare: LessonGrid, bits: int, told: Callable[[float], None]) -> LessonGrid:
    """The codes of nearest rounding and of AdaRound, row by row the one with the smaller error, as the algorithm."""
    grid, count = grid_of(bare, bits), len(lesson.moments)
    matrix = LayerMatrix("Gemm", lesson.values.shape, groups=count)
    weight = GridWeight((lesson.layer,), matrix, 1, lesson.values, grid)
    nearest: Int32 = quantize(lesson.values, grid)
    learned = better_codes(weight, rounded(weight, lesson.moments, AdaroundOptions(), told), lesson.moments)
    return replace(bare, nearest=nearest, learned=learned.codes)


def _words(spec: WeightSpec, *, signs: bool) -> str:
    fineness = f"blocks of {spec.block}" if spec.granularity == "block" else f"per {spec.granularity}"
    if not spec.symmetric:
        return f"{fineness}, asymmetric"
    whose = "as for weights alone (below 8 bits scales of either sign)" if signs else "as integer kernels take it"
    return f"{fineness}, symmetric, {whose}"
