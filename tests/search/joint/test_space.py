"""What a choice means as a recipe."""

from __future__ import annotations

import random

import pytest

from qexplorer.core.errors import InputError, RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.search.joint.neighbours import neighbour
from qexplorer.search.joint.space import choice_of_weights, parameters_of, plain_choice, recipe_for, settled
from qexplorer.search.joint.space_types import JointParameter, JointSpace

_BASE = Recipe.parse("w8a8")
_WIDE = JointSpace(
    formats=("int8", "int4"),
    granularities=("channel", "tensor", "b32"),
    activations=("uint8", "uint16"),
    weight_calibrators=("minmax", "mse"),
    activation_calibrators=("minmax", "percentile"),
    algorithms=("gptq", "bias_correction", "adaround", "equalize"),
)


def _parameters(space: JointSpace = _WIDE) -> tuple[JointParameter, ...]:
    return parameters_of(space, _BASE, [["a"], ["b", "c"]])


def test_layers_that_share_a_weight_are_one_parameter_and_algorithms_that_exclude_each_other_another() -> None:
    """Everything else is a parameter of its own."""
    found = {each.name: each.choices for each in _parameters()}
    assert len(found["weights of a"]) == 6
    assert "weights of b and c" in found
    assert found["gptq or adaround"] == ("none", "gptq", "adaround")
    assert found["equalize"] == ("none", "equalize")
    assert len(found) == 8


def test_a_plain_choice_is_the_plain_recipe() -> None:
    """Bit for bit, under its own name."""
    parameters = _parameters()
    for word, name in (("int8-channel", "w8a8"), ("int4-channel", "w4a8"), ("int8-tensor", "w8a8-tensor")):
        made = recipe_for(_BASE, parameters, plain_choice(parameters, _BASE, word))
        assert (made.digest, made.name) == (Recipe.parse(name).digest, name)


def test_every_choice_is_in_the_recipe() -> None:
    """Rules for layers that differ from most, calibrators, formats, and algorithms in an order that they go in."""
    parameters = _parameters()
    plain = plain_choice(parameters, _BASE, "int8-channel")
    choice = list(choice_of_weights(parameters, plain, {"a": "int4-b32"}))
    words = {"weight calibrator": "mse", "activation calibrator": "percentile", "activations": "uint16"}
    words |= {"gptq or adaround": "gptq", "equalize": "equalize", "bias_correction": "bias_correction"}
    for at, each in enumerate(parameters):
        if each.name in words:
            choice[at] = each.choices.index(words[each.name])
    made = recipe_for(_BASE, parameters, choice)
    first, other = made.for_layer("a", "Conv"), made.for_layer("c", "Conv")
    assert first.weights is not None
    assert other.weights is not None
    assert (first.weights.format, first.weights.granularity, first.weights.block) == ("int4", "block", 32)
    assert (other.weights.format, other.weights.granularity) == ("int8", "channel")
    assert {first.weights.calibrator, other.weights.calibrator} == {"mse"}
    assert made.activations is not None
    assert (made.activations.format, made.activations.calibrator) == ("uint16", "percentile")
    assert {each.name for each in made.algorithms} == {"gptq", "equalize", "bias_correction"}
    assert Recipe.parse(made.to_yaml()) == made


def test_of_which_there_is_one_choice_is_settled() -> None:
    """It is no parameter, and in every recipe."""
    space = JointSpace(("int4", "int2"), ("tensor",), activations=("uint16",), weight_calibrators=("mse",))
    base = settled(space, _BASE)
    parameters = parameters_of(space, base, [])
    assert [each.choices for each in parameters] == [("int4", "int2")]
    made = recipe_for(base, parameters, (1,))
    assert made.weights is not None
    assert made.activations is not None
    assert (made.weights.format, made.weights.granularity, made.weights.calibrator) == ("int2", "tensor", "mse")
    assert made.activations.format == "uint16"


def test_what_cannot_be_asked_is_one_sentence() -> None:
    """Nothing to choose, weights in float, a granularity that there is not."""
    with pytest.raises(InputError, match="something to choose"):
        parameters_of(JointSpace(("int8",)), _BASE, [["a"]])
    with pytest.raises(RecipeError, match="weights in float"):
        parameters_of(_WIDE, Recipe.parse("fp16"), [])
    with pytest.raises(RecipeError, match="'row' is no granularity"):
        settled(JointSpace(granularities=("row",)), _BASE)


def test_a_neighbour_is_another_choice_near_the_front() -> None:
    """It differs from some of the front in at most two layers, and is not on the front itself."""
    parameters = _parameters()
    plain = plain_choice(parameters, _BASE, "int8-channel")
    other = tuple(len(each.choices) - 1 for each in parameters)
    layers = [at for at, each in enumerate(parameters) if each.layers]
    for seed in range(200):
        start, found = neighbour([plain, other], parameters, random.Random(seed))
        assert start in (plain, other)
        assert all(at < len(each.choices) for at, each in zip(found, parameters, strict=True))
        assert found not in (plain, other)
        differs = min(sum(found[at] != start[at] for at in layers) for start in (plain, other))
        assert differs <= 2
