"""What page Distributions says in sentences, and what it gives to a recipe."""

from __future__ import annotations

import pytest

from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.measure.data_needed.needed_types import Band, DataNeeded, NeededPoint
from qexplorer.observe.editing.spoiler import Spoiler
from qexplorer.ui.distributions.channel_charts import spoiler_text
from qexplorer.ui.distributions.needed import needed_sentence
from qexplorer.ui.distributions.to_recipe import with_rule, with_spec


def _point(name: str, samples: int, error: float) -> NeededPoint:
    band = Band(1.0, 1.0, 1.0)
    return NeededPoint(name, samples, band, band, Band(error, error, error), None)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ((0.2, 0.1, 0.2), "Min-max, 0.100. "),
        ((0.2, 0.1, 0.105), "Min-max, 0.100 (Percentile within 5 %). "),
        ((0.2, 0.1, 0.1051), "Min-max, 0.100. "),
        ((0.1, 0.1, 0.1), "Mean squared error, 0.100 (Min-max, Percentile within 5 %). "),
    ],
)
def test_the_calibrator_with_the_least_error_is_named_with_those_as_good(
    errors: tuple[float, float, float], said: str
) -> None:
    """By the errors with the most samples, whatever they were with few; and from where on more did not help."""
    names = ("mse", "minmax", "percentile")
    points = tuple(
        point
        for name, error in zip(names, errors, strict=True)
        for point in (_point(name, 4, 0.01), _point(name, 64, error))
    )
    enough: dict[str, int | None] = {"mse": 8, "minmax": None, "percentile": 16}
    text = needed_sentence(DataNeeded("m", "x", "w8a8", None, None, 3, 256, points, enough))
    reached = "Mean squared error: 8; Min-max: not reached; Percentile: 16."
    assert text == f"Least error with 64 samples: {said}Samples from which on more did not help: {reached}"


def test_a_channel_that_spoils_one_scale_is_named_with_what_the_others_would_gain() -> None:
    """In decibels and in bits, 6.02 dB each; about, where values were not kept; 1 dB is not worth a word."""
    found = Spoiler(7, 12.0, 1.5, 18.06)
    text = "**Channel 7 spoils one scale for all**: it reaches 8.0 times as far as any other, and without it "
    assert spoiler_text(found, 64, exact=True) == f"{text}the other 63 would gain 18.1 dB, 3.0 bits."
    assert spoiler_text(found, 2, exact=False) == f"{text}the other one would gain about 18.1 dB, 3.0 bits."
    little = spoiler_text(Spoiler(7, 1.5, 1.4, 0.6), 3, exact=True)
    assert little.startswith("No channel spoils one scale for all: without channel 7 the other 2 would gain less than")
    assert spoiler_text(None, 3, exact=True) == ""


def test_a_spoiler_reaches_times_as_far_as_the_others() -> None:
    """However far, where the others hold nothing but zeros."""
    assert Spoiler(0, 3.0, 1.5, 6.0).times == 2.0
    assert Spoiler(0, 3.0, 0.0, 6.0).times == float("inf")


def test_a_grid_is_given_to_all_weights_and_the_name_follows_unless_a_person_chose_it() -> None:
    """Other parts stay; what a person called it stays too."""
    spec = WeightSpec(format="int4", granularity="tensor")  # type: ignore[arg-type]
    taken = with_spec(Recipe.parse("w8a8"), "weights", spec)
    assert (taken.weights, taken.activations, taken.name) == (spec, Recipe.parse("w8a8").activations, "w4a8-tensor")
    own = Recipe.parse("name: for the demo\nweights: {}\n")
    assert with_spec(own, "weights", spec).name == "for the demo"


def test_a_grid_is_given_to_one_layer_in_place_of_an_earlier_one() -> None:
    """With every field that means something, so that nothing of the recipe's own comes through; names are literal."""
    base = Recipe.parse("weights: {format: int8, granularity: block, block: 64, symmetric: false}\n")
    first = with_rule(base, "blocks[0].fc", "weights", WeightSpec(format="int4"))
    both = with_rule(first, "blocks[0].fc", "activations", ActivationSpec())
    again = with_rule(both, "blocks[0].fc", "weights", WeightSpec(format="int6"))
    assert [sorted(rule.model_dump(exclude_none=True)) for rule in again.layers] == [
        ["activations", "float_", "match"],
        ["float_", "match", "weights"],
    ]
    found = again.for_layer("blocks[0].fc", "Gemm").weights
    assert found is not None
    assert (found.format, str(found.granularity), found.symmetric) == ("int6", "channel", True)
    assert "block" not in (again.layers[-1].weights or {})
    other = again.for_layer("blocks0.fc", "Gemm").weights
    assert other == base.weights
