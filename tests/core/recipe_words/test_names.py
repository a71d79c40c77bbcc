"""Names of recipes: they say what is asked for, and no two recipes that differ share one."""

from __future__ import annotations

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import distinct, is_automatic, own_name, told_apart

TIGHT = "weights: {format: int8}\nactivations: {format: uint8, calibrator: percentile, percentile: 99.5}\n"
TABLES = "{{match: 'op:Gather', weights: {{format: {}, granularity: {}}}}}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("w4a8-mse", "w4a8-mse"),
        ("weights: {format: int8}\nactivations: {format: uint8}\n", "w8a8"),
        (TIGHT, "w8a8-percentile with percentile 99.5"),
        ("weights: {format: int8, calibrator: mse}\nactivations: {format: uint8}\n", "w8a8 with mse weights"),
        ("weights: {format: int8}\nlayers: [{match: a, float: true}]\n", "w8 with 1 exception"),
        ("weights: {format: int8}\nlayers: [{match: a, float: true}, {match: b}]\n", "w8 with 2 exceptions"),
        (
            "weights: {format: int8, calibrator: mse}\nactivations: {format: uint8}\nlayers: [{match: a}]\n",
            "w8a8 with mse weights, 1 exception",
        ),
        (f"{TIGHT}".replace("int8}", "int8, calibrator: mse}", 1), "w8a8-percentile with mse weights, percentile 99.5"),
        (
            f"{TIGHT}".replace("int8}", "int8, calibrator: percentile, percentile: 99}", 1),
            "w8a8-percentile with options",
        ),
        *(
            (name, name)
            for name in ("nf4", "nf4-b32", "w4-b32", "w8-tensor-asym", "w8a8-dynamic", "w4a8-sym-kl", "fp16")
        ),
        ("weights: {format: uint8}\nactivations: {format: int16}\n", "w8a16 with options"),
        (f"weights: {{format: int4}}\nlayers: [{TABLES.format('int8', 'channel')}]\n", "w4-embed8"),
        (f"weights: {{format: int4}}\nlayers: [{TABLES.format('int8', 'tensor')}]\n", "w4 with 1 exception"),
        (f"weights: {{format: int4}}\nlayers: [{TABLES.format('nf4', 'channel')}]\n", "w4 with 1 exception"),
        (
            f"weights: {{format: int4}}\nlayers: [{TABLES.format('int8', 'channel')}, {{match: a}}]\n",
            "w4 with 2 exceptions",
        ),
    ],
)
def test_a_recipe_without_a_name_is_called_by_what_it_asks_for(text: str, name: str) -> None:
    """The short name where one says everything; else the nearest and what differs; such a name follows changes."""
    found = Recipe.parse(text)
    assert own_name(found) == name
    assert is_automatic(found.model_copy(update={"name": name}))
    assert is_automatic(found.model_copy(update={"name": f"{name} (2)"}))
    for once in ("recipe", "mine", "mine 3"):  # what earlier versions called them
        assert is_automatic(found.model_copy(update={"name": once}))
    for own in ("for the demo", "mine too", "my recipe"):
        assert not is_automatic(found.model_copy(update={"name": own}))


def test_no_two_share_a_name() -> None:
    """Of two that differ the later gets a number, whatever numbers are taken; what asks for the same is there once."""
    recipes = [Recipe.parse(f"name: mine\nweights: {{format: int{bits}}}\n") for bits in (8, 4, 8, 6)]
    taken = Recipe.parse("name: mine (2)\nweights: {format: int5}\n")
    found = distinct([recipes[0], taken, *recipes[1:]])
    assert [each.name for each in found] == ["mine", "mine (2)", "mine (3)", "mine (4)"]
    assert len({each.digest for each in found}) == len(found)


@pytest.mark.parametrize(
    ("name", "becomes"), [("float", "w4"), ("w8a8", "w4"), ("", "w4"), ("w4", "w4"), ("own", "own")]
)
def test_a_name_that_means_something_else_is_not_taken(name: str, becomes: str) -> None:
    """A quantized recipe called float, or by another's short name, would be taken for that in every table."""
    recipe = Recipe.parse("w4").model_copy(update={"name": name})
    assert told_apart(recipe, []).name == becomes


def test_the_same_recipe_takes_no_name_away() -> None:
    """What asks for the same keeps the name, however often it is there; only another recipe makes a number needed."""
    mine = Recipe.parse("name: mine\nweights: {format: int8}\n")
    other = Recipe.parse("name: mine\nweights: {format: int4}\n")
    assert told_apart(mine, [mine, mine]).name == "mine"
    assert told_apart(mine, [mine, other]).name == "mine (2)"


def test_another_spelling_of_what_it_asks_for_does_not_mislead() -> None:
    """Options of a short name stand in any order; the name that was given stays."""
    recipe = Recipe.parse("w8a8-mse-sym")
    assert own_name(recipe) == "w8a8-sym-mse"
    assert told_apart(recipe, []).name == "w8a8-mse-sym"
