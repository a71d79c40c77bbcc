"""Drafts and networks of blocks for the hand-made graphs."""

from __future__ import annotations

import torch

from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.reconstruct.network import BlockNetwork, learned_weights
from tests.made_up_algorithm import MadeUp
from tests.quantize.given_data import data_of
from tests.quantize.support import case

__all__ = ["draft_of", "network_of"]


def draft_of(graph: str, recipe: str) -> PlanDraft:
    """The plan of a recipe for a graph of the zoo, with what an algorithm that learns may read."""
    one, wanted = case(graph), Recipe.parse(recipe)
    plan = make_plan(one.model, wanted, one.statistics)
    algorithm = MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
    materials = Materials(one.statistics, data_of(one))
    return PlanDraft(one.model, wanted, plan, materials, algorithm)  # type: ignore[arg-type]


def network_of(draft: PlanDraft, chain: int = 3, drop: float = 0.0, whole: bool = False) -> BlockNetwork:
    """Its blocks."""
    weights, _ = learned_weights(draft)
    generator = torch.Generator().manual_seed(0)
    return BlockNetwork(draft, weights, chain=chain, whole=whole, drop=drop, scales=True, generator=generator)
