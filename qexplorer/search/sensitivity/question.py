"""What is asked about a model's sensitivity, and which plans answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS, Storage, get_format
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import own_name
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from qexplorer.search.sensitivity.sensitivity_types import Rounded, Setup

__all__ = [
    "DEFAULT_PASSES",
    "FORETOLD_FORMATS",
    "LARGE_MACS",
    "SAMPLES",
    "Inquiry",
    "default_passes",
    "other_plans",
    "with_format",
]

SAMPLES = 128
"""Calibration samples that are looked at, at most."""

DEFAULT_PASSES = 3.5
"""Float passes that may be spent on evaluating layers of a large network, beside the float network itself."""

LARGE_MACS = 100_000_000
"""Multiply-accumulates of a sample from which a network is large: passes are then what everything costs."""

FORETOLD_FORMATS = ("int8", "int4", "int3", "int2")
"""Formats that the loss of a layer's weights is foretold in, beside the recipe's own."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked.

    Attributes:
        recipe: by which layers are rounded.
        samples: calibration samples, at most.
        rounded: what of a layer is rounded when it is evaluated alone.
        setups: which others are rounded meanwhile.
        passes: float passes that may be spent on evaluating; None: as many as all layers on all samples take.
        evaluate: whether layers are evaluated at all, or only foretold.
        weights: recipes as YAML, by a name, that the loss of weights is foretold in; empty: the recipe in the usual
            formats (:data:`FORETOLD_FORMATS`), without rules.
        temperature: that divergences of classes are taken at.
    """

    recipe: Recipe
    samples: int = SAMPLES
    rounded: tuple[Rounded, ...] = (Rounded.BOTH,)
    setups: tuple[Setup, ...] = (Setup.ALONE,)
    passes: float | None = DEFAULT_PASSES
    evaluate: bool = True
    weights: Mapping[str, str] = field(default_factory=dict)
    temperature: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain data that :meth:`from_json` reads back."""
        rest = {name: getattr(self, name) for name in ("samples", "passes", "evaluate", "temperature")}
        parts: dict[str, Any] = {
            "rounded": [str(each) for each in self.rounded],
            "setups": [str(each) for each in self.setups],
        }
        parts |= {"weights": dict(self.weights)} if self.weights else {}
        return {"recipe": self.recipe.to_yaml(), **rest, **parts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Inquiry:
        """What :meth:`to_json` told."""
        return cls(
            Recipe.parse(value["recipe"]),
            value["samples"],
            tuple(Rounded(each) for each in value["rounded"]),
            tuple(Setup(each) for each in value["setups"]),
            value["passes"],
            value["evaluate"],
            dict(value.get("weights", {})),
            value["temperature"],
        )


def default_passes(model: Model) -> float | None:
    """What evaluating may cost if nobody says: small networks are evaluated on all samples."""
    return DEFAULT_PASSES if (model.macs or 0) >= LARGE_MACS else None


def with_format(recipe: Recipe, format: str | None) -> Recipe:
    """``recipe`` with its weights in another format, called by what it then asks for.

    Raises:
        UnknownName: there is no such format.
        RecipeError: the recipe leaves weights in float, or the format has no scale.
    """
    if format is None:
        return recipe
    what = f"no other format can be put into '{recipe.name}'"
    if recipe.weights is None or recipe.casts:
        why = "weights are in float" if recipe.weights is None else "it casts weights and activations alike"
        raise RecipeError(f"{what}: {why}", do="take a recipe with weights on a grid, such as w8a8")
    if not get_format(format).has_scale:
        scaled = ", ".join(each.name for each in FORMATS if each.has_scale)
        raise RecipeError(f"{what}: {format} has no scale", allowed=scaled)
    changed = recipe.model_copy(update={"weights": recipe.weights.model_copy(update={"format": format})})
    return changed.model_copy(update={"name": own_name(changed)})


def other_plans(model: Model, question: Inquiry, statistics: Statistics | None) -> dict[str, Plan]:
    """Plans with weights in other formats, by format: one backward pass tells the loss in all of them."""
    recipe = question.recipe
    if recipe.weights is None:
        return {}
    plain = recipe.model_copy(update={"algorithms": ()})
    if question.weights:
        asked = {
            name: Recipe.parse(text).model_copy(update={"algorithms": ()}) for name, text in question.weights.items()
        }
        return {name: make_plan(model, each, statistics) for name, each in asked.items()}
    if get_format(recipe.weights.format).storage is not Storage.INTEGER:
        return {}
    plain = plain.model_copy(update={"layers": ()})
    own = recipe.weights.format
    return {n: make_plan(model, with_format(plain, n), statistics) for n in FORETOLD_FORMATS if n != own}
