"""Everything of a recipe chosen together, with Optuna."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qexplorer.api.given import fitted, load
from qexplorer.api.number_checks import check_real, check_whole
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.search.joint.joint_types import JointReport

__all__ = ["tune"]


def tune(
    model: Model | str | Path,
    data: DataSet | str | Path | None = None,
    recipe: Recipe | str | Path = "w8a8",
    *,
    formats: Sequence[str] = ("int8", "int4"),
    granularities: Sequence[str] = (),
    per_layer: bool = True,
    activations: Sequence[str] = (),
    weight_calibrators: Sequence[str] = ("minmax", "mse"),
    activation_calibrators: Sequence[str] = ("minmax", "percentile", "mse"),
    algorithms: Sequence[str] = ("equalize", "bias_correction"),
    quality: Literal["loss", "metric"] = "loss",
    cost: Literal["weight_bytes", "bit_operations"] = "weight_bytes",
    trials: int = 60,
    seconds: float | None = None,
    sampler: Literal["local", "nsga2", "tpe"] = "local",
    seed: int = 0,
    train_each: bool = False,
    progress: Callable[[str, float], None] | None = None,
    partly: Callable[[JointReport], None] | None = None,
) -> JointReport:
    """Formats of layers, granularity, calibrators and algorithms chosen together: the front of loss against cost.

    The search begins with plain recipes and with mixes that are solved exactly (:func:`search`), so that it never does
    worse than these. Its study lies in Optuna's own storage (``report.storage``); the same call with more trials goes
    on in it, also after a kill. ``report.front`` are the trials that nothing beats, ``report.recipe(trial)`` the recipe
    of one.

    Args:
        model: a model, or what :func:`load` takes.
        data: a data set, or what :func:`data` takes; its calibration part alone is read. A sample model brings its own.
        recipe: what is not chosen is as this says; or what ``Recipe.parse`` takes.
        formats: number formats of weights to choose among.
        granularities: ``channel``, ``tensor``, or blocks such as ``b32``; none: as the recipe says.
        per_layer: whether each layer has its own format and granularity.
        activations: number formats of activations; none: as the recipe says.
        weight_calibrators: how ranges of weights are chosen; none: as the recipe says.
        activation_calibrators: how ranges of activations are chosen; none: as the recipe says.
        algorithms: each of which may work or not; none: those of the recipe work.
        quality: ``loss``, or ``metric`` (by how much the task's metric is worse than float's).
        cost: ``weight_bytes`` or ``bit_operations``.
        trials: different recipes in the study, at most.
        seconds: no trial begins later; None: no limit.
        sampler: ``local`` (near the front), ``nsga2`` or ``tpe``.
        seed: of every draw.
        train_each: of a recipe that trains: whether every recipe that is measured is trained, which takes long; else it
            is searched without, and ``report.recipe(trial)`` is to be trained.
        progress: called with (a sentence, the share that is done).
        partly: called with what is known before the end.

    Raises:
        RecipeError: the recipe leaves weights in float, or a choice does not exist.
        InputError: there is nothing to choose among; what :func:`load` and :func:`data` raise.
        QExplorerError: Optuna is not installed (``pip install 'qexplorer[tune]'``).
    """
    from qexplorer.core.errors import InputError
    from qexplorer.search.joint.finding import find_jointly
    from qexplorer.search.joint.joint_types import COSTS, QUALITIES, SAMPLERS, JointQuestion
    from qexplorer.search.joint.space_types import JointSpace
    from qexplorer.search.training_apart import to_search

    for given, known in ((quality, QUALITIES), (cost, COSTS), (sampler, SAMPLERS)):
        if given not in known:
            raise InputError(f"'{given}' is not known here", allowed=", ".join(known), do="choose one of these")
    check_whole("trials", trials, 1)
    check_whole("seed", seed, 0)
    if seconds is not None:
        check_real("seconds", seconds, zero=False, instead="leave it out for no limit")
    space = JointSpace(
        formats=tuple(formats),
        granularities=tuple(granularities),
        per_layer=per_layer,
        activations=tuple(activations),
        weight_calibrators=tuple(weight_calibrators),
        activation_calibrators=tuple(activation_calibrators),
        algorithms=tuple(algorithms),
    )
    float_model, base = load(model), to_search(Recipe.parse(recipe), train_each=train_each)
    question = JointQuestion(base.to_yaml(), space, quality, cost, trials, seconds, sampler, seed)
    given_data = fitted(float_model, data, "recipes are judged on samples, so it needs data")
    return find_jointly(float_model, given_data, question, progress=progress, partly=partly)
