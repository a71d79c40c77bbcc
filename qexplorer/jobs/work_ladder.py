"""Jobs about one quantized graph's arithmetic: the fidelity ladder, sums that saturate, and the int32 sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.work import LOADING, load_both, report_progress
from qexplorer.process.child import Emit

__all__ = ["ladder_job", "saturation_job", "sums_job"]


def ladder_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Climbs the fidelity ladder and keeps it.

    Args:
        arguments: ``model``, ``data``, ``preprocessing`` (as in ``jobs.work``); ``recipe`` (YAML or a short name),
            ``backends``, ``samples`` (at most; None: all).
        emit: takes ``progress`` events.

    Returns:
        ``{"digest": of the quantized graph}``; the ladder itself is kept in the workspace.
    """
    model, data = load_both(arguments, emit)
    from qexplorer.measure.ladder import climb

    found = climb(
        model,
        Recipe.parse(arguments["recipe"]),
        data,
        backends=tuple(arguments["backends"]),
        samples=arguments.get("samples"),
        progress=_reporter(emit),
    )
    return {"digest": found.digest}


def saturation_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Emulates saturating sums, applies the remedies and keeps what it finds; arguments as those of the ladder.

    Returns:
        ``{"digest": of the quantized graph}``; the report itself is kept in the workspace.
    """
    model, data = load_both(arguments, emit)
    from qexplorer.measure.saturation import saturation

    found = saturation(
        model,
        Recipe.parse(arguments["recipe"]),
        data,
        samples=arguments.get("samples"),
        progress=_reporter(emit),
    )
    return {"digest": found.digest}


def sums_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Looks at the int32 sums of every layer and keeps them; arguments as those of the ladder.

    Returns:
        ``{"digest": of the quantized graph}``; the sums themselves are kept in the workspace.
    """
    model, data = load_both(arguments, emit)
    from qexplorer.measure.accumulators import accumulators

    found = accumulators(model, Recipe.parse(arguments["recipe"]), data, progress=_reporter(emit))
    return {"digest": found.digest}


def _reporter(emit: Emit) -> Callable[[str, float], None]:
    def report(text: str, done: float) -> None:
        report_progress(emit, text, LOADING + (1 - LOADING) * done)

    return report
