"""What rounding each layer costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.api.number_checks import check_whole
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.search.sensitivity.sensitivity_types import SensitivityReport

__all__ = ["sensitivity"]


def sensitivity(
    model: Model | str | Path,
    data: DataSet | str | Path | None = None,
    recipe: Recipe | str | Path = "w8a8",
    *,
    format: str | None = None,
    samples: int | None = None,
    rounded: Sequence[str] = ("both",),
    setups: Sequence[str] = ("alone",),
    passes: float | None = -1.0,
    evaluate: bool = True,
    progress: Callable[[str, float], None] | None = None,
    partly: Callable[[SensitivityReport], None] | None = None,
) -> SensitivityReport:
    """What rounding each layer costs: foretold for all layers from gradients, then evaluated layer by layer.

    In a notebook the report shows itself; ``report.worst()`` are its layers, the worst first.

    Args:
        model: a model, or what :func:`load` takes.
        data: a data set, or what :func:`data` takes; its calibration part alone is read. A sample model brings its own.
        recipe: by which layers are rounded, or what ``Recipe.parse`` takes.
        format: number format of the weights, in place of the recipe's.
        samples: calibration samples that are looked at, at most; None: 128.
        rounded: what of a layer is rounded when it is evaluated alone: ``weights``, ``activations``, ``both``.
        setups: which other layers are rounded meanwhile: ``alone`` (none), ``all_but_one``, ``cumulative`` (all up to
            it in graph order).
        passes: float passes over the samples that evaluating may cost; where that is less than all layers on all
            samples take, most are evaluated on fewer samples, and say so. Below 0: 3.5
            for large networks (100 million multiply-accumulates), no end for others; None: no end.
        evaluate: False foretells alone.
        progress: called with (a sentence, the share that is done).
        partly: called with what is known before the end.

    Raises:
        RecipeError: the recipe cannot be applied.
        InputError: what :func:`load` and :func:`data` raise, or a word that is none of those above.
    """
    from qexplorer.core.errors import InputError
    from qexplorer.search.sensitivity.finding import find_sensitivity
    from qexplorer.search.sensitivity.question import SAMPLES, Inquiry, default_passes, with_format
    from qexplorer.search.sensitivity.sensitivity_types import Rounded, Setup

    for given, known in ((rounded, Rounded), (setups, Setup)):
        for word in given:
            if word not in [str(each) for each in known]:
                raise InputError(f"'{word}' is not known here", allowed=", ".join(known), do="choose one of these")
    if samples is not None:
        check_whole("samples", samples, 1)
    if passes is not None and math.isnan(passes):
        raise InputError("passes cannot be nan", allowed="a number, or None for no end")
    float_model = load(model)
    question = Inquiry(
        recipe=with_format(Recipe.parse(recipe), format),
        samples=SAMPLES if samples is None else samples,
        rounded=tuple(Rounded(each) for each in rounded),
        setups=tuple(Setup(each) for each in setups),
        passes=default_passes(float_model) if passes is not None and passes < 0 else passes,
        evaluate=evaluate,
    )
    given_data = fitted(float_model, data, "answers are compared on samples, so it needs data")
    return find_sensitivity(float_model, given_data, question, progress=progress, partly=partly)
