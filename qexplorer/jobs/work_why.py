"""The job that explains a run's speed, in the child."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.work import load_both, step_reporter
from qexplorer.process.child import Emit

__all__ = ["why_job"]

_SAMPLES = 32  # rows of the data that are fed


def why_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Profiles a run and its float model, and keeps the explanation.

    Args:
        arguments: ``model``, ``data``, ``preprocessing`` (as in ``jobs.work``); ``recipe`` (YAML or a short name);
            ``path`` and ``digest`` of the quantized file; ``backend``, ``threads``, ``batch``.
        emit: takes ``progress`` events.

    Returns:
        ``{"verdict": sentence}``; the explanation itself is kept in the workspace.

    Raises:
        InputError: the quantized file is gone.
        BackendError: the backend cannot run one of the models.
    """
    from qexplorer.measure.scratch import keep_samples, scratch
    from qexplorer.measure.why.explain import WhyOrder, measure_why
    from qexplorer.run.batching import feeds_of

    path = Path(arguments["path"])
    if not path.is_file():
        raise InputError("the quantized file is gone", where=path.name, do="compare again, which makes it")
    model, data = load_both(arguments, emit)
    samples = feeds_of(data.evaluation.head(_SAMPLES), model)
    order = WhyOrder(
        model,
        Recipe.parse(arguments["recipe"]),
        path,
        arguments["digest"],
        arguments["backend"],
        int(arguments["threads"]),
        int(arguments["batch"]),
    )
    with scratch() as folder:
        found = measure_why(order, keep_samples(folder, samples), progress=step_reporter(emit))
    return {"verdict": found.verdict}
