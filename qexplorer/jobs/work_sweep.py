"""The job that times a model at every batch size and number of threads, in the child; and where its result is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.work import load_both, overall
from qexplorer.process.child import Emit

if TYPE_CHECKING:
    from qexplorer.measure.timing.sweep_types import Cell, Sweep

__all__ = ["kept_sweep", "sweep_job"]

_KIND = "sweeps"


def sweep_job(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Sweeps, and keeps the result under what it was made from.

    Args:
        arguments: model, data, preprocessing (as in ``jobs.work``), recipes (YAML or short names), backend, effort.
        emit: takes ``progress`` events; ``runs`` holds the cells so far.

    Returns:
        ``{"cells": how many have numbers}``.
    """
    from qexplorer.measure.effort import Effort
    from qexplorer.measure.kept import kept_path, write_kept
    from qexplorer.measure.timing.sweep import sweep

    model, data = load_both(arguments, emit)

    def tell(step: str, share: float, cells: tuple[Cell, ...]) -> None:
        runs = [{"n": cell.n} for cell in cells]
        emit({"event": "progress", "step": step, "done": overall(share), "runs": runs})

    found = sweep(
        model,
        [Recipe.parse(text) for text in arguments["recipes"]],
        data,
        backend=arguments["backend"],
        effort=Effort(arguments.get("effort") or "quick"),
        tell=tell,
    )
    write_kept(kept_path(_KIND, _made_from(arguments)), found.to_json())
    return {"cells": sum(cell.p50_ms is not None for cell in found.cells)}


def kept_sweep(arguments: dict[str, Any]) -> Sweep | None:
    """The last result of a job with these arguments, or None."""
    from qexplorer.measure.kept import kept_path, read_kept
    from qexplorer.measure.timing.sweep_types import Sweep

    value = read_kept(kept_path(_KIND, _made_from(arguments)))
    try:
        return None if value is None else Sweep.from_json(value)
    except (KeyError, TypeError, ValueError):  # of another version
        return None


def _made_from(arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if key != "job"}
