"""What algorithms put beside layers is counted with them, byte by byte as the file holds it."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
import pytest

from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm import Stage
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import Recipe
from qexplorer.load.model import load_model
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS, WEIGHT_BYTES
from qexplorer.search.costs.planned import PlannedNetwork
from tests.made_up_algorithm import MadeUp
from tests.quantize.given_data import quantized
from tests.quantize.outlier_graphs import TOKENS, WIDTH, block, tokens
from tests.quantize.support import case

SPLIT = max(1, round(0.1 * WIDTH))  # channels that are taken apart below
ATTENTION, UP = ("query", "key", "value"), 4 * WIDTH

ADDED = {
    "rotation: {always: true}": [(WIDTH, WIDTH)] * 2 + [(UP, UP)],
    "smoothquant: {}": [(WIDTH,)] * 2,
    "outlier_split: {part: activations, share: 0.1}": [(WIDTH,), (WIDTH,), (SPLIT, 3 * WIDTH), (SPLIT, UP)],
}
"""Shapes of the float constants that an algorithm puts beside layers of the block."""


@pytest.fixture
def network(shared_workspace: Path) -> Model:
    """The block with outlier channels, whose normalizations are read by additions too, so that nothing in front takes
    a factor."""
    path = shared_workspace / "block.onnx"
    onnx.save(block(after=True), path)
    return load_model(path)


def _planned(model: Model, recipe: str) -> PlannedNetwork:
    return PlannedNetwork.made(quantized(model, recipe, tokens()))


def _with(algorithm: str) -> str:
    return f"{Recipe.parse('w8a8-tensor').to_yaml()}\nalgorithms: [{{{algorithm}}}]\n"


@pytest.mark.parametrize("algorithm", ADDED)
def test_bytes_of_what_was_put_in_are_those_of_its_constants(network: Model, algorithm: str) -> None:
    """In float, four bytes each; on top of the layers' own, which keep their number."""
    plain, found = _planned(network, "w8a8-tensor"), _planned(network, _with(algorithm))
    assert found.added_bytes == 4 * sum(math.prod(shape) for shape in ADDED[algorithm])
    assert found.costs()[WEIGHT_BYTES] == plain.costs()[WEIGHT_BYTES] + found.added_bytes
    assert plain.added_bytes == 0


@pytest.mark.parametrize("algorithm", [each.name for each in ALGORITHMS if each.stage is Stage.GRAPH])
def test_layers_with_what_is_beside_them_are_the_whole(network: Model, algorithm: str) -> None:
    """Whatever an algorithm puts in belongs to one layer of the model, by bytes and by bit operations."""
    found = _planned(network, _with(f"{algorithm}: {{}}"))
    parts = [found.costs([layer.name]) for layer in network.layers]
    for kind, whole in found.costs().items():
        assert sum(part[kind] for part in parts) == pytest.approx(whole)
    assert "" not in found.added.values()


def test_what_reads_one_rotated_tensor_is_fed_alike_and_multiplies_once(network: Model) -> None:
    """Query, key and value read one product with the rotation, in float: a square for each token."""
    plain, found = _planned(network, "w8a8-tensor"), _planned(network, _with("rotation: {always: true}"))
    assert frozenset(ATTENTION) in set(found.fed_alike())
    more = found.costs(["query"])[BIT_OPERATIONS] - plain.costs(["query"])[BIT_OPERATIONS]
    assert more == TOKENS * WIDTH * WIDTH * 32 * 32


def test_doubled_channels_are_bytes_of_their_layer(network: Model) -> None:
    """A tenth more input channels are a tenth more codes; the Gather in front moves codes and holds no weights."""
    plain = _planned(network, "w8a8-tensor")
    found = _planned(network, _with("outlier_split: {part: weights, share: 0.1}"))
    widened = [x for x in network.layers if x.weight and found.model.layer(x.name).weight_shape != x.weight_shape]
    assert widened
    more = sum(max(1, round(0.1 * x.weight_shape[0])) * x.weight_shape[1] for x in widened)
    assert found.costs()[WEIGHT_BYTES] == plain.costs()[WEIGHT_BYTES] + more
    assert found.added_bytes == 0


def test_a_weight_that_an_algorithm_parts_is_counted_for_each_layer(shared_workspace: Path) -> None:  # noqa: ARG001
    """Two layers share one; with values of its own the second has its own codes, scale and zero point in the file."""
    one, recipe = case("shared"), Recipe.parse("w8a8-tensor")
    plan = make_plan(one.model, recipe, one.statistics)
    draft = PlanDraft(one.model, recipe, plan, Materials(one.statistics), MadeUp("entry"))  # type: ignore[arg-type]
    keys = {layer: key for layer, uses in plan.constants.items() if (key := uses.get(1)) is not None}
    second = next(layer for layer, key in keys.items() if list(keys.values()).index(key) < list(keys).index(layer))
    first = next(layer for layer, key in keys.items() if key == keys[second])
    assert (plan.layer(first).weight_bytes > 0, plan.layer(second).weight_bytes) == (True, 0)
    values = draft.values(second, 1)
    assert values is not None
    draft.set_constant(second, 1, 2 * values)
    assert draft.plan.layer(second).weight_bytes == values.size + 4 + 1
    assert draft.plan.layer(first) == plan.layer(first)
