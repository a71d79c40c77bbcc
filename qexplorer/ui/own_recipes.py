"""The session's recipes: the one being edited and those picked for Compare, each known by its digest.

Names are for people, so no two recipes of a session share one: a recipe that nobody named is called by what it asks
for, and a number stands behind a name that another one has already.
"""

from __future__ import annotations

from collections.abc import Iterable

from qexplorer.core.errors import QExplorerError, RecipeError
from qexplorer.core.formats import Granularity, get_format
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.calibrator_choice import chosen
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import MOST_LETTERS, is_automatic, misleads, own_name, told_apart
from qexplorer.ui.quantize.recipe_changes import read_recipe, text_of
from qexplorer.ui.session import current_recipe, keep, state

__all__ = [
    "add_to_comparison",
    "bound_to_fail",
    "compared",
    "is_compared",
    "labels_of",
    "names_now",
    "rename_recipe",
    "set_recipe",
    "texts_once",
]


def compared() -> list[Recipe]:
    """What is picked for Compare; texts that are no recipes (any more) are passed over."""
    found = []
    for text in state().compare:
        try:
            found.append(read_recipe(text))
        except QExplorerError:
            continue
    return found


def names_now() -> dict[str, str]:
    """What the session calls its recipes today, by their digests: those picked, and the one being edited if a person
    named it."""
    names = {recipe.digest: recipe.name for recipe in compared()}
    try:
        own = current_recipe()
    except QExplorerError:  # its text is being written
        return names
    return names if is_automatic(own) else {own.digest: own.name} | names


def is_compared(recipe: Recipe) -> bool:
    """Whether the very thing that ``recipe`` asks for is picked for Compare, whatever it is called there."""
    return any(recipe.digest == other.digest for other in compared())


def set_recipe(recipe: Recipe) -> None:
    """Makes ``recipe`` the one being edited, under a name that none of those picked has."""
    others, now = compared(), state()
    same = next((other for other in others if other.digest == recipe.digest), None)
    named = same if same is not None and is_automatic(recipe) else told_apart(recipe, others)
    now.recipe = text_of(named)
    keep(now)


def add_to_comparison(*recipes: Recipe) -> None:
    """Picks those of ``recipes`` that are not picked yet; the one being edited follows where its name gets a number."""
    now = state()
    for recipe in recipes:
        if is_compared(recipe):
            continue
        named = told_apart(recipe, compared())
        if _digest(now.recipe) == recipe.digest:
            now.recipe = text_of(named)
        now.compare = [*now.compare, text_of(named)]
    keep(now)


def rename_recipe(recipe: Recipe, name: str) -> None:
    """Calls ``recipe`` ``name`` wherever the session has it; an empty name gives back the one that says what it asks.

    Raises:
        RecipeError: the name is another recipe's, says something else, or is too long.
    """
    wanted = " ".join(name.split())
    if len(wanted) > MOST_LETTERS:
        raise RecipeError("this name is too long", allowed=f"{MOST_LETTERS} letters")
    if misleads(wanted, recipe):
        raise RecipeError(f"'{wanted}' is the short name of another recipe", do="choose a name of your own")
    if any(other.name == wanted and other.digest != recipe.digest for other in compared()):
        raise RecipeError(f"another recipe in the comparison is called '{wanted}'", do="choose another name")
    named = recipe.model_copy(update={"name": wanted or own_name(recipe)})
    text, now = text_of(told_apart(named, compared())), state()
    now.compare = [text if _digest(each) == recipe.digest else each for each in now.compare]
    now.recipe = text
    keep(now)


def labels_of(texts: Iterable[str]) -> dict[str, str]:
    """What to show for each text, no two alike: a widget takes two choices of one label for one choice."""
    found: dict[str, str] = {}
    for text in texts:
        try:
            name = read_recipe(text).name
        except RecipeError:
            name = text
        label, number = name, 2
        while label in found.values() and text not in found:
            label, number = f"{name} ({number})", number + 1
        found.setdefault(text, label)
    return found


def texts_once(texts: Iterable[str]) -> list[str]:
    """``texts`` without those that ask for what an earlier one does, under names that tell them apart.

    Raises:
        RecipeError: one of them is no recipe.
    """
    found: dict[str, Recipe] = {}
    for text in texts:
        recipe = read_recipe(text)
        if recipe.digest not in found:
            found[recipe.digest] = told_apart(recipe, found.values())
    return [text_of(recipe) for recipe in found.values()]


def bound_to_fail(recipe: Recipe, model: Model | None) -> RecipeError | None:
    """Why a calibrator of ``recipe`` refuses what it asks for, which no data can change; None if none does.

    Args:
        recipe: to look at.
        model: whose layers it is for; None: what it asks of any layer without a rule of its own.
    """
    layers = [] if model is None else [recipe.for_layer(each.name, each.op) for each in model.quantizable_layers]
    weights = {each.weights for each in layers if each.weights is not None}
    if model is None and recipe.weights is not None:
        weights = {recipe.weights}
    for spec in weights:
        found = get_format(spec.format)
        if not found.has_scale:
            continue
        try:
            chosen(spec.calibrator, found, Granularity(spec.granularity), "weight")
        except RecipeError as error:
            return RecipeError(error.what, where=recipe.name, allowed=error.allowed, do=error.do)
    return None


def _digest(text: str) -> str | None:
    """What a text asks for; None if it is no recipe."""
    try:
        return read_recipe(text).digest
    except QExplorerError:
        return None
