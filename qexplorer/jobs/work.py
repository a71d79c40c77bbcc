"""What jobs do, in the child: load, then call the one function that does the work, and report on the way.

Every function takes JSON arguments (with ``job``, the job's id) and returns JSON. ``model`` is a sample's name or the
path of a normalized .onnx, ``data`` a sample's name or a path, ``preprocessing`` the fields of ``Preprocessing``,
``task`` the name of a task (or nothing: the one that the labels mean).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.processes import MARK
from qexplorer.process.child import Emit

if TYPE_CHECKING:
    from qexplorer.core.dataset import DataSet
    from qexplorer.core.model import Model
    from qexplorer.core.results import Run
    from qexplorer.measure.comparison import Progress

__all__ = [
    "channels_job",
    "compare_job",
    "load_both",
    "load_job",
    "observe_job",
    "overall",
    "quantize_job",
    "report_progress",
    "step_reporter",
]

LOADING = 0.05  # share of a job's progress that loading is given


def compare_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Compares recipes and keeps the comparison in the history.

    Args:
        arguments: model, data, preprocessing, recipes (YAML or short names), backends, effort, samples.
        emit: takes ``progress`` events with step, done, seconds_left and, when more have finished, runs.

    Returns:
        ``{"comparison": its id in the history}``.
    """
    model, data = load_both(arguments, emit)
    from qexplorer.jobs.history import History
    from qexplorer.measure.compare import Effort, compare

    comparison = compare(
        model,
        [Recipe.parse(text) for text in arguments["recipes"]],
        data,
        backends=arguments.get("backends") or None,
        effort=Effort(arguments.get("effort") or "quick"),
        samples=arguments.get("samples"),
        progress=_comparison_reporter(emit),
    )
    History().add(comparison, order={k: v for k, v in arguments.items() if k != "job"})
    return {"comparison": comparison.id}


def observe_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Collects statistics over calibration data and keeps them; returns ``{"samples": how many}``."""
    model, data = load_both(arguments, emit)
    from qexplorer.observe.collecting.store import statistics_for

    statistics = statistics_for(model, data, samples=arguments.get("samples") or 512, progress=_counter(emit))
    return {"samples": statistics.samples}


def channels_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Looks into the channels of the activation ``tensor`` and keeps what it finds; returns their number."""
    model, data = load_both(arguments, emit)
    from qexplorer.observe.collecting.channels_store import channels_for
    from qexplorer.observe.collecting.store import statistics_for

    samples = arguments.get("samples") or 512
    stats = statistics_for(model, data, samples=samples, progress=_counter(emit))[arguments["tensor"]]
    detail = channels_for(model, data, stats, samples=samples, progress=_counter(emit))
    return {"channels": len(detail.counts)}


def quantize_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Quantizes by one ``recipe``, calibrating if it needs to; returns ``{"path", "digest", "plan"}``."""
    recipe, samples = Recipe.parse(arguments["recipe"]), arguments.get("samples") or 512
    statistics = data = None
    if recipe.needs_calibration:
        model, data = load_both(arguments, emit)
    else:
        model = _load_model(arguments, emit)
    if recipe.needs_statistics and data is not None:
        from qexplorer.observe.collecting.store import statistics_for

        statistics = statistics_for(model, data, samples=samples, progress=_counter(emit))
    from qexplorer.quantize.quantize import quantize_model

    def told(step: str, share: float) -> None:
        report_progress(emit, step, 0.8 + 0.1 * share)

    report_progress(emit, "writing the quantized graph", 0.8 if recipe.needs_samples else 0.9)
    quantized = quantize_model(model, recipe, statistics, data, samples=samples, progress=told)
    return {"path": str(quantized.path), "digest": quantized.digest, "plan": quantized.plan.to_json()}


def load_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Loads a model from ``path``; returns it as data (``Model.from_json`` reads it)."""
    os.environ[MARK] = arguments["job"]
    report_progress(emit, "checking the file", 0.1)
    from qexplorer.load.model import load_model

    return load_model(arguments["path"], name=arguments.get("name")).to_json()


def _load_model(arguments: dict[str, Any], emit: Emit) -> Model:
    os.environ[MARK] = arguments["job"]  # inherited by all that is started from here, so that cancel finds it
    report_progress(emit, "loading the model", 0.0)
    from qexplorer.load.model import load_model

    return load_model(arguments["model"])


def load_both(arguments: dict[str, Any], emit: Emit) -> tuple[Model, DataSet]:
    """The model and its data, fitted to it, as a job's ``model``, ``data``, ``preprocessing``, ``task`` name them."""
    model = _load_model(arguments, emit)
    report_progress(emit, "loading the data", LOADING / 2)
    from qexplorer.load.datasets.fit import fit_to_model
    from qexplorer.load.datasets.load import load_data
    from qexplorer.load.datasets.preprocess import Preprocessing

    fields = arguments.get("preprocessing")
    preprocessing = Preprocessing(**fields) if fields else None
    data = load_data(arguments["data"], preprocessing=preprocessing, task=arguments.get("task"))
    fitted = fit_to_model(data, model)
    report_progress(emit, "loading the data", LOADING)
    return model, fitted


def report_progress(emit: Emit, step: str, done: float, seconds_left: float | None = None) -> None:
    """Tells what the job is at and the share of it that is done."""
    emit({"event": "progress", "step": step, "done": done, "seconds_left": seconds_left})


def overall(done: float) -> float:
    """The share of the whole job that is done, from the share of what comes after loading."""
    return LOADING + (1 - LOADING) * done


def step_reporter(emit: Emit) -> Callable[[str, float], None]:
    """Passes on what work after loading is at, and the share of that work which is done."""

    def report(step: str, done: float) -> None:
        report_progress(emit, step, overall(done))

    return report


def _comparison_reporter(emit: Emit) -> Any:
    """Passes on the progress of a comparison; its runs only when something about them is new."""
    sent: tuple[Run, ...] = ()

    def report(progress: Progress) -> None:
        nonlocal sent
        event: dict[str, Any] = {
            "event": "progress",
            "step": progress.step,
            "done": overall(progress.done),
            "seconds_left": progress.seconds_left,
        }
        if progress.runs != sent:
            sent = progress.runs
            event["runs"] = [run.to_json() for run in progress.runs]
        emit(event)

    return report


def _counter(emit: Emit) -> Any:
    def report(done: int, total: int) -> None:
        report_progress(emit, f"observing sample {done} of {total}", LOADING + 0.8 * done / max(total, 1))

    return report
