"""What the controls of page Distributions say, as a grid, as a recipe's part and in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.ui.distributions.controls import (
    BY_HAND,
    INTEGERS,
    Settings,
    clip_names,
    counts_scale,
    first_bits,
    widths,
)

WEIGHT = Settings("weight", INTEGERS, 4, True, "channel", 32, True, "minmax", (), None)


@pytest.mark.parametrize(
    ("changes", "format", "told"),
    [
        ({}, "int4", "int4 per channel, symmetric, range: Min-max"),
        ({"signed": False, "symmetric": False}, "uint4", "uint4 per channel, asymmetric, range: Min-max"),
        ({"granularity": "block", "block": 64}, "int4", "int4 blocks of 64, symmetric, range: Min-max"),
        ({"numbers": "nf4"}, "nf4", "nf4 per channel, range: Min-max"),
        ({"decoded": True}, "int4", "int4 per channel, symmetric, scales of either sign, range: Min-max"),
        ({"decoded": True, "symmetric": False}, "int4", "int4 per channel, asymmetric, range: Min-max"),
        ({"calibrator": BY_HAND, "clip": (-1.0, 1.0)}, "int4", "int4 per channel, symmetric, range: By hand"),
    ],
)
def test_settings_are_told_in_a_few_words(changes: dict[str, object], format: str, told: str) -> None:
    """The format with its sign, how many values share a scale, and the range."""
    found = replace(WEIGHT, **changes)
    assert found.format == format
    assert found.text == told


def test_settings_are_a_part_of_a_recipe_unless_the_range_is_by_hand() -> None:
    """With the options of the calibrator, and for weights with how many values share a scale."""
    found = replace(WEIGHT, granularity="block", block=64, calibrator="percentile", options=(("percentile", 99.0),))
    weights = found.weights
    assert weights is not None
    assert (weights.format, weights.granularity, weights.block, weights.symmetric) == ("int4", "block", 64, True)
    assert (weights.calibrator, weights.percentile) == ("percentile", 99.0)
    values = replace(WEIGHT, kind="activation", bits=8, signed=False, symmetric=False).activations
    assert values is not None
    assert (values.format, values.symmetric) == ("uint8", False)
    hand = replace(WEIGHT, calibrator=BY_HAND, clip=(-1.0, 1.0))
    assert hand.weights is None
    assert hand.activations is None


def test_controls_of_each_tensor_and_place_have_names_of_their_own() -> None:
    """The lower clip line first; fewer bits beside; counts of activations are logarithmic at first."""
    low, high = clip_names("w")
    assert "low" in low
    assert "high" in high
    assert len({*clip_names("w"), *clip_names("x"), *clip_names("w", "beside_")}) == 6
    assert (first_bits(""), first_bits("beside_")) == (8, 4)
    assert counts_scale("activation")[1] == "logarithmic"
    assert counts_scale("weight")[1] == "linear"
    assert counts_scale("weight")[0] != counts_scale("activation")[0]


def test_widths_are_those_of_integers_alone_in_order() -> None:
    """From one bit or two up to sixteen; each once."""
    for kind in ("weight", "activation"):
        found = widths(kind)
        assert list(found) == sorted(set(found))
        assert {4, 8, 16} <= set(found)
