"""A recipe that trains, searched without that, and what was found with it again."""

from __future__ import annotations

from qexplorer.core.recipe import Recipe
from qexplorer.quantize.training.recipes import asked_of, trained
from qexplorer.search.training_apart import to_search, trained_as


def test_training_is_left_out_of_a_search_and_put_back_onto_what_was_found() -> None:
    """Its options come back with it; every recipe is trained where that is asked for."""
    asked = trained(Recipe.parse("w8a8-equalize"), epochs=3)
    plain = to_search(asked, train_each=False)
    assert plain == Recipe.parse("w8a8-equalize")
    assert to_search(asked, train_each=True) is asked
    found = trained_as(Recipe.parse("w4a8").model_copy(update={"name": "w8a8 mixed: 2 int4 (b6c)"}), asked)
    training = asked_of(found)
    assert training is not None
    assert training.options["epochs"] == 3
    assert found.name == "w8a8 mixed: 2 int4 (b6c), trained with epochs 3"


def test_what_trains_already_or_must_not_stays_as_it_was_found() -> None:
    """Without a training there is nothing to put back; an algorithm that excludes it wins, as it was found to help."""
    asked = trained(Recipe.parse("w8a8"), epochs=3)
    found = Recipe.parse("w4a8")
    assert trained_as(found, Recipe.parse("w8a8")) is found
    assert trained_as(asked, trained(Recipe.parse("w8a8"), epochs=9)) is asked
    rounded = Recipe.parse("w4a8-adaround")
    assert trained_as(rounded, asked) is rounded
