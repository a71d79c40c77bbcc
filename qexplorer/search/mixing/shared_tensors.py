"""Layers that read one tensor, and what a choice of activations changes for others.

A tensor has one grid, whoever chose it. A mix says the narrowest activations for all layers and wider ones by rules, so
that where choices meet the wider one wins: a layer never reads or makes fewer bits than were chosen for it. Layers that
read one tensor are one choice. A layer behind one with wider activations reads more bits than its own choice says,
which costs bit operations and belongs to the pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qexplorer.core.formats import get_format
from qexplorer.core.model import Model
from qexplorer.core.recipe import ActivationSpec, LayerRule, WeightSpec
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS
from qexplorer.search.mixing.choices import MixChoice, narrowest_activations
from qexplorer.search.mixing.mix_types import MixEdge, MixGroup

__all__ = ["WhoReads", "joined", "who_reads"]

Felt = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class WhoReads:
    """Which layers read other activations because of a layer's choice.

    Attributes:
        felt: by layer, those that read wider activations when it alone chose them, itself among them; empty where all
            choices have the same activations.
    """

    felt: Felt

    def together(self, groups: Sequence[Sequence[str]]) -> list[list[str]]:
        """Groups of layers, in order; those that read one tensor stand together."""
        pairs = [frozenset((a, b)) for a, felt in self.felt.items() for b in felt if a in self.felt.get(b, ())]
        return joined(groups, pairs)

    def edges(self, groups: Sequence[MixGroup], choices: Sequence[MixChoice]) -> tuple[MixEdge, ...]:
        """What the layers of one group cost in bit operations beyond their own choice, by the choice of another."""
        known = {choice.name: choice for choice in choices}
        found = []
        for first, maker in enumerate(groups):
            touched = frozenset[str]().union(*(self.felt.get(name, frozenset()) for name in maker.layers))
            for second, reader in enumerate(groups):
                if first == second or not touched & set(reader.layers):
                    continue
                values = tuple(
                    tuple(
                        _beyond(known[wide], known[own], cost)
                        for own, cost in zip(reader.choices, reader.costs[BIT_OPERATIONS], strict=True)
                    )
                    for wide in maker.choices
                )
                if any(any(row) for row in values):
                    found.append(MixEdge(first, second, {BIT_OPERATIONS: values}))
        return tuple(found)


def joined(groups: Sequence[Sequence[str]], alike: Iterable[frozenset[str]]) -> list[list[str]]:
    """Groups of layers, in order; those with layers of one set stand together.

    Args:
        groups: names of layers.
        alike: sets of layers.
    """
    found = [list(names) for names in groups]
    for each in alike:
        apart = [names for names in found if each.intersection(names)]
        if len(apart) > 1:
            apart[0].extend(name for names in apart[1:] for name in names)
            found = [names for names in found if not any(names is other for other in apart[1:])]
    return found


def _beyond(maker: MixChoice, reader: MixChoice, cost: float) -> float:
    """Bit operations that a reader has beyond ``cost``, what its own choice says."""
    if not (maker.on_grids and reader.on_grids) or maker.recipe.activations is None:
        return 0.0
    return cost * max(maker.bits[1] / reader.bits[1] - 1, 0.0)


def who_reads(
    model: Model, statistics: Statistics | None, choices: Sequence[MixChoice], groups: Sequence[Sequence[str]]
) -> WhoReads:
    """Asks the plan: each group in turn gets the widest activations, and all others the narrowest.

    Args:
        model: in float.
        statistics: of calibration data.
        choices: of the mix.
        groups: names of layers that share a weight.
    """
    narrow = narrowest_activations(choices)
    on_grids = [choice for choice in choices if choice.on_grids]
    wide = max(on_grids, key=lambda choice: choice.bits[1])
    if narrow is None or wide.bits[1] == get_format(narrow.format).bits:
        return WhoReads({})
    shared = wide.recipe.model_copy(
        update={
            "weights": WeightSpec(format="int8"),  # plans are made for their activations alone: with what costs least
            "activations": _plain(narrow),
            "algorithms": (),
            "layers": tuple(
                rule.model_copy(update={"weights": None})
                for rule in wide.recipe.layers
                if rule.float_ or rule.activations
            ),
        }
    )
    assert wide.recipe.activations is not None
    asked = _plain(wide.recipe.activations).model_dump(mode="json")
    before = make_plan(model, shared, statistics)
    found: dict[str, frozenset[str]] = {}
    for names in groups:
        rules = tuple(LayerRule(match=name, activations=asked) for name in names)
        after = make_plan(model, shared.model_copy(update={"layers": (*rules, *shared.layers)}), statistics)
        touched = frozenset(
            layer.name for layer in before.layers if _read(after, layer.name) != _read(before, layer.name)
        )
        found |= dict.fromkeys(names, touched)
    return WhoReads(found)


def _plain(spec: ActivationSpec) -> ActivationSpec:
    return ActivationSpec(format=spec.format, mode=spec.mode, symmetric=spec.symmetric)


def _read(plan: Plan, name: str) -> str | None:
    """What a layer reads, of ``uint8 in, uint16 out``."""
    told = plan.layer(name).activations
    return None if told is None else told.split(" in, ")[0]
