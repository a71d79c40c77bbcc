"""Jobs about one quantized graph's arithmetic: the fidelity ladder, sums that saturate, and the int32 sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.work import load_both, step_reporter
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
    from qexplorer.measure.fidelity.ladder import climb

    settings = {"backends": tuple(arguments["backends"]), "samples": arguments.get("samples")}
    return _measured(climb, arguments, emit, settings)


def saturation_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Emulates saturating sums, applies the remedies and keeps what it finds; arguments as those of the ladder.

    Returns:
        ``{"digest": of the quantized graph}``; the report itself is kept in the workspace.
    """
    from qexplorer.measure.arithmetic.saturation import saturation

    return _measured(saturation, arguments, emit, {"samples": arguments.get("samples")})


def sums_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Looks at the int32 sums of every layer and keeps them; arguments as those of the ladder.

    Returns:
        ``{"digest": of the quantized graph}``; the sums themselves are kept in the workspace.
    """
    from qexplorer.measure.arithmetic.accumulators import accumulators

    return _measured(accumulators, arguments, emit, {})


def _measured(
    measure: Callable[..., Any], arguments: dict[str, Any], emit: Emit, settings: dict[str, Any]
) -> dict[str, Any]:
    """Loads what the order names and has one recipe of it measured by a function that keeps what it finds."""
    model, data = load_both(arguments, emit)
    found = measure(model, Recipe.parse(arguments["recipe"]), data, progress=step_reporter(emit), **settings)
    return {"digest": found.digest}
