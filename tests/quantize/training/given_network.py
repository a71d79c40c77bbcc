"""A small network with its rounding open, its samples, and a training of it, as several tests take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.core.dataset import Split
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.engine import train
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import TrainingOptions
from qexplorer.quantize.training.rounding.quantizers import Learns
from qexplorer.quantize.training.seen import Trained
from tests.made_up_algorithm import MadeUp
from tests.quantize.support import case

__all__ = ["LSQ", "ONE", "network", "split", "train_on"]

LSQ = Learns()
ONE = TrainingOptions(epochs=3, batch=16, rate=3e-3)


def network(recipe: str = "w2a8", learns: Learns = LSQ) -> tuple[QuantizedNetwork, Any]:
    """The network of a small case by a recipe, and the case."""
    one, wanted = case("mlp"), Recipe.parse(recipe)
    plan = make_plan(one.model, wanted, one.statistics)
    algorithm = MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
    draft = PlanDraft(one.model, wanted, plan, Materials(one.statistics), algorithm)  # type: ignore[arg-type]
    return QuantizedNetwork(draft, learns=learns), one


def split(one: Any, labels: np.ndarray | None = None) -> Split:
    """The case's samples, with labels if any are given."""
    return Split(dict(one.split.inputs), labels)


def train_on(
    trainee: QuantizedNetwork, one: Any, samples: Split, options: TrainingOptions = ONE, **given: Any
) -> Trained:
    """A training without labels and without anything kept, but for what is given."""
    given = {"axis": None, "kept": None, "progress": lambda *_: None} | given
    return train(trainee, one.model, samples, given.pop("loss", None), options, **given)
