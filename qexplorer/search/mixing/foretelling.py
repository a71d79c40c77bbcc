"""What every choice of every group loses and costs, before any mix is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import index_of
from qexplorer.measure.why.facts import expected_kind, facts_of
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from qexplorer.run.protocol import KernelKind
from qexplorer.run.registry import BACKENDS
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.mixing.choices import MixChoice
from qexplorer.search.mixing.mix_types import MixEdge, MixGroup
from qexplorer.search.mixing.shared_tensors import who_reads
from qexplorer.search.mixing.tables import Losses, sharing
from qexplorer.search.sensitivity.finding import find_sensitivity
from qexplorer.search.sensitivity.question import Inquiry, default_passes
from qexplorer.search.sensitivity.sensitivity_types import Rounded, SensitivityReport

__all__ = [
    "ForetoldGroups",
    "foretold_groups",
    "losses_of",
    "runs_as_integers",
    "share_in_the_whole",
]

Progress = Callable[[str, float], None]
_LEAST_SHARE, _MOST_SHARE = 0.05, 2.0  # of what activations lose alone, that they lose in the whole network


@dataclass(frozen=True, slots=True, eq=False)
class ForetoldGroups:
    """Groups, and what is theirs.

    Attributes:
        groups: with losses of weights and of activations, and costs of bytes and bit operations.
        edges: bit operations of layers that read wider activations than they chose.
        other: costs that no choice changes.
    """

    groups: tuple[MixGroup, ...]
    edges: tuple[MixEdge, ...]
    other: dict[str, float]


def losses_of(
    model: Model, data: DataSet, choices: Sequence[MixChoice], samples: int, temperature: float, tell: Progress
) -> Losses:
    """Asks how sensitive layers are: once for the weights, and once for each format of activations.

    Args:
        model: in float.
        data: whose calibration part is looked at.
        choices: the widest first.
        samples: at most.
        temperature: that divergences are taken at.
        tell: told a sentence and the share that is done.
    """
    on_grids = [choice for choice in choices if choice.on_grids]
    narrowest, casts = on_grids[-1], [choice for choice in choices if choice.casts]
    by_activations = {choice.activations_in: choice for choice in on_grids if choice.recipe.activations is not None}
    steps = 1 + len(casts) + len(by_activations.keys() - {narrowest.activations_in})
    done = 0

    def asked(choice: MixChoice, rounded: tuple[Rounded, ...], others: Sequence[MixChoice] = ()) -> SensitivityReport:
        nonlocal done
        question = Inquiry(
            recipe=choice.recipe.model_copy(update={"algorithms": ()}),
            samples=samples,
            rounded=rounded,
            passes=default_passes(model),
            weights={each.weights_in: each.recipe.to_yaml() for each in others},
            temperature=temperature,
        )
        found = find_sensitivity(model, data, question, progress=lambda text, share: tell(text, (done + share) / steps))
        done += 1
        return found

    static = narrowest.recipe.activations is not None
    first = asked(narrowest, (Rounded.WEIGHTS, Rounded.ACTIVATIONS) if static else (Rounded.WEIGHTS,), on_grids)
    activations = {narrowest.activations_in: first} if static else {}
    for name, choice in by_activations.items():
        if name not in activations:
            activations[name] = asked(choice, (Rounded.ACTIVATIONS,))
    return Losses(first, activations, {c.name: asked(c, (Rounded.BOTH,)) for c in casts}, narrowest.name)


def runs_as_integers(model: Model, recipe: Recipe, backend: str) -> frozenset[str]:
    """Names of the layers that a backend declares integer kernels for, as a recipe asks for them."""
    used = BACKENDS.get(backend)
    facts = facts_of(model, recipe)
    return frozenset(name for name, fact in facts.items() if expected_kind(fact, used) is KernelKind.INTEGER)


def foretold_groups(
    model: Model,
    statistics: Statistics | None,
    choices: Sequence[MixChoice],
    losses: Losses,
    activations_share: Mapping[str, float],
    hardware: str | None,
) -> ForetoldGroups:
    """Groups of layers with what each choice loses and costs.

    Args:
        model: in float.
        statistics: of calibration data.
        choices: the widest first.
        losses: of layers.
        activations_share: by what activations are in, by how much what they lose alone is taken.
        hardware: the backend whose integer kernels decide on choices; None: all are free.

    Raises:
        RecipeError: there is nothing to choose.
    """
    plans = {choice.name: make_plan(model, choice.recipe, statistics) for choice in choices}
    first = next(choice for choice in choices if choice.on_grids)
    by_name = {layer.name: layer for layer in model.layers}
    able = {c.name: runs_as_integers(model, c.recipe, hardware) for c in choices if hardware and c.on_grids}
    groups, whole = [], [choice for choice in choices if not (hardware and choice.casts)]
    by_weight = sharing(plans[first.name], index_of(model).tied)
    readers = who_reads(model, statistics, choices, by_weight)
    for names in readers.together(by_weight):
        if not losses.knows(names):
            continue
        ruled = any(rule.matches(each, by_name[each].op) for rule in first.recipe.layers for each in names)
        mine = [c for c in whole if c.name not in able or able[c.name].issuperset(names)]
        mine = [c for c in mine if c.on_grids or not ruled]
        mine = [c for c in mine if losses.answers(names, c)] or mine
        if not mine or len({_treated(plans[c.name], names) for c in mine}) < min(2, len(mine)):
            continue  # a rule of the recipe decides
        told = tuple(
            losses.of_weights(names, c) + activations_share.get(c.activations_in, 1.0) * losses.of_activations(names, c)
            for c in mine
        )
        costs = [plan_costs(model, plans[c.name], names) for c in mine]
        groups.append(
            MixGroup(
                layers=tuple(names),
                parameters=_parameters(plans[first.name], names),
                choices=tuple(c.name for c in mine),
                losses=told,
                costs={kind: tuple(each[kind] for each in costs) for kind in costs[0]},
                source=losses.source(names),
            )
        )
    if not any(len(group.choices) > 1 for group in groups):
        what, do = "no layer's choice is open", "look at page Sensitivity, which says why"
        if hardware:
            what += f", as {BACKENDS.get(hardware).label} declares its integer kernels"
            do = "let choices be free of the backend, or add others"
        raise RecipeError(what, do=do)
    everything, open_to = plan_costs(model, plans[first.name]), [name for group in groups for name in group.layers]
    chosen = plan_costs(model, plans[first.name], open_to)
    other = {kind: value - chosen[kind] for kind, value in everything.items()}
    return ForetoldGroups(tuple(groups), readers.edges(groups, choices), other)


def _parameters(plan: Plan, names: Sequence[str]) -> int:
    """Values in the weights of layers; one that several read is counted once, where its bytes are."""
    return sum(layer.parameters for name in names if (layer := plan.layer(name)).weight_bytes)


def _treated(plan: Plan, names: Sequence[str]) -> tuple[object, ...]:
    layers = [plan.layer(name) for name in names]
    return tuple((layer.treatment, layer.weights, layer.activations) for layer in layers)


def share_in_the_whole(measured: float, weights: float, activations: float) -> float:
    """By how much the losses of activations alone are taken, so that a plain choice is foretold to lose what it was
    measured to: a tensor that two layers round is rounded once, and errors meet."""
    if activations <= 0:
        return 1.0
    return float(np.clip((measured - weights) / activations, _LEAST_SHARE, _MOST_SHARE))
