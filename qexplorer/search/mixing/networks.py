"""The network of every choice, as the algorithms that the recipe has would leave it if all layers had that choice.

An algorithm that changes the graph decides by the grids that a layer gets: behind 8-bit weights a rotation may be worth
a product in front, behind 4-bit ones not. What a layer loses and costs in a choice is that of the network that is made
for this choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm import Stage
from qexplorer.core.recipe import Recipe
from qexplorer.core.words.numbers import number_text
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan, QuantizedModel
from qexplorer.quantize.size import foretold_bytes
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.costs.cost_kinds import WEIGHT_BYTES
from qexplorer.search.costs.planned import PlannedNetwork
from qexplorer.search.mixing.choices import MixChoice

__all__ = ["changes_graph", "file_notes", "graph_only", "networks_of", "unchanged"]


_WORTH_SAYING = 0.01  # of the weights


def graph_only(recipe: Recipe) -> Recipe:
    """``recipe`` with the algorithms that change the graph alone: others change codes, which cost time to find and are
    as many."""
    kept = tuple(each for each in recipe.algorithms if each.algorithm.stage is Stage.GRAPH)
    return recipe.model_copy(update={"algorithms": kept})


def unchanged(recipe: Recipe) -> Recipe:
    """``recipe`` without algorithms: in int8, what budgets are fractions of."""
    return recipe.model_copy(update={"algorithms": ()})


def changes_graph(recipe: Recipe) -> bool:
    """Whether one of its algorithms may change the graph."""
    return bool(graph_only(recipe).algorithms)


def networks_of(
    model: Model,
    statistics: Statistics | None,
    choices: Sequence[MixChoice],
    made: Callable[[Recipe], QuantizedModel],
) -> dict[str, PlannedNetwork]:
    """The network of each choice, by its name.

    Args:
        model: in float.
        statistics: of calibration data.
        choices: of the mix.
        made: quantizes the model; asked only where the recipe has an algorithm that may change the graph.
    """
    return {
        choice.name: PlannedNetwork.made(made(graph_only(choice.recipe)))
        if changes_graph(choice.recipe)
        else PlannedNetwork.of(model, model, make_plan(model, choice.recipe, statistics))
        for choice in choices
    }


def file_notes(networks: Mapping[str, PlannedNetwork], model: Model, int8: Plan) -> tuple[str, ...]:
    """What a reader should know of what files hold beside the layers' own weights; nothing of next to nothing.

    Args:
        networks: by choice.
        model: in float.
        int8: the plan of the model with all layers in int8, without what algorithms add.
    """
    weights = plan_costs(model, int8)[WEIGHT_BYTES]
    added = {name: each.added_bytes for name, each in networks.items()}
    most = max(added, key=lambda name: added[name])
    beside = foretold_bytes(model, int8) - weights
    said = []
    if added[most]:
        said.append(
            "What the recipe's algorithms put beside layers counts as weights: with all layers in "
            f"{most} it is {100 * added[most] / max(weights, 1):.3g} % of int8's bytes. Budgets are fractions of int8 "
            "without it."
        )
    if beside > _WORTH_SAYING * weights:
        said.append(
            f"Beside weights a file holds about {number_text(beside / 1000)} kB of biases and of scales of activations,"
            " which choices hardly change: sizes on pages Quantize and Compare count them, budgets do not."
        )
    return tuple(said)
