"""The best mix of precisions under budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.api.number_checks import check_real, check_whole
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from qexplorer.search.mixing.mix_types import MixReport

__all__ = ["search"]

_MOST = 100.0  # times int8's: floats may be chosen


def search(
    model: Model | str | Path,
    data: DataSet | str | Path | None = None,
    recipe: Recipe | str | Path = "w8a8",
    *,
    share: float | None = None,
    budgets: Mapping[str, float] | None = None,
    most_drop: float | None = None,
    as_float: bool = False,
    axis: str = "",
    choices: Sequence[str] = ("int8", "int4"),
    backend: str | None = None,
    threads: int = 1,
    hardware_aware: bool = False,
    samples: int = 128,
    verified: int = 4,
    pairs: int = 4,
    train_each: bool = False,
    anew: bool = False,
    progress: Callable[[str, float], None] | None = None,
    partly: Callable[[MixReport], None] | None = None,
) -> MixReport:
    """A choice for each layer: the least loss under budgets, the least cost within a drop, or that which no test tells
    from float.

    What layers lose is foretold from gradients and evaluated, what they cost is counted, or measured on a backend; the
    allocation is solved exactly, and what is chosen in the end is chosen by a measurement on calibration samples that
    were kept apart. ``report.best`` is the chosen mix, ``qx.Recipe.parse(report.best.recipe)`` its recipe.

    Args:
        model: a model, or what :func:`load` takes.
        data: a data set, or what :func:`data` takes; its calibration part alone is read. A sample model brings its own.
        recipe: what all layers share: algorithms, calibrators, what choices leave as it is; or what ``Recipe.parse``
            takes.
        share: most bytes of weights, as a fraction of the same model's in int8: ``budgets={"weight_bytes": share}``.
        budgets: the most of each cost (``weight_bytes``, ``bit_operations``, ``latency``, ``energy``), as fractions of
            the same model's in int8. 60 % of the weights if nothing else is asked for.
        most_drop: the metric may drop by no more on the samples kept apart, and the mix with the least of ``axis`` is
            looked for.
        as_float: the same for a mix that the paired test does not tell from float, and that is not shown to give the
            right class less, and over 1 % less in the mean.
        axis: the cost that the front is drawn over and that is made least; by default the first of ``budgets``, else
            ``weight_bytes``.
        choices: for a layer, two or more: formats of weights (``int4``), short names (``w4a8``, ``w8a16``, ``fp16``),
            ``float``.
        backend: where latency and energy are measured, and the measured mixes timed; None: nowhere, or the reference
            backend where a budget or ``axis`` is timed.
        threads: of one operator, when timed.
        hardware_aware: only choices that the backend has integer kernels for, and float.
        samples: calibration samples that losses are foretold from, at most.
        verified: mixes that are quantized and measured, at most.
        pairs: layers, of those that lose most, whose pairs are measured; below 2 none are.
        train_each: of a recipe that trains: whether every recipe that is measured is trained, which takes long; else it
            is searched without, and ``report.best`` is to be trained.
        anew: latencies of layers are measured again, whatever is kept of this machine, backend and kernels.
        progress: called with (a sentence, the share that is done).
        partly: called with what is known before the end.

    Raises:
        RecipeError: the recipe leaves weights in float, or a choice cannot be mixed with it.
        InputError: nothing fits into the budgets; what :func:`load` and :func:`data` raise.
        BackendError: latency cannot be measured where it is asked for.
    """
    from qexplorer.core.errors import InputError
    from qexplorer.search.costs.cost_kinds import cost_kind, cost_of_budget
    from qexplorer.search.mixing.finding import find_mix
    from qexplorer.search.mixing.mix_types import MixQuestion
    from qexplorer.search.training_apart import to_search

    asked = dict(budgets or {}) | ({} if share is None else {"weight_bytes": share})
    for name, limit in asked.items():
        if not 0 < limit <= _MOST:
            whole = "int8's bytes" if name == "weight_bytes" else f"int8's {name}"
            raise InputError(f"a budget cannot be {limit} of {whole}", allowed="a fraction such as 0.6")
    if most_drop is not None:
        check_real("the most drop of a metric", most_drop)
    for what, value in (("threads", threads), ("samples", samples), ("verified", verified)):
        check_whole(what, value, 1)
    if most_drop is not None and as_float:
        raise InputError("a drop and no loss that a test tells cannot both be asked for", do="leave one out")
    float_model = load(model)
    question = MixQuestion(
        to_search(Recipe.parse(recipe), train_each=train_each),
        tuple(choices),
        {cost_of_budget(name).name: limit for name, limit in asked.items()},
        most_drop,
        as_float,
        cost_kind(axis).name if axis else "",
        backend,
        threads,
        hardware_aware,
        samples=samples,
        verified=verified,
        pairs=pairs,
        anew=anew,
    )
    if anew and not question.is_timed:
        what = "nothing is timed, so no latency can be measured again"
        raise InputError(what, do="name a backend, ask for a budget of latency or energy, or leave that out")
    given = fitted(float_model, data, "mixes are judged on samples, so it needs data")
    return find_mix(float_model, given, question, progress=progress, partly=partly)
