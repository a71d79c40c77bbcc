"""Moving the size of channels, held to SmoothQuant and to cross-layer equalization themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import qexplorer as qx
from qexplorer.core.grid import fake_quantize
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex, index_of
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.measure.lessons.channels import ALPHAS, moved, moves
from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.measure.lessons.making import SAMPLES, lesson_of
from qexplorer.quantize.algorithms.equalize import Equalize, EqualizeOptions
from qexplorer.quantize.changes.drafts import GraphDraft, Materials
from qexplorer.quantize.decide import decide
from qexplorer.quantize.layerwise.chains import channel_sizes, scaled_in
from qexplorer.quantize.outliers.group_error import GroupError
from qexplorer.quantize.outliers.input_groups import groups_of
from qexplorer.quantize.outliers.migrating import channel_peaks
from qexplorer.quantize.plan import make_plan
from qexplorer.torchgraph.executor import GraphModule

LAYER, FRONT = "hidden2", "hidden1"


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """The lesson is made once for the whole session."""


def _lesson() -> Lesson:
    model = qx.load("tumour_mlp")
    return lesson_of(model, fit_to_model(qx.data("tumour"), model), Recipe.parse("w8a8"), LAYER)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.85])
def test_beside_activations_factors_and_error_are_those_of_smoothquant(alpha: float) -> None:
    """On a layer that is looked at whole, its own factors give its own judge the very error that is drawn."""
    lesson, model = _lesson(), qx.load("tumour_mlp")
    assert not lesson.is_part
    around = lesson.around
    assert around is not None
    view, recipe = index_of(model), Recipe.parse("w4a8")
    group = next(each for each in groups_of(decide(model, recipe, view), view)[0] if LAYER in each.layers)
    weight = view.array(view.nodes[LAYER].input[1])
    now = moved(lesson, 4, "inputs", alpha)
    peaks = channel_peaks(group, [weight])
    largest = np.maximum(np.abs(around.low), np.abs(around.high))
    assert now.weights / now.factors == pytest.approx(peaks)
    there = (largest > 0) & (peaks > 0)
    assert now.factors[there] == pytest.approx((largest**alpha / peaks ** (1 - alpha))[there].clip(1e-5, 1e5))
    rows = around.feeds.swapaxes(1, 2)
    judge = GroupError.of(group, view, [weight], [rows])
    span = float((around.low / now.factors).min()), float((around.high / now.factors).max())
    scaled = np.asarray(rows / now.factors[None, :, None], np.float32)
    error = judge.of_candidate([scaled_in(view.nodes[LAYER], weight, now.factors)], [scaled], span, quick=True)
    assert now.error == pytest.approx(error, rel=1e-5)


def test_what_it_reads_is_what_the_float_network_gives_it() -> None:
    """Ranges of channels are those of the tensor over the calibration samples that the lesson names."""
    lesson, model = _lesson(), qx.load("tumour_mlp")
    around = lesson.around
    assert around is not None
    split = calibration_sample(fit_to_model(qx.data("tumour"), model), SAMPLES).split
    module, name = GraphModule(model.proto()), index_of(model).nodes[LAYER].input[0]
    (given,) = split.inputs.values()
    found = module.tensors({module.input_names[0]: torch.from_numpy(given)}, [name])[name].detach().numpy()
    assert around.low == pytest.approx(found.min(0), abs=1e-5)
    assert around.high == pytest.approx(found.max(0), abs=1e-5)


def test_beside_weights_half_is_equalization_and_float_stays() -> None:
    """Factors at 0.5 are those by which one round of the algorithm divides the pair; both sides then have one range."""
    lesson, model = _lesson(), qx.load("tumour_mlp")
    around = lesson.around
    assert around is not None
    assert around.front_layer == FRONT
    now = moved(lesson, 8, "front", 0.5)
    assert now.front == pytest.approx(now.weights)
    view = index_of(model)
    draft = GraphDraft(model, Recipe.parse("w8a8"), Materials(), Equalize())
    Equalize().change_graph(draft, EqualizeOptions(rounds=1))
    name = view.nodes[FRONT].input[1]
    weights = view.array(name), GraphIndex(draft.proto).array(name)
    sizes = [channel_sizes(view.nodes[FRONT], each, inputs=False) for each in weights]
    assert now.factors == pytest.approx(sizes[0] / sizes[1], rel=1e-4)


@pytest.mark.parametrize("bits", [3, 8])
def test_beside_weights_both_have_the_grids_that_files_have_of_weights_alone(bits: int) -> None:
    """The error in front is that of the plan's own grid, one scale for all, and at few bits every code of it."""
    lesson, model = _lesson(), qx.load("tumour_mlp")
    plan = make_plan(model, Recipe.parse(f"w{bits}-tensor"), None)
    grid = plan.tensors[plan.constants[FRONT][1]].grid
    assert grid.qmin == (-4 if bits == 3 else -127)
    weight = index_of(model).array(index_of(model).nodes[FRONT].input[1])
    rows = weight if len(weight) == len(lesson.around.front) else weight.T
    assert np.array_equal(rows, lesson.around.front)
    off = np.square(fake_quantize(rows, grid) - rows, dtype=np.float64).sum(1)
    wanted = np.sqrt(np.mean(off / np.square(rows, dtype=np.float64).sum(1)))
    assert moved(lesson, bits, "front", None).front_error == pytest.approx(wanted)


def test_grouped_layers_have_channels_of_their_own() -> None:
    """Of a depthwise convolution each row reads one channel, and the weights that make it stand in front."""
    model = qx.load("glyphs_mobilenet")
    data = fit_to_model(qx.data("glyphs"), model)
    lesson = lesson_of(model, data, Recipe.parse("w8a8"), "block.1.depthwise.conv")
    around = lesson.around
    assert around is not None
    assert len(around.low) == len(lesson.values) == len(around.front)
    assert around.front_layer == "block.1.expand.conv"
    errors = moves(lesson, 8, "front")
    assert len(errors) == len(ALPHAS) + 1
    half = errors[1 + ALPHAS.index(0.5)]
    assert half.front_error is not None
    assert errors[0].front_error is not None
    assert half.front_error < errors[0].front_error
