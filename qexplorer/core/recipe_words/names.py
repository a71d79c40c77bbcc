"""Names of recipes: the short name that says everything, or else one of what is asked for; no two for different things.

A name is for people. What belongs to a recipe is looked up by its digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Storage, get_format
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR, needs_options
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.core.recipe import ActivationSpec, LayerRule, Recipe, WeightSpec
from qexplorer.core.short_names import expand, rule_of, stem_of

__all__ = ["MOST_LETTERS", "decodes", "distinct", "is_automatic", "misleads", "own_name", "short_name", "told_apart"]

MOST_LETTERS = 80
_MOST_TOLD = 2
_FLOAT = "float"
_NUMBER = re.compile(r" \((\d+)\)$")
_ONCE_AUTOMATIC = re.compile(r"recipe|mine( \d+)?")  # of a text without a name; of earlier versions


def short_name(recipe: Recipe) -> str | None:
    """The short name that stands for exactly this recipe, or None if none does."""
    candidate = _candidate(recipe)
    if not decodes(candidate):
        return None
    return candidate if Recipe.parse(candidate).digest == recipe.digest else None


def own_name(recipe: Recipe) -> str:
    """What to call a recipe that nobody named: its short name, or what comes nearest and what differs from that.

    Of one recipe it is always the same; different recipes may share it (see :func:`told_apart`).
    """
    short = short_name(recipe)
    if short is not None:
        return short
    name, count = _candidate(recipe), len(recipe.layers)
    if count:
        plain = own_name(recipe.model_copy(update={"layers": ()}))
        return f"{plain}{', ' if ' with ' in plain else ' with '}{count} exception{'' if count == 1 else 's'}"
    if not decodes(name):
        return name
    told = _beside(recipe)
    return f"{name} with {', '.join(told) if 0 < len(told) <= _MOST_TOLD else 'options'}"


def _beside(recipe: Recipe) -> list[str]:
    """What the recipe asks for that no short name says: ranges of weights beside activations, and options."""
    found = []
    if recipe.weights is not None and recipe.activations is not None:
        calibrator = recipe.weights.calibrator
        found += [] if calibrator == DEFAULT_CALIBRATOR else [f"{calibrator} weights"]
    if recipe.activations is not None and stem_of(get_format(recipe.activations.format)):
        found.append(f"{recipe.activations.format} activations")
    asked = [(CALIBRATORS.get(spec.calibrator).options(), spec.options.model_dump()) for spec in _specs(recipe)]
    asked += [(each.algorithm.options(), each.options) for each in recipe.algorithms]
    for default, options in asked:
        usual = default.model_dump(mode="json")
        found += [f"{key.replace('_', ' ')} {value}" for key, value in options.items() if value != usual[key]]
    return found


def _specs(recipe: Recipe) -> list[WeightSpec | ActivationSpec]:
    return [
        spec
        for spec in (recipe.weights, recipe.activations)
        if spec and not needs_options(CALIBRATORS.get(spec.calibrator))
    ]


def is_automatic(recipe: Recipe) -> bool:
    """Whether the recipe's name was made, so that it may follow what the recipe asks for; else a person chose it."""
    name = _NUMBER.sub("", recipe.name)
    return decodes(name) or name == own_name(recipe) or _ONCE_AUTOMATIC.fullmatch(name) is not None


def misleads(name: str, recipe: Recipe) -> bool:
    """Whether ``name`` says something else: it is the float model's, or the short name of another recipe."""
    if name == _FLOAT:
        return not recipe.is_float
    return decodes(name) and Recipe.parse(name).digest != recipe.digest


def told_apart(recipe: Recipe, others: Iterable[Recipe]) -> Recipe:
    """``recipe`` under a name that no other recipe of ``others`` has and that does not mislead: its own if that will
    do, with a number behind it if not."""
    taken = {other.name for other in others if other.digest != recipe.digest}
    name = recipe.name.strip()
    if not name or misleads(name, recipe):
        name = own_name(recipe)
    stem, number = _NUMBER.sub("", name), 2
    while name in taken:
        name, number = f"{stem} ({number})", number + 1
    return recipe if name == recipe.name else recipe.model_copy(update={"name": name})


def distinct(recipes: Sequence[Recipe]) -> list[Recipe]:
    """Each thing asked for once, in order, under names that tell them apart; the first of two keeps its own."""
    found: dict[str, Recipe] = {}
    for recipe in recipes:
        if recipe.digest not in found:
            found[recipe.digest] = told_apart(recipe, found.values())
    return list(found.values())


def decodes(name: str) -> bool:
    """Whether ``name`` is a short name."""
    try:
        expand(name)
    except RecipeError:
        return False
    return True


def _candidate(recipe: Recipe) -> str:
    """The short name that comes nearest to the recipe without its exceptions, but for one that an option says."""
    options = [] if len(recipe.layers) != 1 else [_of_tables(recipe.layers[0])]
    names = [each.name for each in recipe.algorithms]
    return "-".join([_parts(recipe.weights, recipe.activations), *filter(None, options), *names])


def _of_tables(rule: LayerRule) -> str:
    """The option ``embed8`` for an exception of all tables in int8; empty for any other."""
    name = str((rule.weights or {}).get("format", ""))
    option = f"embed{name.removeprefix('int')}"
    same = rule_of(option) if name.startswith("int") else None
    return option if same is not None and LayerRule.model_validate(same) == rule else ""


def _parts(weights: WeightSpec | None, activations: ActivationSpec | None) -> str:
    if weights is None:
        return _FLOAT if activations is None else f"a{get_format(activations.format).bits}"
    given = get_format(weights.format)
    if given.storage is Storage.CAST:
        return weights.format
    name = stem_of(given) or f"w{given.bits}"
    options = [] if weights.granularity == "channel" else ["tensor"]
    if weights.granularity == "block":
        options = [] if weights.block == given.default_block else [f"b{weights.block}"]
    if not weights.symmetric:
        options.append("asym")
    calibrator = weights.calibrator if activations is None else activations.calibrator
    if activations is not None:
        name += f"a{get_format(activations.format).bits}"
        options += ["dynamic"] if activations.mode == "dynamic" else []
        options += ["sym"] if activations.symmetric else []
    if calibrator != DEFAULT_CALIBRATOR:
        options.append(calibrator)
    return "-".join([name, *options])
