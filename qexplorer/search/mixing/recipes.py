"""A choice of formats as an ordinary recipe: one rule for each layer that differs from what most layers have."""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.recipe import LayerRule, Recipe
from qexplorer.core.recipe_words.names import own_name
from qexplorer.search.mixing.mix_types import MixGroup, MixReport

__all__ = ["mix_name", "recipe_in", "recipe_of", "unmixed"]


def unmixed(recipe: Recipe, format: str) -> Recipe:
    """``recipe`` with weights in one format, and its rules without theirs: of a mix, what its layers share."""
    assert recipe.weights is not None
    rules = []
    for rule in recipe.layers:
        weights = {name: value for name, value in (rule.weights or {}).items() if name != "format"}
        if rule.float_ or weights or rule.activations:
            rules.append(rule.model_copy(update={"weights": weights or None}))
    weights_in = recipe.weights.model_copy(update={"format": format})
    plain = recipe.model_copy(update={"weights": weights_in, "layers": tuple(rules)})
    return plain.model_copy(update={"name": own_name(plain)})


def recipe_in(report: MixReport, choice: Sequence[int]) -> Recipe:
    """The recipe that makes a choice for each group of a report."""
    return recipe_of(Recipe.parse(report.base), report.groups, choice)


def recipe_of(base: Recipe, groups: Sequence[MixGroup], choice: Sequence[int]) -> Recipe:
    """``base`` with its weights in the format that most values get, and a rule for each layer with another one."""
    assert base.weights is not None
    sizes: dict[str, int] = {}
    chosen = [group.formats[at] for group, at in zip(groups, choice, strict=True)]
    for group, name in zip(groups, chosen, strict=True):
        sizes[name] = sizes.get(name, 0) + group.parameters
    main = max(sizes, key=lambda each: sizes[each]) if sizes else base.weights.format
    rules = [
        LayerRule(match=layer, weights={"format": name})
        for group, name in zip(groups, chosen, strict=True)
        if name != main
        for layer in group.layers
    ]
    weights = base.weights.model_copy(update={"format": main})
    made = base.model_copy(update={"weights": weights, "layers": (*rules, *base.layers)})
    made = Recipe.model_validate(made.model_dump(by_alias=True))
    return made.model_copy(update={"name": mix_name(base, chosen) if rules else own_name(made)})


def mix_name(base: Recipe, chosen: Sequence[str]) -> str:
    """Such as ``w8a8 mixed: 4 int4, 8 int8``: the recipe that is shared, and how many groups have each format."""
    counts = {name: list(chosen).count(name) for name in dict.fromkeys(sorted(chosen))}
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{base.name} mixed: {told}"
