"""The best mix of number formats under a budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.search.mixing.mix_types import MixReport

__all__ = ["search"]


def search(
    model: Model | str | Path,
    data: DataSet | str | Path | None = None,
    recipe: Recipe | str | Path = "w8a8",
    *,
    share: float | None = 0.6,
    most_drop: float | None = None,
    formats: Sequence[str] = ("int8", "int4"),
    samples: int = 128,
    verified: int = 4,
    pairs: int = 4,
    progress: Callable[[str, float], None] | None = None,
    partly: Callable[[MixReport], None] | None = None,
) -> MixReport:
    """A number format for each layer's weights: the least loss under a budget, or the smallest within a drop.

    What layers lose is foretold from gradients and evaluated, the allocation is solved exactly, and what is chosen in
    the end is chosen by a measurement on calibration samples that were kept apart. ``report.best`` is the chosen mix,
    ``qx.Recipe.parse(report.best.recipe)`` its recipe.

    Args:
        model: a model, or what :func:`load` takes.
        data: a data set, or what :func:`data` takes; its calibration part alone is read. A sample model brings its own.
        recipe: what all layers share: activations, granularity, algorithms; or what ``Recipe.parse`` takes.
        share: most bytes of weights (codes, scales, zero points), as a fraction of the same model's in int8.
        most_drop: in place of ``share``: the metric may drop by no more on the samples kept apart.
        formats: to choose among, two or more.
        samples: calibration samples that losses are foretold from, at most.
        verified: mixes that are quantized and measured, at most.
        pairs: layers, of those that lose most, whose pairs are measured; below 2 none are.
        progress: called with (a sentence, the share that is done).
        partly: called with what is known before the end.

    Raises:
        RecipeError: the recipe leaves weights in float, or a format cannot be chosen.
        InputError: nothing fits into the budget; what :func:`load` and :func:`data` raise.
    """
    from qexplorer.core.errors import InputError
    from qexplorer.search.mixing.finding import find_mix
    from qexplorer.search.mixing.mix_types import MixQuestion

    if most_drop is not None:
        share = None
        if not 0 <= most_drop < math.inf:
            raise InputError(f"a metric cannot drop by {most_drop}", allowed="0 or more, such as 0.01")
    elif share is None or not 0 < share <= 4:
        raise InputError(f"a budget cannot be {share} of int8's bytes", allowed="a fraction such as 0.6")
    float_model = load(model)
    question = MixQuestion(
        Recipe.parse(recipe), tuple(formats), share, most_drop, samples=samples, verified=verified, pairs=pairs
    )
    given = fitted(float_model, data, "mixes are judged on samples, so it needs data")
    return find_mix(float_model, given, question, progress=progress, partly=partly)
