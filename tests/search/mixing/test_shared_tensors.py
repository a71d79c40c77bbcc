"""A tensor has one grid: what is foretold of a mix of activations is what its plan really says."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.plan import make_plan
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS
from qexplorer.search.mixing.choices import choices_of
from qexplorer.search.mixing.finding import find_mix
from qexplorer.search.mixing.mix_types import MixQuestion, MixReport
from qexplorer.search.mixing.recipes import recipe_in
from qexplorer.search.mixing.shared_tensors import who_reads
from qexplorer.search.mixing.tables import problem_of
from tests.quantize.given_data import given

_CHOICES = ("w8a8", "w4a16")


@lru_cache(maxsize=1)
def _searched() -> tuple[Model, Statistics, MixReport]:
    model = load("tumour_mlp")
    data = fitted(model, None, "")
    question = MixQuestion(Recipe.parse("w8a8"), _CHOICES, {BIT_OPERATIONS: 1.0}, pairs=0, samples=32, verified=2)
    return model, statistics_for(model, data), find_mix(model, data, question)


@pytest.fixture
def searched(shared_workspace: Path) -> tuple[Model, Statistics, MixReport]:  # noqa: ARG001
    """tumour_mlp in 8 bits throughout, or weights of 4 and activations of 16."""
    return _searched()


def test_bit_operations_of_every_mix_are_those_of_its_plan(searched: tuple[Model, Statistics, MixReport]) -> None:
    """All eight, whichever choice most weights have; a layer behind a wider one reads more bits, and that is told."""
    model, statistics, report = searched
    problem = problem_of(report.groups, report.pairs, report.edges)
    assert len(report.groups) == 3
    for choice in product(range(2), repeat=3):
        plan = make_plan(model, recipe_in(report, choice), statistics)
        told = problem.cost_of(choice, BIT_OPERATIONS) + report.other[BIT_OPERATIONS]
        assert told == plan_costs(model, plan)[BIT_OPERATIONS]
    assert problem.cost_of((1, 0, 0), BIT_OPERATIONS) > sum(group.costs[BIT_OPERATIONS][0] for group in report.groups)


def test_no_layer_reads_fewer_bits_than_were_chosen_for_it(searched: tuple[Model, Statistics, MixReport]) -> None:
    """Not in any mix."""
    model, statistics, report = searched
    for choice in product(range(2), repeat=3):
        plan = make_plan(model, recipe_in(report, choice), statistics)
        for group, at in zip(report.groups, choice, strict=True):
            if group.choices[at] == "w4a16":
                assert all(str(plan.layer(name).activations).startswith("uint16") for name in group.layers)


def test_measured_mixes_are_within_the_budget_of_their_plans(searched: tuple[Model, Statistics, MixReport]) -> None:
    """What is said of a measured mix is counted from what was made."""
    model, statistics, report = searched
    for mix in report.verified:
        plan = make_plan(model, Recipe.parse(mix.recipe), statistics)
        assert mix.point.costs[BIT_OPERATIONS] == plan_costs(model, plan)[BIT_OPERATIONS]
    assert report.best is not None
    assert report.best.point.costs[BIT_OPERATIONS] <= report.whole[BIT_OPERATIONS]


def _forked(path: Path) -> tuple[Model, DataSet]:
    """A product, whose answer two products read through a Relu; their sum goes into a last one."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["stem"], name="stem"),
        helper.make_node("Relu", ["stem"], ["both"], name="relu"),
        helper.make_node("MatMul", ["both", "w1"], ["left"], name="left"),
        helper.make_node("MatMul", ["both", "w2"], ["right"], name="right"),
        helper.make_node("Add", ["left", "right"], ["sum"], name="sum"),
        helper.make_node("MatMul", ["sum", "w3"], ["y"], name="last"),
    ]
    weights = [numpy_helper.from_array(rng.normal(0, 1, (8, 8)).astype(np.float32), f"w{i}") for i in range(4)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 8]) for name in "xy")
    graph = helper.make_graph(nodes, "forked", [x], [y], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return load(path), given({"x": rng.normal(0, 1, (16, 8)).astype(np.float32)})


def test_layers_that_read_one_tensor_are_one_choice(shared_workspace: Path, tmp_path: Path) -> None:  # noqa: ARG001
    """But only where choices differ in their activations."""
    model, data = _forked(tmp_path / "forked.onnx")
    statistics = statistics_for(model, data)
    alone = [["stem"], ["left"], ["right"], ["last"]]
    mixed = who_reads(model, statistics, choices_of(Recipe.parse("w8a8"), _CHOICES), alone)
    assert mixed.together(alone) == [["stem"], ["left", "right"], ["last"]]
    assert mixed.felt["stem"] >= {"stem", "left", "right"}
    alike = who_reads(model, statistics, choices_of(Recipe.parse("w8a8"), ("int8", "int4")), alone)
    assert alike.together(alone) == alone
