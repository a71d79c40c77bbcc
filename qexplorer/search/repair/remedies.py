"""What can be done about each fault: changes of a recipe, the cheapest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from qexplorer.core.errors import RecipeError
from qexplorer.core.plugin_kinds.decisions import why_first
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import LayerRule, Recipe
from qexplorer.core.recipe_words.faults import first_fault
from qexplorer.search.repair.repair_types import Diagnosis, Fault

__all__ = ["REMEDIES", "Remedy", "remedies_for"]

Change = Callable[[Recipe, Diagnosis], Recipe | None]
"""A changed recipe; None where the change is not one (it is there already, or does not apply)."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One remedy.

    Attributes:
        title: what is done, as a person reads it.
        change: of the recipe.
    """

    title: str
    change: Change


def _rule(recipe: Recipe, *layers: str, **fields: Any) -> Recipe:
    """With a last rule for each of some layers."""
    rules = [LayerRule.model_validate({"match": layer, **fields}) for layer in layers]
    return _checked(recipe, layers=[each.model_dump(by_alias=True) for each in (*recipe.layers, *rules)])


def _checked(recipe: Recipe, **update: Any) -> Recipe:
    try:
        return Recipe.model_validate(recipe.model_dump(by_alias=True) | update)
    except ValidationError as error:
        raise RecipeError(first_fault(error, {"recipe": Recipe})) from None


def _is_rounded(recipe: Recipe, diagnosis: Diagnosis) -> bool:
    """Whether there is a layer whose own grids can be changed: one that was put in float has none to mend."""
    asked = recipe.for_layer(diagnosis.layer, diagnosis.op)
    return bool(diagnosis.layer) and (asked.weights is not None or asked.activations is not None)


def _per_channel(recipe: Recipe, diagnosis: Diagnosis) -> Recipe | None:
    if recipe.weights is None or not _is_rounded(recipe, diagnosis):
        return None
    return _rule(recipe, diagnosis.layer, *diagnosis.shares, weights={"granularity": "channel"})


def _weights_in(format: str) -> Change:
    def change(recipe: Recipe, diagnosis: Diagnosis) -> Recipe | None:
        if recipe.weights is None or recipe.weights.format != "int8" or not _is_rounded(recipe, diagnosis):
            return None
        return _rule(recipe, diagnosis.layer, *diagnosis.shares, weights={"format": format})

    return change


def _place(recipe: Recipe, name: str) -> int:
    """How many of the recipe's algorithms must go before this one."""
    decides = ALGORITHMS.get(name).decides
    before = [at for at, each in enumerate(recipe.algorithms) if why_first(each.algorithm.decides, decides)]
    return max(before, default=-1) + 1


def _with_algorithm(name: str, *, first: bool = False) -> Change:
    def change(recipe: Recipe, diagnosis: Diagnosis) -> Recipe | None:  # noqa: ARG001 - algorithms are for all layers
        if any(each.algorithm.name == name for each in recipe.algorithms):
            return None
        there = [each.model_dump(by_alias=True) for each in recipe.algorithms]
        at = _place(recipe, name) if first else len(there)
        return _checked(recipe, algorithms=[*there[:at], name, *there[at:]])

    return change


def _activations(**fields: Any) -> Change:
    def change(recipe: Recipe, diagnosis: Diagnosis) -> Recipe | None:
        static = recipe.activations is not None and recipe.activations.mode == "static"
        if not static or not _is_rounded(recipe, diagnosis):
            return None
        return _rule(recipe, diagnosis.layer, activations=fields)

    return change


def _asymmetric(recipe: Recipe, diagnosis: Diagnosis) -> Recipe | None:
    symmetric = recipe.activations is not None and recipe.activations.symmetric
    if not symmetric or not _is_rounded(recipe, diagnosis):
        return None
    return _rule(recipe, diagnosis.layer, activations={"symmetric": False})


def _dynamic(recipe: Recipe, diagnosis: Diagnosis) -> Recipe | None:  # noqa: ARG001 - for all layers
    if recipe.activations is None or recipe.activations.mode == "dynamic":
        return None
    return _checked(recipe, activations={"format": "uint8", "mode": "dynamic"})


def _float(recipe: Recipe, diagnosis: Diagnosis) -> Recipe | None:
    if not _is_rounded(recipe, diagnosis):
        return None
    return _rule(recipe, diagnosis.layer, *diagnosis.shares, float=True)


_PER_CHANNEL = Remedy("a scale for each channel", _per_channel)
_EQUALIZE = Remedy("equalization of channels", _with_algorithm("equalize", first=True))
_SMOOTH = Remedy("SmoothQuant", _with_algorithm("smoothquant", first=True))
_CLIP = Remedy("the range with the least squared error", _activations(calibrator="mse"))
_PERCENTILE = Remedy("the range of 99.9 % of the values", _activations(calibrator="percentile", percentile=99.9))
_WIDE = Remedy("16-bit activations", _activations(format="uint16"))
_ASYMMETRIC = Remedy("an asymmetric grid", _asymmetric)
_DYNAMIC = Remedy("ranges of each input as it comes (dynamic)", _dynamic)
_ROUNDING = Remedy("learned rounding (AdaRound)", _with_algorithm("adaround"))
_BIAS = Remedy("bias correction", _with_algorithm("bias_correction"))
_SEVEN = Remedy("7-bit weights: two products then fit 16 bits", _weights_in("int7"))
_FLOAT = Remedy("float", _float)

REMEDIES: Mapping[Fault, tuple[Remedy, ...]] = {
    Fault.ONE_CLASS: (_DYNAMIC,),
    Fault.UNLIKE: (_DYNAMIC,),
    Fault.FEW: (_DYNAMIC,),
    Fault.DEPTHWISE: (_PER_CHANNEL, _EQUALIZE, _FLOAT),
    Fault.UNEQUAL: (_PER_CHANNEL, _EQUALIZE, _FLOAT),
    Fault.OUTLIER: (_EQUALIZE, _SMOOTH, _CLIP, _WIDE, _FLOAT),
    Fault.MISMATCHED: (_EQUALIZE, _CLIP, _WIDE, _FLOAT),
    Fault.FAR: (_CLIP, _PERCENTILE, _WIDE, _FLOAT),
    Fault.SKEWED: (_ASYMMETRIC, _WIDE, _FLOAT),
    Fault.DEAD: (_CLIP, _WIDE, _FLOAT),
    Fault.SATURATED: (_SEVEN, _FLOAT),
    Fault.SENSITIVE: (_BIAS, _ROUNDING, _WIDE, _FLOAT),
}
"""For each fault what may help, the cheapest to run first."""


def remedies_for(diagnosis: Diagnosis) -> tuple[Remedy, ...]:
    """What may help a layer."""
    return REMEDIES[diagnosis.fault]
