"""Which calibrator, and how many samples it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.measure.data_needed.needed_types import DataNeeded

__all__ = ["calibration_needed"]


def calibration_needed(
    model: Model | str | Path,
    recipe: Recipe | str | Path,
    tensor: str,
    data: DataSet | str | Path | None = None,
    *,
    calibrators: Sequence[str] | None = None,
    sizes: Sequence[int] | None = None,
    draws: int = 3,
    judged: int = 256,
    progress: Callable[[str, float], None] | None = None,
    partly: Callable[[DataNeeded], None] | None = None,
) -> DataNeeded:
    """Range, error and simulated accuracy of each calibrator against the number of calibration samples.

    Args:
        model: a model, or what :func:`load` takes.
        recipe: one with static activations, or what ``Recipe.parse`` takes; its calibrator of activations is changed.
        tensor: the activation whose range and error are told.
        data: a data set, or what :func:`data` takes. A sample model brings its own.
        calibrators: names; None: all that need no option.
        sizes: numbers of samples; None: 4, 8, 16, ... 512.
        draws: how often samples are drawn, in a seeded order each.
        judged: samples of the evaluation part that judge, at most.
        progress: called with (a sentence, the share that is done).
        partly: called with what is known after each draw but the last.

    Raises:
        RecipeError: nothing of the recipe is calibrated, or there is no such activation.
        InputError: what :func:`load` and :func:`data` raise.
    """
    from qexplorer.measure.data_needed.measuring import SIZES, data_needed

    float_model = load(model)
    given = fitted(float_model, data, "ranges are observed on samples, so it needs data")
    wanted = Recipe.parse(recipe)
    return data_needed(
        float_model,
        wanted,
        given,
        tensor,
        calibrators=calibrators,
        sizes=sizes or SIZES,
        draws=draws,
        judged=judged,
        progress=progress,
        partly=partly,
    )
