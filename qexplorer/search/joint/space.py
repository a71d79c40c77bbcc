"""The space of a joint search: what is chosen, and the recipe that a choice means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from qexplorer.core.errors import InputError, RecipeError
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.algorithm import Stage
from qexplorer.core.plugin_kinds.algorithm_choice import AskedAlgorithm
from qexplorer.core.plugin_kinds.decisions import why_first, why_not_both
from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.recipe import LayerRule, Recipe
from qexplorer.core.recipe_words.faults import first_fault
from qexplorer.core.recipe_words.names import own_name
from qexplorer.search.joint.space_types import JointParameter, JointSpace

__all__ = ["NONE", "choice_of_weights", "parameters_of", "plain_choice", "recipe_for", "settled", "weight_words"]

NONE = "none"
_GRANULARITIES = ("channel", "tensor")


def weight_words(space: JointSpace, base: Recipe) -> tuple[str, ...]:
    """What weights may be, as words: ``int4`` (granularity as in the recipe), ``int4-tensor``, ``int4-b32``."""
    assert base.weights is not None
    formats = space.formats or (base.weights.format,)
    if len(space.granularities) < 2:
        return formats
    return tuple(f"{name}-{each}" for name in formats for each in space.granularities)


def settled(space: JointSpace, recipe: Recipe) -> Recipe:
    """``recipe`` with everything of which the space leaves one choice."""
    if recipe.weights is None:
        return recipe
    weights, activations = recipe.weights, recipe.activations
    if len(space.formats) == 1:
        weights = weights.model_copy(update={"format": space.formats[0]})
    if len(space.granularities) == 1:
        spec = _spec(f"{weights.format}-{space.granularities[0]}")
        weights = weights.model_copy(update=spec | {"granularity": Granularity(spec["granularity"])})
    if len(space.weight_calibrators) == 1:
        weights = weights.with_calibrator(space.weight_calibrators[0])
    if activations is not None and len(space.activations) == 1:
        activations = activations.model_copy(update={"format": space.activations[0]})
    if activations is not None and activations.mode == "static" and len(space.activation_calibrators) == 1:
        activations = activations.with_calibrator(space.activation_calibrators[0])
    return _checked(
        recipe.model_copy(update={"weights": weights, "activations": activations}).model_dump(by_alias=True)
    )


def _checked(fields: dict[str, Any]) -> Recipe:
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise RecipeError(first_fault(error, {"recipe": Recipe})) from None


def parameters_of(space: JointSpace, base: Recipe, groups: Sequence[Sequence[str]]) -> tuple[JointParameter, ...]:
    """Everything that has more than one choice.

    Args:
        space: what may be chosen.
        base: what the space leaves as it is.
        groups: layers whose weights share one choice; empty: all layers do.

    Raises:
        InputError: nothing can be chosen, or an algorithm cannot be chosen here.
        RecipeError: the recipe leaves weights in float.
    """
    if base.weights is None or base.casts:
        raise RecipeError(f"'{base.name}' leaves weights in float, so there is nothing to choose")
    words = weight_words(space, base)
    found = [JointParameter(f"weights of {' and '.join(names)}", "weights", words, tuple(names)) for names in groups]
    found = found or [JointParameter("weights", "weights", words)]
    found.append(JointParameter("weight calibrator", "weight calibrator", space.weight_calibrators))
    if base.activations is not None:
        found.append(JointParameter("activations", "activations", space.activations))
        if base.activations.mode == "static":
            kind = "activation calibrator"
            found.append(JointParameter(kind, kind, space.activation_calibrators))
    for slot in _slots(space.algorithms):
        found.append(JointParameter(" or ".join(slot), "algorithm", (NONE, *slot)))
    some = tuple(each for each in found if len(each.choices) > 1)
    if not some:
        raise InputError("a joint search needs something to choose among", do="add a format, calibrator or algorithm")
    return some


def _slots(names: Sequence[str]) -> list[list[str]]:
    """Algorithms in sets of which at most one works: those that decide the same."""
    slots: list[list[str]] = []
    for name in dict.fromkeys(names):
        decides = ALGORITHMS.get(name).decides
        excluded = [s for s in slots if any(why_not_both(decides, ALGORITHMS.get(o).decides) for o in s)]
        merged = [each for slot in excluded for each in slot] + [name]
        slots = [slot for slot in slots if slot not in excluded] + [merged]
    return slots


def plain_choice(parameters: Sequence[JointParameter], base: Recipe, word: str) -> tuple[int, ...]:
    """All weights as ``word`` says, everything else as the recipe has it, or the first choice where that has none."""
    assert base.weights is not None
    named = {each.name for each in base.algorithms}
    own = {
        "weights": word,
        "weight calibrator": base.weights.calibrator,
        "activations": base.activations.format if base.activations else "",
        "activation calibrator": base.activations.calibrator if base.activations else "",
    }

    def at(parameter: JointParameter) -> int:
        if parameter.kind == "algorithm":
            wanted = next((each for each in parameter.choices if each in named), NONE)
        else:
            wanted = own[parameter.kind]
        return parameter.choices.index(wanted) if wanted in parameter.choices else 0

    return tuple(at(parameter) for parameter in parameters)


def choice_of_weights(
    parameters: Sequence[JointParameter], plain: Sequence[int], formats: dict[str, str]
) -> tuple[int, ...]:
    """``plain`` with the format of each layer as ``formats`` says; layers that are not there stay."""
    changed = list(plain)
    for at, parameter in enumerate(parameters):
        word = next((formats[name] for name in parameter.layers if name in formats), None)
        if parameter.kind == "weights" and word in parameter.choices:
            changed[at] = parameter.choices.index(word)
    return tuple(changed)


def recipe_for(
    base: Recipe, parameters: Sequence[JointParameter], choice: Sequence[int], number: int | None = None
) -> Recipe:
    """The ordinary recipe that a choice means; ``number`` is the trial's, and tells mixes of equal counts apart.

    Raises:
        RecipeError: the parts do not go together, such as a calibrator that has no range for a block.
    """
    assert base.weights is not None
    chosen = {each.name: each.choices[at] for each, at in zip(parameters, choice, strict=True)}
    fields: dict[str, Any] = base.model_dump(mode="json", by_alias=True)
    weights, activations = base.weights, base.activations
    if name := chosen.get("weight calibrator"):
        weights = weights.with_calibrator(name) if name != weights.calibrator else weights
    if activations is not None and (name := chosen.get("activation calibrator")):
        activations = activations.with_calibrator(name) if name != activations.calibrator else activations
    fields["weights"] = weights.model_dump(mode="json")
    fields["activations"] = None if activations is None else activations.model_dump(mode="json")
    if name := chosen.get("activations"):
        fields["activations"]["format"] = name
    fields["algorithms"] = _algorithms(base, parameters, chosen)
    layered = [each for each in parameters if each.kind == "weights"]
    words = Counter(chosen[each.name] for each in layered for _ in each.layers or ("all",))
    main = max(words, key=lambda word: words[word]) if words else None
    if main is not None:
        fields["weights"] |= _spec(main)
    rules = [
        LayerRule(match=layer, weights=_spec(chosen[each.name])).model_dump(mode="json", by_alias=True)
        for each in layered
        if chosen[each.name] != main
        for layer in each.layers
    ]
    fields["layers"] = [*rules, *fields["layers"]]
    made = _checked(fields)
    return made.model_copy(update={"name": own_name(made) if not rules else _mixed_name(made, words, number)})


def _spec(word: str) -> dict[str, Any]:
    """Fields of weights that a word means."""
    name, _, shared = word.partition("-")
    if shared.startswith("b") and shared[1:].isdigit():
        return {"format": name, "granularity": "block", "block": int(shared[1:])}
    if shared and shared not in _GRANULARITIES:
        raise RecipeError(f"'{shared}' is no granularity", allowed="channel, tensor, or a block such as b32")
    return {"format": name, "granularity": shared} if shared else {"format": name}


def _mixed_name(made: Recipe, words: Counter[str], number: int | None) -> str:
    plain = own_name(made.model_copy(update={"layers": ()}))
    told = ", ".join(f"{words[word]} {word}" for word in sorted(words))
    return f"{plain} joint{'' if number is None else f' {number}'}: {told}"


def _algorithms(base: Recipe, parameters: Sequence[JointParameter], chosen: dict[str, str]) -> list[Any]:
    """Those of the recipe that are no choice, and the chosen ones, in an order that they go in."""
    among = {name for each in parameters if each.kind == "algorithm" for name in each.choices}
    own = {each.name: each for each in base.algorithms}
    names = [name for name in own if name not in among]
    names += [chosen[each.name] for each in parameters if each.kind == "algorithm" and chosen[each.name] != NONE]
    asked = [own.get(name) or AskedAlgorithm.model_validate(name) for name in names]
    return [each.model_dump(mode="json") for each in _in_order(asked)]


def _in_order(asked: list[AskedAlgorithm]) -> list[AskedAlgorithm]:
    left = sorted(asked, key=lambda each: each.algorithm.stage is not Stage.GRAPH)
    placed: list[AskedAlgorithm] = []
    while left:
        first = next(
            (
                each
                for each in left
                if not any(
                    other is not each and why_first(other.algorithm.decides, each.algorithm.decides) for other in left
                )
            ),
            left[0],
        )
        left.remove(first)
        placed.append(first)
    return placed
