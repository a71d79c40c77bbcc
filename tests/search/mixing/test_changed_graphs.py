"""Mixes of a recipe whose algorithms put something beside layers: foretold and kept within budgets as they are made."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.model import load_model
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.quantize.quantize import quantize_model
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS, WEIGHT_BYTES
from qexplorer.search.costs.planned import PlannedNetwork
from qexplorer.search.mixing import finding as mixing
from qexplorer.search.mixing.candidates import candidates
from qexplorer.search.mixing.finding import find_mix
from qexplorer.search.mixing.mix_types import MixPoint, MixQuestion, MixReport
from qexplorer.search.sensitivity import finding as sensing
from qexplorer.search.set_apart import APART, calibration_parts
from tests.quantize.outlier_graphs import block, tokens

BASE = Recipe.parse(
    "name: split\nweights: {format: int8, granularity: tensor}\nactivations: {format: uint8}\n"
    "algorithms: [{outlier_split: {part: activations, share: 0.1}}]\n"
)
BUDGET = 0.9


@pytest.fixture
def network(shared_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Model, DataSet]:
    """A block with outlier channels, each of which costs a part in float."""
    for module in (mixing, sensing):
        monkeypatch.setattr(module, "goes_apart", lambda _: False)
    path = shared_workspace / "block.onnx"
    onnx.save(block(after=True), path)
    return load_model(path), tokens(96)


_FOUND: list[MixReport] = []


@pytest.fixture
def found(network: tuple[Model, DataSet]) -> MixReport:
    """Searched once."""
    if not _FOUND:
        _FOUND.append(find_mix(*network, MixQuestion(BASE, budgets={WEIGHT_BYTES: BUDGET}, pairs=0)))
    return _FOUND[0]


def test_measured_mixes_keep_the_budget_by_their_files(network: tuple[Model, DataSet], found: MixReport) -> None:
    """By what is counted from the plan of each, parts in float included; they are a third of int8's bytes."""
    model, data = network
    seen, _ = calibration_parts(data, (APART,))
    statistics = statistics_for(model, seen)
    assert found.verified
    for mix in found.verified:
        made = PlannedNetwork.made(quantize_model(model, Recipe.parse(mix.recipe), statistics, seen))
        assert made.costs() == {kind: mix.point.costs[kind] for kind in (WEIGHT_BYTES, BIT_OPERATIONS)}
        assert mix.weight_bytes <= BUDGET * found.whole[WEIGHT_BYTES]
    assert found.best is not None
    assert any("put beside layers counts as weights" in note for note in found.notes)


def test_losses_are_foretold_of_the_network_that_is_made(found: MixReport) -> None:
    """What is measured is of the order of what was foretold, though outliers that are taken apart cost nothing."""
    for mix in found.verified:
        assert 1 / 4 < mix.found.loss / mix.point.predicted_loss < 4


def test_layers_that_are_split_together_are_one_choice(found: MixReport) -> None:
    """Query, key and value read what is left of one tensor."""
    assert ("query", "key", "value") in {group.layers for group in found.groups}


def test_a_mix_that_is_made_larger_than_foretold_is_replaced(found: MixReport) -> None:
    """By the best one of a budget that is as much smaller; where none keeps it, by nothing."""
    limit = BUDGET * found.whole[WEIGHT_BYTES]

    def heavier(more: float) -> list[MixPoint]:
        def counted(point: MixPoint) -> dict[str, float]:
            return {WEIGHT_BYTES: point.costs[WEIGHT_BYTES] + more}

        return [point for point, _ in candidates(found, 4, counted)]

    plain = [point for point, _ in candidates(found, 4)]
    replaced = heavier(limit - min(point.weight_bytes for point in plain) + 1)
    assert all(point.costs[WEIGHT_BYTES] <= limit for point in replaced)
    assert not {point.choice for point in replaced} & {point.choice for point in plain}
    assert heavier(limit) == []
