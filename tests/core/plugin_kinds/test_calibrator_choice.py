"""Options of calibrators in recipes: which are allowed where, and what earlier versions wrote."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator_choice import chosen, options_among
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec

EARLIER = """
name: mine
weights: {format: int8, granularity: channel, block: 32, symmetric: true, calibrator: mse, percentile: 99.5}
activations: {format: uint8, mode: static, symmetric: false, calibrator: minmax, percentile: 99.99}
layers:
- match: op:Conv
  activations: {format: uint8, calibrator: percentile, percentile: 99.0}
"""


def test_options_stand_flat_beside_the_calibrator() -> None:
    """They are written right behind it, and typed where they are used."""
    recipe = Recipe.parse("activations: {calibrator: percentile, percentile: 99.9}")
    assert "  calibrator: percentile\n  percentile: 99.9\n" in recipe.to_yaml()
    assert recipe.activations is not None
    assert recipe.activations.options.model_dump() == {"percentile": 99.9}
    assert recipe.activations == ActivationSpec().with_calibrator("percentile", percentile=99.9)


def test_a_default_that_is_written_is_the_default() -> None:
    """With and without it, a recipe is the same and has the same digest."""
    long, short = (Recipe.parse(f"weights: {{calibrator: percentile{more}}}") for more in (", percentile: 99.99", ""))
    assert long == short
    assert long.digest == short.digest
    assert short.digest != Recipe.parse("weights: {calibrator: percentile, percentile: 99}").digest


def test_recipes_of_earlier_versions_are_read() -> None:
    """They name a percentile beside every calibrator: it is left out where it meant nothing, and kept where it did."""
    recipe = Recipe.parse(EARLIER)
    assert recipe.weights == WeightSpec(calibrator="mse")
    assert recipe.activations == ActivationSpec()
    inner = recipe.for_layer("a", "Conv").activations
    assert inner is not None
    assert inner.options.model_dump() == {"percentile": 99.0}
    assert recipe.to_yaml().count("percentile:") == 1


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("weights: {calibrator: mse, percentile: 99}", "weights.percentile: an option of 'percentile', not of the "),
        ("weights: {percentile: 99}", "not of the calibrator 'minmax'; allowed: format, granularity, block, symmetric"),
        ("weights: {calibrator: percentile, part: 1}", "weights.part: neither a field nor an option of"),
        ("weights: {calibrator: percentile, part: 1}", "allowed: format, granularity, block, symmetric, calibrator, "),
        ("weights: {calibrator: percentile, percentile: 7}", "line 1, weights.percentile: 7 must be at least 50"),
        ("weights: {calibrator: percentile, percentile: x}", "weights.percentile: 'x' must be a number"),
        ("weights: {calibrator: medium}", "'medium' is not a calibrator; allowed: average, kl, minmax"),
        ("weights: {calibrator: [mse]}", "weights.calibrator: must be text"),
        (
            "weights: {}\nlayers: [{match: a, weights: {calibrator: mse, percentile: 99}}]",
            "rule 1 ('a'): weights.percentile: an",
        ),
        ("weights: {}\nlayers: [{match: a, weights: {percentile: 99}}]", "the rule for 'a' gives 'percentile', which"),
        ("weights: {}\nlayers: [{match: a, weights: {part: 99}}]", "rule 1 ('a'): weights.part: neither a field nor"),
        ("weights: {calibrator: percentile}\nlayers: [{match: a, weights: {percentile: 9}}]", "9 must be at least 50"),
    ],
)
def test_an_option_that_is_not_the_calibrators_gets_one_sentence(text: str, fact: str) -> None:
    """It says whose option it is and what is allowed, in the recipe and in its rules."""
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text)
    assert fact in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_an_option_in_a_rule_is_for_the_layers_that_take_it() -> None:
    """Where an earlier rule or the recipe gives the calibrator; other layers keep theirs without it."""
    rules = "[{match: b*, weights: {calibrator: percentile}}, {match: '*', weights: {percentile: 98}}]"
    recipe = Recipe.parse(f"weights: {{calibrator: mse}}\nlayers: {rules}")
    taken, other = (recipe.for_layer(name, "Conv").weights for name in ("b1", "a1"))
    assert taken == WeightSpec().with_calibrator("percentile", percentile=98.0)
    assert other == WeightSpec(calibrator="mse")


def test_another_calibrator_in_a_rule_leaves_the_options_behind() -> None:
    """The recipe's percentile is not the rule's calibrator's."""
    recipe = Recipe.parse("weights: {calibrator: percentile}\nlayers: [{match: a, weights: {calibrator: kl}}]")
    assert recipe.for_layer("a", "Conv").weights == WeightSpec(calibrator="kl")


def test_rules_with_options_alone_need_calibration_as_before() -> None:
    """A rule that gives static activations by an option of theirs is read, and asks for data."""
    rules: list[dict[str, Any]] = [{"match": "a", "activations": {"percentile": 99.0}}]
    recipe = Recipe.model_validate({"activations": {"calibrator": "percentile"}, "layers": rules})
    assert recipe.needs_calibration


def test_options_are_checked_where_they_are_typed() -> None:
    """Other calibrators' options among the fields are passed over, a bad value is not."""
    assert options_among("mse", {"percentile": 3.0}).model_dump() == {}
    with pytest.raises(ValidationError):
        options_among("percentile", {"percentile": 3.0})


def test_a_refused_grid_is_told_with_what_is_allowed() -> None:
    """The default comes first, and what would be the default under another name is not advised."""
    with pytest.raises(
        RecipeError, match=r"^weights.calibrator: .*a block has; allowed: minmax, mse, octav, ratio; or choose"
    ):
        chosen("percentile", get_format("int8"), Granularity.BLOCK, "weight")
    assert chosen("percentile", get_format("int8"), Granularity.CHANNEL, "weight").name == "percentile"
