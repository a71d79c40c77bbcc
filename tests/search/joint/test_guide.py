"""Of many neighbours of a front the one is tried that is foretold to add most."""

from __future__ import annotations

import math
import random

import pytest

from qexplorer.search.joint.guide import guide_of
from qexplorer.search.joint.joint_types import JointTrial
from qexplorer.search.joint.neighbours import unknown_choice
from qexplorer.search.joint.space_types import JointParameter


def _layer(name: str, loss: float, saved: float) -> JointParameter:
    """A layer that loses ``loss`` in int4 and is then ``saved`` bytes smaller."""
    losses, costs = (0.01, 0.01 + loss), {"weight_bytes": (100.0, 100.0 - saved)}
    return JointParameter(f"weights of {name}", "weights", ("int8", "int4"), (name,), losses, costs)


PARAMETERS = (
    *(_layer(f"bad{at}", 5.0, 1.0) for at in range(6)),
    _layer("good", 0.01, 60.0),
    JointParameter("weight calibrator", "weight calibrator", ("minmax", "mse", "percentile")),
)
PLAIN = (0,) * 8


def _trial(number: int, choice: tuple[int, ...], loss: float, cost: int) -> JointTrial:
    return JointTrial(number, "measured", "plain", choice, "name", quality=loss, weight_bytes=cost, n=8)


def test_the_layer_that_saves_most_for_least_is_tried_first() -> None:
    """Six layers lose much and save nothing: whatever the seed, none of them is tried alone."""
    narrow = (1, 1, 1, 1, 1, 1, 1, 0)
    measured = [_trial(0, PLAIN, 0.1, 700), _trial(1, narrow, 40.0, 634)]
    guide = guide_of(PARAMETERS, "weight_bytes", measured)
    assert guide is not None
    for seed in range(20):
        found = guide.draw([PLAIN, narrow], {PLAIN, narrow}, random.Random(seed))
        assert found not in (PLAIN, narrow)
        assert found[6] == 1 or found[7], found


def test_what_a_calibrator_did_where_it_was_tried_is_foretold_elsewhere() -> None:
    """It made the loss ten times smaller on one mix; on another the same is foretold, in part, and bytes stay."""
    good, better = (*PLAIN[:7], 0), (*PLAIN[:7], 1)
    other = (0, 0, 0, 0, 0, 0, 1, 0)
    measured = [_trial(0, good, 1.0, 700), _trial(1, better, 0.1, 700), _trial(2, other, 1.2, 640)]
    guide = guide_of(PARAMETERS, "weight_bytes", measured)
    assert guide is not None
    cost, loss = guide.foretold(other, (*other[:7], 1))
    assert cost == 640
    assert math.log(0.12) < loss < math.log(0.6)
    cost, loss = guide.foretold(good, other)
    assert cost == 640
    assert loss == pytest.approx(math.log(0.08 / 0.07), abs=1e-9)


def test_where_all_neighbours_are_known_none_is_drawn() -> None:
    """The search then goes elsewhere: any other choice may be drawn, each of them, until there is none."""
    parameters = PARAMETERS[-2:]
    everything = [(layer, calibrator) for layer in range(2) for calibrator in range(3)]
    guide = guide_of(parameters, "weight_bytes", [_trial(0, (0, 0), 0.1, 700)])
    assert guide is not None
    assert guide.draw([(0, 0)], set(everything), random.Random(0)) is None
    for left in (everything[:1], everything[1:3], everything[1:]):
        known = set(everything) - set(left)
        assert {unknown_choice(parameters, known, random.Random(seed)) for seed in range(99)} == set(left)
    assert unknown_choice(parameters, everything, random.Random(0)) is None


def test_without_anything_foretold_there_is_no_guide() -> None:
    """Layers of an earlier study have no foretold losses, and neighbours are drawn at random."""
    assert guide_of(PARAMETERS[-1:], "weight_bytes", [_trial(0, (0,), 1.0, 700)]) is None
    assert guide_of(PARAMETERS, "weight_bytes", []) is None
