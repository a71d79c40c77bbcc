"""The job that searches jointly, and hands over what it knows as it goes."""

from __future__ import annotations

from typing import Literal

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report
from qexplorer.search.joint.joint_types import JointReport

__all__ = ["JOINT", "JointOrder"]


class JointOrder(DataOrder):
    """What to search; fields as in ``api.tune``.

    Attributes:
        recipe: what is not chosen is as this says.
        formats: of weights.
        granularities: of weights.
        per_layer: whether each layer has its own.
        activations: formats of activations.
        weight_calibrators: of weights.
        activation_calibrators: of activations.
        algorithms: each of which may work or not.
        quality: the first objective.
        cost: the second.
        trials: recipes in the study, at most.
        seconds: no trial begins later.
        sampler: what draws.
        seed: of every draw.
        train_each: whether every recipe that is measured is trained, where the recipe trains.
    """

    recipe: RecipeText
    formats: tuple[str, ...] = ("int8", "int4")
    granularities: tuple[str, ...] = ()
    per_layer: bool = True
    activations: tuple[str, ...] = ()
    weight_calibrators: tuple[str, ...] = ()
    activation_calibrators: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    quality: Literal["loss", "metric"] = "loss"
    cost: Literal["weight_bytes", "bit_operations"] = "weight_bytes"
    trials: int = 60
    seconds: float | None = None
    sampler: Literal["local", "nsga2", "tpe"] = "local"
    seed: int = 0
    train_each: bool = False


def find(order: JointOrder, report: Report[JointReport]) -> JointReport:
    """Starts or goes on, and keeps the report."""
    model, data = load_both(order, report)
    from qexplorer import api

    return api.tune(model, data=data, **order.asked, progress=report.after_loading, partly=report.partial)


JOINT = JobKind(
    "joint", "Searching jointly", "Joint search", JointOrder, JointReport, find, partial=JointReport, sweeps=True
)
