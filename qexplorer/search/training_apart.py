"""A recipe that trains, searched without its training, which is put back onto what was found.

Every recipe that a search measures is made, and one that trains takes minutes where others take seconds.
"""

from __future__ import annotations

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import is_automatic, own_name
from qexplorer.quantize.training.recipes import QAT, asked_of, trained

__all__ = ["to_search", "trained_as"]


def to_search(recipe: Recipe, *, train_each: bool) -> Recipe:
    """``recipe`` as a search makes it: without its training, unless every recipe that is measured is to be trained."""
    if train_each or asked_of(recipe) is None:
        return recipe
    plain = recipe.model_copy(update={"algorithms": tuple(each for each in recipe.algorithms if each.name != QAT)})
    return plain.model_copy(update={"name": own_name(plain)}) if is_automatic(recipe) else plain


def trained_as(found: Recipe, asked: Recipe) -> Recipe:
    """What was found, with the training that ``asked`` has; itself where that has none, where it trains already, and
    where an algorithm that was found excludes training."""
    training = asked_of(asked)
    if training is None or asked_of(found) is not None:
        return found
    try:
        return trained(found, **training.options)
    except RecipeError:
        return found
