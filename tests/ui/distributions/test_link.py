"""The controls of page Distributions in its address: which values each takes, and the value that is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weights import array_stats
from qexplorer.ui.distributions.beside import BESIDE
from qexplorer.ui.distributions.link import KIND, of_closer, of_grid
from qexplorer.ui.view.link import Linked

WEIGHT = array_stats("w", np.eye(4, dtype=np.float32), 0)


def _named(found: Sequence[Linked], name: str) -> Linked:
    return next(each for each in found if each.name == name)


@pytest.fixture
def activation() -> TensorStats:
    """An activation, of which nothing but its kind matters here."""
    return replace(WEIGHT, kind="activation")


def test_a_weight_and_an_activation_have_the_controls_of_their_kind(activation: TensorStats) -> None:
    """Scales for a weight, signs for an activation; a weight is symmetric until something else is chosen."""
    weight, other = of_grid(WEIGHT), of_grid(activation)
    shared = ["numbers", "bits", "symmetric", "range", "low", "high"]
    assert [each.name for each in weight] == [*shared, "scale", "block"]
    assert [each.name for each in other] == [*shared, "signed"]
    assert [_named(found, "symmetric").default for found in (weight, other)] == [True, False]
    assert (_named(weight, "bits").default, _named(of_grid(WEIGHT, "beside_"), "b.bits").default) == (8, 4)
    assert (_named(weight, "scale").default, _named(weight, "block").default) == ("tensor", 32)
    assert _named(other, "signed").default is False


def test_the_two_places_have_no_name_and_no_choice_in_common() -> None:
    """Controls that stand beside have names of their own in the address, too."""
    both = [*of_grid(WEIGHT), *of_grid(WEIGHT, "beside_")]
    assert len({each.name for each in both}) == len({each.choice for each in both}) == len(both)


@pytest.mark.parametrize(
    ("name", "takes", "refuses"),
    [
        ("bits", ["8", "4"], ["8.0", "0", "x"]),
        ("block", ["16", "256"], ["17", ""]),
        ("scale", ["tensor", "channel", "block"], ["row"]),
        ("symmetric", ["0", "1"], ["true", "2"]),
        ("range", ["minmax", "hand"], ["other"]),
        ("numbers", ["integers", "nf4"], ["int8"]),
        ("low", ["-1.5", "0"], ["0.1", "nan", "-inf"]),
        ("high", ["1.5", "0"], ["-0.1", "nan", "inf"]),
    ],
)
def test_a_control_takes_what_it_can_show(name: str, takes: list[str], refuses: list[str]) -> None:
    """Anything else is refused with what is allowed."""
    read = _named(of_grid(WEIGHT), name).read
    for text in takes:
        read(text)
    for text in refuses:
        with pytest.raises(ValueError, match=r"^allowed: "):
            read(text)


def test_what_is_looked_at_closer_is_named_by_the_tensor() -> None:
    """What stands beside is one of the names given; without a choice it is the tensor itself."""
    found = of_closer(WEIGHT, ["w", "v"])
    beside = _named(found, "beside")
    assert beside.default == "w"
    assert beside.read("v") == "v"
    with pytest.raises(ValueError, match=r"^allowed: w, v$"):
        beside.read("u")
    assert _named(found, "closer").default == "Nothing more"
    assert _named(found, "closer").read(BESIDE) == BESIDE
    assert _named(found, "table").default is False
    assert len({each.choice for each in found}) == len(found)
    assert (KIND.read("activation"), KIND.default) == ("activation", "weight")
