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
from qexplorer.quantize.plan_types import Plan
from qexplorer.run.protocol import KernelKind
from qexplorer.run.registry import BACKENDS
from qexplorer.search.costs.planned import PlannedNetwork
from qexplorer.search.mixing.choices import MixChoice
from qexplorer.search.mixing.mix_types import MixEdge, MixGroup
from qexplorer.search.mixing.shared_tensors import joined, who_reads
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
    networks: Mapping[str, PlannedNetwork],
    data: DataSet,
    choices: Sequence[MixChoice],
    samples: int,
    temperature: float,
    tell: Progress,
) -> dict[str, Losses]:
    """How sensitive layers are, by choice: those whose networks are the same are asked about together.

    Args:
        networks: of the choices (see ``networks.py``). A narrower float is cast in the first network on grids.
        data: whose calibration part is looked at.
        choices: the widest first.
        samples: at most.
        temperature: that divergences are taken at.
        tell: told a sentence and the share that is done.
    """
    alike: dict[str, list[MixChoice]] = {}
    for choice in choices:
        if choice.on_grids:
            alike.setdefault(networks[choice.name].model.sha256, []).append(choice)
    casts = [choice for choice in choices if choice.casts]
    found: dict[str, Losses] = {}
    for at, (same, others) in enumerate(zip(alike.values(), [casts, *[[]] * (len(alike) - 1)], strict=True)):

        def told(text: str, share: float, at: int = at) -> None:
            tell(text, (at + share) / len(alike))

        losses = _losses_in(networks[same[0].name].model, data, [*same, *others], samples, temperature, told)
        found |= dict.fromkeys((choice.name for choice in (*same, *others)), losses)
    return found


def _losses_in(
    model: Model, data: DataSet, choices: Sequence[MixChoice], samples: int, temperature: float, tell: Progress
) -> Losses:
    """Asks once for the weights, and once for each format of activations."""
    on_grids = [choice for choice in choices if choice.on_grids]
    narrowest, casts = on_grids[-1], [choice for choice in choices if choice.casts]
    by_activations = {choice.activations_in: choice for choice in on_grids if choice.recipe.activations is not None}
    steps = 1 + len(casts) + len(by_activations.keys() - {narrowest.activations_in})
    done = 0

    def asked(choice: MixChoice, rounded: tuple[Rounded, ...], others: Sequence[MixChoice] = ()) -> SensitivityReport:
        nonlocal done
        question = Inquiry(
            recipe=choice.recipe.model_copy(update={"algorithms": ()}),  # the network is as they left it
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
    networks: Mapping[str, PlannedNetwork],
    statistics: Statistics | None,
    choices: Sequence[MixChoice],
    losses: Mapping[str, Losses],
    activations_share: Mapping[str, float],
    hardware: str | None,
) -> ForetoldGroups:
    """Groups of layers with what each choice loses and costs.

    Args:
        networks: of the choices.
        statistics: of calibration data, of the network before algorithms.
        choices: the widest first.
        losses: of layers, by choice; those that round nothing have none.
        activations_share: by what activations are in, by how much what they lose alone is taken.
        hardware: the backend whose integer kernels decide on choices; None: all are free.

    Raises:
        RecipeError: there is nothing to choose.
    """
    first = next(choice for choice in choices if choice.on_grids)
    main = networks[first.name]
    model, plan = main.before, main.plan
    by_name = {layer.name: layer for layer in model.layers}
    able = {c.name: runs_as_integers(model, c.recipe, hardware) for c in choices if hardware and c.on_grids}
    groups, whole = [], [choice for choice in choices if not (hardware and choice.casts)]
    by_weight = [
        names for each in sharing(plan, index_of(main.model).tied) if (names := [n for n in each if n in by_name])
    ]
    readers = who_reads(model, statistics, choices, by_weight)
    fed = [each for network in networks.values() for each in network.fed_alike()]
    for names in joined(readers.together(by_weight), fed):
        if not all(each.knows(names) for each in losses.values()):
            continue
        ruled = any(rule.matches(each, by_name[each].op) for rule in first.recipe.layers for each in names)
        mine = [c for c in whole if c.name not in able or able[c.name].issuperset(names)]
        mine = [c for c in mine if c.on_grids or not ruled]
        mine = [c for c in mine if c.is_float or losses[c.name].answers(names, c)] or mine
        if not mine or len({_treated(networks[c.name].plan, names) for c in mine}) < min(2, len(mine)):
            continue  # a rule of the recipe decides
        told = tuple(_loss(losses, names, c, activations_share.get(c.activations_in, 1.0)) for c in mine)
        costs = [networks[c.name].costs(names) for c in mine]
        groups.append(
            MixGroup(
                layers=tuple(names),
                parameters=_parameters(plan, names),
                choices=tuple(c.name for c in mine),
                losses=told,
                costs={kind: tuple(each[kind] for each in costs) for kind in costs[0]},
                source="evaluated" if all(each.is_evaluated(names) for each in losses.values()) else "gradient",
            )
        )
    if not any(len(group.choices) > 1 for group in groups):
        what, do = "no layer's choice is open", "look at page Sensitivity, which says why"
        if hardware:
            what += f", as {BACKENDS.get(hardware).label} declares its integer kernels"
            do = "let choices be free of the backend, or add others"
        raise RecipeError(what, do=do)
    everything, chosen = main.costs(), main.costs([name for group in groups for name in group.layers])
    other = {kind: value - chosen[kind] for kind, value in everything.items()}
    return ForetoldGroups(tuple(groups), readers.edges(groups, choices), other)


def _loss(losses: Mapping[str, Losses], names: Sequence[str], choice: MixChoice, share: float) -> float:
    """Of layers that share a choice."""
    if choice.is_float:
        return 0.0
    found = losses[choice.name]
    return found.of_weights(names, choice) + share * found.of_activations(names, choice)


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
