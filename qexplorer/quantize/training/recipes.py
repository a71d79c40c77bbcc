"""Recipes that train: which they are, and what a training that was stopped leaves as one."""

from __future__ import annotations

import re
from typing import Any

import yaml
from pydantic import ValidationError

from qexplorer.core.errors import RecipeError
from qexplorer.core.plugin_kinds.algorithm_choice import AskedAlgorithm, plain_algorithm
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.faults import words_of
from qexplorer.core.recipe_words.names import MOST_LETTERS, is_automatic, own_name

__all__ = ["QAT", "asked_of", "stopped_after", "trained", "widths", "without_until"]

QAT = "qat"
"""The algorithm that trains."""

_TRAINED, _MOST_TOLD = re.compile(r", trained( with .*)?$"), 2


def asked_of(recipe: Recipe) -> AskedAlgorithm | None:
    """The training that a recipe asks for; None: it asks for none."""
    return next((each for each in recipe.algorithms if each.name == QAT), None)


def trained(recipe: Recipe, **options: Any) -> Recipe:
    """``recipe`` with training as its last algorithm, or with other options for the one that it has.

    A name that somebody gave, such as that of a found mix, gets ``, trained`` behind it, and which options are not the
    usual ones, so that it is not taken for the recipe that does not train.

    Args:
        recipe: what is to be trained.
        **options: of the algorithm ``qat``; those not given stay as they are, or are by default.

    Raises:
        RecipeError: there is no such option, it cannot have this value, or another algorithm excludes training.
    """
    before = asked_of(recipe)
    wanted = {QAT: {**({} if before is None else before.options), **options}}
    try:
        AskedAlgorithm.model_validate(wanted)
    except ValidationError as error:  # no line of a text is to blame
        raise RecipeError(words_of(error.errors()[0])) from None
    others = [plain_algorithm(each) for each in recipe.algorithms if each.name != QAT]
    plain = recipe.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"layers"})
    rules = [rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in recipe.layers]
    value = plain | {"algorithms": [*others, wanted], "layers": rules}
    built = Recipe.parse(yaml.safe_dump(value, sort_keys=False))  # through YAML: its errors are worded for people
    return built.model_copy(update={"name": own_name(built) if is_automatic(recipe) else _name(recipe, built)})


def _name(before: Recipe, after: Recipe) -> str:
    """What a recipe with a name of its own is called when it trains."""
    asked, said = asked_of(after), _TRAINED.search(before.name)
    if asked is None or (asked_of(before) is not None and said is None):
        return before.name  # whoever named it knew that it trains
    usual = asked.algorithm.options().model_dump(mode="json")
    other = [f"{key} {value}".replace("_", " ") for key, value in asked.options.items() if value != usual[key]]
    told = f", trained with {', '.join(other)}" if 0 < len(other) <= _MOST_TOLD else ", trained"
    stem = _TRAINED.sub("", before.name)
    return next((name for name in (stem + told, f"{stem}, trained") if len(name) <= MOST_LETTERS), before.name)


def widths(stages: str) -> tuple[int, ...]:
    """The option ``stages``: ``8,6`` as ``(8, 6)``; nothing for an empty text."""
    return tuple(int(each) for each in stages.replace(" ", "").split(",") if each)


def stopped_after(recipe: Recipe, epoch: int) -> Recipe:
    """The recipe of what a training by ``recipe`` had come to after ``epoch``: the same file, each time."""
    return trained(recipe, until=epoch)


def without_until(recipe: Recipe) -> Recipe:
    """``recipe`` with its training going all the way."""
    return recipe if asked_of(recipe) is None else trained(recipe, until=0)
