"""A choice for each group as an ordinary recipe: one rule for each layer that differs from what most values have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import own_name, told_apart
from qexplorer.search.mixing.choices import MixChoice, choices_of, narrowest_activations
from qexplorer.search.mixing.mix_types import MixGroup, MixReport

__all__ = ["mix_name", "named_in", "recipe_in", "recipe_of", "unmixed"]

_MOST_NAMED = 2  # layers that a name tells


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


def named_in(groups: Sequence[MixGroup], choice: Sequence[int]) -> list[str]:
    """The name of the choice of each group."""
    return [group.choices[at] for group, at in zip(groups, choice, strict=True)]


def recipe_in(report: MixReport, choice: Sequence[int]) -> Recipe:
    """The recipe that makes a choice for each group of a report, called as no other measured mix is."""
    base = Recipe.parse(report.base)
    known = {each.name: each for each in choices_of(base, report.choices)}
    made = recipe_of(base, known, report.groups, named_in(report.groups, choice))
    return told_apart(made, [Recipe.parse(mix.recipe) for mix in report.verified])


def recipe_of(
    base: Recipe, choices: Mapping[str, MixChoice], groups: Sequence[MixGroup], names: Sequence[str]
) -> Recipe:
    """The weights that most values get, the narrowest activations, and a rule for each layer with others.

    A rule goes before what all layers share, so that of two choices that meet in a tensor the wider one decides.

    Args:
        base: what all layers share.
        choices: by name.
        groups: of layers.
        names: of the choice of each group.
    """
    sizes = {name: 0 for name, choice in choices.items() if choice.on_grids}
    for group, name in zip(groups, names, strict=True):
        if name in sizes:
            sizes[name] += group.parameters
    most = max(sizes, key=lambda each: sizes[each])
    used = [choices[name] for name in dict.fromkeys(names)]
    narrow = narrowest_activations(used) or choices[most].recipe.activations
    main = MixChoice(most, choices[most].recipe.model_copy(update={"activations": narrow}))
    asked = [
        choices[name].rule(layer, main) for group, name in zip(groups, names, strict=True) for layer in group.layers
    ]
    rules = [rule for rule in asked if rule.float_ or rule.weights or rule.activations]
    made = main.recipe.model_copy(update={"layers": (*rules, *base.layers)})
    made = Recipe.model_validate(made.model_dump(by_alias=True))
    return made.model_copy(update={"name": mix_name(base, groups, names, most) if rules else own_name(made)})


def mix_name(base: Recipe, groups: Sequence[MixGroup], names: Sequence[str], main: str) -> str:
    """Such as ``w8a8 mixed: 4 int4, 8 int8 (7c1)``: the recipe that is shared, how many groups have each choice, and
    three digits of which; where a layer or two differ, ``w8a8 mixed: int8 but fc1 in int4``."""
    others = [(group.layers[0], name) for group, name in zip(groups, names, strict=True) if name != main]
    if len(others) <= _MOST_NAMED and len({name for _, name in others}) == 1 and len(others) < len(groups):
        layers = ", ".join(layer for layer, _ in others)
        told = f"{base.name} mixed: {main} but {layers} in {others[0][1]}"
        if len(told) <= 60:  # a name of a column
            return told
    counts = {name: list(names).count(name) for name in dict.fromkeys(sorted(names))}
    which = hashlib.sha256("\n".join(names).encode()).hexdigest()[:3]
    return f"{base.name} mixed: {', '.join(f'{count} {name}' for name, count in counts.items())} ({which})"
