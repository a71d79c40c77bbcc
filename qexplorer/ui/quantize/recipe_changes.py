"""Changes to a recipe, one control at a time: plain functions from a recipe to a recipe, and to its shortest text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Granularity, Storage, get_format
from qexplorer.core.plugin_kinds.algorithm import Stage
from qexplorer.core.plugin_kinds.algorithm_choice import plain_algorithm
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR, not_offered, starting_options
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import ActivationSpec, LayerRule, Recipe, WeightSpec
from qexplorer.core.recipe_words.names import decodes, is_automatic, own_name, short_name
from qexplorer.core.short_names import NAME_A_FILE, rule_of

__all__ = [
    "FLOAT",
    "TABLES",
    "add_rule",
    "algorithm_option",
    "algorithms_chosen",
    "changed",
    "read_recipe",
    "rules_replaced",
    "tables_changed",
    "tables_of",
    "text_of",
]

FLOAT = "float"
TABLES = ("as weights", "8 bits")
"""What tables that rows are looked up in can have: what all weights have, or int8 with one scale a channel."""

_PARTS = ("weights", "activations")


def changed(recipe: Recipe, part: str, field: str, value: Any) -> Recipe:
    """``recipe`` with one field of ``weights`` or ``activations`` changed, and with what must change along with it.

    1. The format ``float`` leaves the part as it is in the float model.
    2. A 16-bit float format is taken for both parts; leaving it gives the other part the usual integers.
    3. Another calibrator comes with its own options; those of the one before are gone.
    4. A format without zero points, or a grid that the calibrator has no range for, takes what it can have instead.
    5. Dynamic activations are uint8 and asymmetric; another format makes them static again.

    Raises:
        RecipeError: if the recipe that comes of it cannot be.
    """
    specs = _plain(recipe)
    if field == "format":
        _set_format(specs, part, value)
    elif field == "calibrator":
        own = (WeightSpec if part == "weights" else ActivationSpec).model_fields
        kept = {name: kept for name, kept in (specs[part] or {}).items() if name in own}
        specs[part] = {**kept, field: value, **starting_options(value)}
    else:
        specs[part] = {**(specs[part] or {}), field: value}
        if field == "granularity":
            specs[part] = _fitting(specs[part] or {}, part)
    activations = specs["activations"]
    if activations and activations.get("mode") == "dynamic":
        if field == "mode":
            activations |= {"format": "uint8", "symmetric": False}
        elif activations["format"] != "uint8":
            activations["mode"] = "static"
    return _rebuilt(recipe, specs["weights"], specs["activations"], recipe.layers)


def _set_format(specs: dict[str, dict[str, Any] | None], part: str, value: str) -> None:
    other = _PARTS[1 - _PARTS.index(part)]
    if value == FLOAT:
        specs[part] = None
        if _is_half(specs[other]):
            specs[other] = None
    elif get_format(value).storage is Storage.CAST:
        specs["weights"] = {"format": value, "granularity": "tensor"}
        specs["activations"] = {"format": value}
    else:
        was_half = _is_half(specs[part])
        spec = {**({} if was_half else specs[part] or {}), "format": value}
        if part == "weights" and (block := get_format(value).default_block) is not None:
            spec |= {"granularity": "block", "block": block}
        specs[part] = _fitting(spec, part)
        if _is_half(specs[other]):
            specs[other] = {"format": "uint8"} if other == "activations" else {"format": "int8"}


def _fitting(spec: dict[str, Any], part: str) -> dict[str, Any]:
    """``spec`` with what its format or grid cannot have changed to what it can: zero point, granularity, calibrator."""
    found = get_format(spec["format"])
    if not found.has_zero_point:
        spec["symmetric"] = True
    weight = part == "weights"
    if weight and spec.get("granularity", Granularity.CHANNEL) not in found.granularities:
        spec["granularity"] = str(found.granularities[0])
    shared = Granularity(spec.get("granularity", Granularity.CHANNEL)) if weight else Granularity.TENSOR
    refused = not_offered(found, shared, "weight" if weight else "activation")
    if spec.get("calibrator", DEFAULT_CALIBRATOR) in refused:
        own = WeightSpec.model_fields if weight else ActivationSpec.model_fields
        spec = {name: value for name, value in spec.items() if name in own} | {"calibrator": DEFAULT_CALIBRATOR}
    return spec


def _is_half(spec: dict[str, Any] | None) -> bool:
    return spec is not None and get_format(spec["format"]).storage is Storage.CAST


def add_rule(recipe: Recipe, rule: dict[str, Any]) -> Recipe:
    """``recipe`` with one more rule at the end, in place of an earlier one for exactly the same match."""
    rest = [r for r in recipe.layers if r.match != rule["match"]]
    return rules_replaced(recipe, [*(r.model_dump(by_alias=True, exclude_none=True) for r in rest), rule])


def rules_replaced(recipe: Recipe, rules: Sequence[dict[str, Any] | LayerRule]) -> Recipe:
    """``recipe`` with other rules. Raises RecipeError if one of them cannot be."""
    specs = _plain(recipe)
    return _rebuilt(recipe, specs["weights"], specs["activations"], rules)


def tables_of(recipe: Recipe) -> str | None:
    """Which of :data:`TABLES` the recipe asks for; None where a rule says something else of tables."""
    ours = _of_tables()
    rules = [rule for rule in recipe.layers if rule.match == ours.match]
    return TABLES[0] if not rules else TABLES[1] if rules == [ours] else None


def tables_changed(recipe: Recipe, value: str) -> Recipe:
    """``recipe`` with its rules for all tables changed to one of :data:`TABLES`; those for single layers still win."""
    ours = _of_tables()
    rest = [rule for rule in recipe.layers if rule.match != ours.match]
    return rules_replaced(recipe, [ours, *rest] if value == TABLES[1] else rest)


def _of_tables() -> LayerRule:
    return LayerRule.model_validate(rule_of("embed8"))


def algorithms_chosen(recipe: Recipe, names: list[str]) -> Recipe:
    """``recipe`` with these algorithms; those that it had keep their options, and the graph is changed before the plan.

    Raises:
        RecipeError: if they exclude each other.
    """
    kept = {each.name: plain_algorithm(each) for each in recipe.algorithms}
    ordered = sorted(names, key=lambda name: ALGORITHMS.get(name).stage is Stage.PLAN)
    return _with_algorithms(recipe, [kept.get(name, name) for name in ordered])


def algorithm_option(recipe: Recipe, name: str, option: str, value: Any) -> Recipe:
    """``recipe`` with another value for one option of the algorithm ``name``. Raises RecipeError if it cannot be."""
    wanted = [{each.name: each.options | ({option: value} if each.name == name else {})} for each in recipe.algorithms]
    return _with_algorithms(recipe, wanted)


def _with_algorithms(recipe: Recipe, algorithms: list[Any]) -> Recipe:
    specs = _plain(recipe)
    return _rebuilt(recipe, specs["weights"], specs["activations"], recipe.layers, algorithms)


def _plain(recipe: Recipe) -> dict[str, dict[str, Any] | None]:
    return {
        "weights": recipe.weights.model_dump(mode="json") if recipe.weights else None,
        "activations": recipe.activations.model_dump(mode="json") if recipe.activations else None,
    }


def _rebuilt(
    recipe: Recipe, weights: Any, activations: Any, layers: Any, algorithms: list[Any] | None = None
) -> Recipe:
    """A valid recipe of these parts, by default with the algorithms that it has; called by what it asks for, unless a
    person named it."""
    plain = [r if isinstance(r, dict) else r.model_dump(by_alias=True, exclude_none=True) for r in layers]
    asked = [plain_algorithm(each) for each in recipe.algorithms] if algorithms is None else algorithms
    fields = {"name": recipe.name, "weights": weights, "activations": activations, "algorithms": asked, "layers": plain}
    built = Recipe.parse(yaml.safe_dump(fields, sort_keys=False))  # through YAML: its errors are worded for people
    return built.model_copy(update={"name": own_name(built) if is_automatic(recipe) else recipe.name})


def read_recipe(text: str) -> Recipe:
    """A recipe from what a person typed or brought: a short name or YAML, never a path of this machine.

    Raises:
        RecipeError: with the field, what is allowed there and what to do.
    """
    one_line = text.strip()
    if "\n" in one_line or ":" in one_line or one_line.endswith((".yaml", ".yml")):
        return Recipe.parse(f"{text}\n# the end")
    try:
        return Recipe.parse(one_line)
    except RecipeError as error:
        if error.do != NAME_A_FILE:
            raise
        raise RecipeError(error.what, allowed=error.allowed, do="or make your own on page Quantize") from None


def text_of(recipe: Recipe) -> str:
    """The shortest text that :meth:`Recipe.parse` reads back to this recipe: its short name, or YAML."""
    short = short_name(recipe)
    return short if short is not None and (recipe.name == short or decodes(recipe.name)) else recipe.to_yaml()
