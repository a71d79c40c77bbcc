"""What a recipe is called when it trains."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import MOST_LETTERS
from qexplorer.quantize.training.recipes import stopped_after, trained, without_until


def _named(name: str) -> Recipe:
    return Recipe.parse("w4a8").model_copy(update={"name": name})


def test_a_name_that_somebody_gave_says_that_it_trains() -> None:
    """A found mix and what was trained from it are told apart, also once its training was changed or stopped."""
    few = trained(_named("w8a8 mixed: 2 int4 (b6c)"), epochs=3)
    assert few.name == "w8a8 mixed: 2 int4 (b6c), trained with epochs 3"
    assert trained(few, epochs=20).name == "w8a8 mixed: 2 int4 (b6c), trained"
    assert stopped_after(few, 2).name == "w8a8 mixed: 2 int4 (b6c), trained with epochs 3, until 2"
    assert without_until(stopped_after(few, 2)).name == few.name
    assert trained(Recipe.parse("w4a8"), epochs=3).name == "w4a8-qat with epochs 3"


def test_a_name_that_was_given_to_a_training_stays() -> None:
    """Who named a recipe that trains knew it; a name has no more letters than one may type."""
    kept = trained(_named("mine"), epochs=3).model_copy(update={"name": "learned"})
    assert trained(kept, epochs=5).name == "learned"
    assert trained(_named("m" * 65), epochs=3).name == "m" * 65 + ", trained"
    assert len(trained(_named("m" * MOST_LETTERS), epochs=3).name) == MOST_LETTERS


def test_an_option_that_cannot_be_is_told_without_a_line_of_a_text_that_nobody_wrote() -> None:
    """Its name, what was given and what is allowed."""
    with pytest.raises(RecipeError) as caught:
        trained(Recipe.parse("w4a4"), rate=100.0)
    assert caught.value.sentence == "option 'rate' of 'qat': 100.0 must be at most 1"
