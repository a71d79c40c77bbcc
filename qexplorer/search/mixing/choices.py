"""What a layer can be put into: a format of weights, a pair of weights and activations with a granularity, or float.

A choice is a change of what all layers share, written as

1. a number format (``int4``): weights in it, everything else as it is;
2. a short name of a recipe (``w4a8``, ``w8a16``, ``w4a8-b32``, ``fp16``): its formats and granularity;
3. ``float``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS, Storage, get_format
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR
from qexplorer.core.recipe import ActivationSpec, LayerRule, Recipe, WeightSpec
from qexplorer.core.recipe_words.names import own_name
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS, WEIGHT_BYTES

__all__ = ["FLOAT", "MixChoice", "choices_of", "most_of_int8", "narrowest_activations"]

FLOAT = "float"


@dataclass(frozen=True, slots=True)
class MixChoice:
    """One choice.

    Attributes:
        name: as it is written.
        recipe: all layers with this choice; rules of the shared recipe stay.
    """

    name: str
    recipe: Recipe

    @property
    def is_float(self) -> bool:
        """Whether nothing is rounded."""
        return self.name == FLOAT

    @property
    def casts(self) -> bool:
        """Whether values are cast to a narrower float."""
        weights = self.recipe.weights
        return not self.is_float and weights is not None and get_format(weights.format).storage is Storage.CAST

    @property
    def on_grids(self) -> bool:
        """Whether weights are rounded to a grid with a scale."""
        return not self.is_float and not self.casts

    @property
    def weights_in(self) -> str:
        """A name for what weights are rounded to: choices of one name round them alike."""
        weights = self.recipe.weights
        if weights is None:
            return FLOAT
        shared = f"b{weights.block}" if weights.granularity == "block" else str(weights.granularity)
        return f"{weights.format} {shared}{'' if weights.symmetric else ' asym'}"

    @property
    def activations_in(self) -> str:
        """The same of activations."""
        activations = self.recipe.activations
        if activations is None:
            return FLOAT
        return f"{activations.format} {activations.mode}{' sym' if activations.symmetric else ''}"

    @property
    def bits(self) -> tuple[int, int]:
        """Of weights and activations; 32 for floats."""
        parts = (self.recipe.weights, self.recipe.activations)
        weights, activations = (32 if part is None else get_format(part.format).bits for part in parts)
        return weights, activations

    def rule(self, layer: str, main: MixChoice) -> LayerRule:
        """What puts one layer into it where all others have another one."""
        if self.is_float:
            return LayerRule(match=layer, float_=True)
        weights, activations = (
            _unlike(mine, others)
            for mine, others in (
                (self.recipe.weights, main.recipe.weights),
                (self.recipe.activations, main.recipe.activations),
            )
        )
        return LayerRule(match=layer, weights=weights or None, activations=activations or None)


def _unlike(mine: WeightSpec | ActivationSpec | None, others: WeightSpec | ActivationSpec | None) -> dict[str, Any]:
    """Fields of one part that another one has otherwise."""
    if mine is None:
        return {}
    theirs = {} if others is None else others.model_dump(mode="json")
    found = {name: value for name, value in mine.model_dump(mode="json").items() if theirs.get(name) != value}
    return {name: value for name, value in found.items() if name != "block" or str(mine.granularity) == "block"}  # type: ignore[union-attr]


def choices_of(base: Recipe, names: Sequence[str]) -> tuple[MixChoice, ...]:
    """The choices, the widest first.

    Args:
        base: what layers share.
        names: of the choices; two that ask for the same are one.

    Raises:
        RecipeError: a name means nothing, cannot be mixed with ``base``, or fewer than two choices are left.
    """
    if base.weights is None:
        raise RecipeError(f"'{base.name}' leaves weights in float, so there is nothing to mix")
    if base.casts:
        what = f"no other format can be put into '{base.name}': it casts weights and activations alike"
        raise RecipeError(what, do="take a recipe such as w8a8, and fp16 as one of the choices")
    found: dict[str, MixChoice] = {}
    for name in dict.fromkeys(names):
        choice = _choice(base, name.strip())
        found.setdefault(choice.recipe.digest, choice)
    if len(found) < 2:
        raise RecipeError("a mix needs two choices or more", allowed="such as int8 and int4, or w8a8 and float")
    if not any(choice.on_grids for choice in found.values()):
        raise RecipeError("one of the choices must round weights to a grid", allowed="such as int8 or w8a8")
    return tuple(sorted(found.values(), key=lambda choice: (-choice.bits[0], -choice.bits[1])))


def most_of_int8(base: Recipe, names: Sequence[str]) -> dict[str, float]:
    """The most that choices can cost of what is counted, as a fraction of int8's; empty while they cannot be mixed.

    Args:
        base: what layers share.
        names: of the choices.
    """
    try:
        choices = choices_of(base, names)
    except RecipeError:
        return {}
    own = MixChoice("int8", base).bits[1]
    weights = max(choice.bits[0] + _bits_of_scales(choice.recipe.weights) for choice in choices) / 8
    return {WEIGHT_BYTES: weights, BIT_OPERATIONS: max(w * a for w, a in (c.bits for c in choices)) / (8 * own)}


def _bits_of_scales(weights: WeightSpec | None) -> float:
    """Of a weight in blocks, whose scales are no small part of it."""
    return 32 / weights.block if weights is not None and weights.granularity == "block" else 0.0


def narrowest_activations(choices: Iterable[MixChoice]) -> ActivationSpec | None:
    """The activations with the fewest bits of those on grids; None where none are."""
    found = [each for each in choices if each.on_grids and each.recipe.activations is not None]
    return min(found, key=lambda each: each.bits[1]).recipe.activations if found else None


def _choice(base: Recipe, name: str) -> MixChoice:
    if name == FLOAT:
        return MixChoice(name, Recipe(name=FLOAT))
    if name in FORMATS and get_format(name).has_scale:
        return _made(base, name, {"format": name}, None)
    if name in FORMATS and get_format(name).storage is not Storage.CAST:
        raise RecipeError(f"{name} has no scale, so that weights cannot be put into it alone", where=name)
    asked = Recipe.parse(name)
    if asked.algorithms or asked.layers or asked.weights is None:
        what = "a choice says formats and granularity of weights and activations, and nothing else"
        raise RecipeError(what, where=name, allowed="such as int4, w4a8, w8a16, fp16, float")
    if not asked.casts and (asked.activations is None) != (base.activations is None):
        other = "weights alone" if asked.activations is None else "activations too"
        raise RecipeError(
            f"'{name}' rounds {other}, unlike '{base.name}', whose layers it would stand beside",
            where=name,
            do="choose activations alike, or float",
        )
    weights = _differing(asked.weights, ("format", "granularity", "block", "symmetric"))
    activations = None if asked.activations is None else _differing(asked.activations, ("format", "mode", "symmetric"))
    return _made(base, name, weights, activations)


def _differing(spec: WeightSpec | ActivationSpec, fields: Sequence[str]) -> dict[str, Any]:
    value = spec.model_dump(mode="json")
    found = {name: value[name] for name in fields if name != "block" or value["granularity"] == "block"}
    return found | ({} if value["calibrator"] == DEFAULT_CALIBRATOR else {"calibrator": value["calibrator"]})


def _made(base: Recipe, name: str, weights: dict[str, Any], activations: dict[str, Any] | None) -> MixChoice:
    parts: dict[str, Any] = {"weights": (base.weights.model_dump() if base.weights else {}) | weights}
    if activations is not None:
        parts["activations"] = (base.activations.model_dump() if base.activations else {}) | activations
    value = base.model_dump(by_alias=True) | parts
    recipe = Recipe.model_validate(value)
    return MixChoice(name, recipe.model_copy(update={"name": own_name(recipe)}))
