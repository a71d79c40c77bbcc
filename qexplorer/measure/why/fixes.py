"""Changes of a recipe that a cause proposes, as data, and the one function that makes them.

A change is a mapping with one or more of these keys:

- ``activations``, ``weights``: fields that are set for the whole recipe; rules that say otherwise lose those fields;
- ``float``: matches of layers (names, or ``op:`` and a type) that are kept in float;
- ``drop_rules``: matches of rules that are taken out.

What it brings is predicted from the cause and not measured: the changed recipe is compared like any other.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from typing import Any

from qexplorer.core.recipe import ActivationSpec, LayerRule, Recipe, WeightSpec

__all__ = ["changed_recipe", "exactly"]


def changed_recipe(recipe: Recipe, change: Mapping[str, Any]) -> Recipe:
    """``recipe`` with ``change``; its name is kept, so whoever keeps both gives one another name.

    Raises:
        RecipeError: the result cannot be a recipe (through ``Recipe.parse``).
    """
    dropped = set(change.get("drop_rules") or ())
    rules = [_without(rule, change) for rule in recipe.layers if rule.match not in dropped]
    rules += [LayerRule.model_validate({"match": match, "float": True}) for match in change.get("float") or ()]
    kept = [rule for rule in rules if rule.float_ or rule.weights or rule.activations]
    activations: ActivationSpec | None = recipe.activations
    weights: WeightSpec | None = recipe.weights
    if change.get("activations"):
        activations = ActivationSpec(**{**(activations.model_dump() if activations else {}), **change["activations"]})
    if change.get("weights"):
        weights = WeightSpec(**{**(weights.model_dump() if weights else {}), **change["weights"]})
    built = Recipe(
        name=recipe.name, weights=weights, activations=activations, algorithms=recipe.algorithms, layers=tuple(kept)
    )
    return Recipe.parse(built.to_yaml())


def _without(rule: LayerRule, change: Mapping[str, Any]) -> LayerRule:
    """The rule without the fields that ``change`` sets for all."""
    left: dict[str, dict[str, Any] | None] = {}
    for part in ("weights", "activations"):
        fields = getattr(rule, part)
        gone = change.get(part) or {}
        left[part] = None if fields is None else {k: v for k, v in fields.items() if k not in gone} or None
    return rule.model_copy(update=left)


def exactly(name: str) -> str:
    """A rule's match for the layer called ``name`` and no other: ``*``, ``?`` and ``[`` in it stand for themselves."""
    return glob.escape(name)
