"""The child's side: one process that does tasks one after the other, so that libraries are imported once.

Standard input is the lifeline, so orders come as files ``0.json``, ``1.json``, ... in a folder that the parent named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qexplorer.core.errors import QExplorerError
from qexplorer.process.child import Emit, allow, work_named
from qexplorer.process.limits import Limits
from qexplorer.process.places.taking import alone, beside, turn
from qexplorer.process.unforeseen import foreseen

__all__ = ["serve"]

_QUICK_S, _SLOW_S, _QUICK_FOR_S = 0.003, 0.05, 5.0
_IDLE_S = 300.0


def serve(arguments: dict[str, Any], emit: Emit) -> None:
    """Does what comes, until somebody ends the process or nothing came for five minutes.

    An error that nobody foresaw ends it, so that what it printed is kept with the error.

    Args:
        arguments: ``folder``, in which orders come; ``asked_ns``, when the whole work was asked for.
        emit: takes ``{"event": "done", "value": ..., "seconds": ...}`` or ``{"event": "failed", "error": ...}``.
    """
    folder, number = Path(arguments["folder"]), 0
    with turn(asked_ns=arguments["asked_ns"]):
        while (order := _awaited(folder / f"{number}.json")) is not None:
            emit(_done(order, emit))
            number += 1


def _done(order: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The last event of one task."""
    allow(Limits(**order["limits"]))
    work: Callable[[dict[str, Any], Emit], Any] = work_named(order["target"])
    try:
        with alone() if order["exclusive"] else beside():
            began = time.monotonic()
            value = work(order["arguments"], lambda event: emit({"event": "said", "said": event}))
            return {"event": "done", "value": value, "seconds": time.monotonic() - began}
    except QExplorerError as error:
        return {"event": "failed", "error": foreseen(error).to_json()}


def _awaited(path: Path) -> dict[str, Any] | None:
    """The next order, which is looked for often while tasks follow each other; None if none comes."""
    since = time.monotonic()
    while (passed := time.monotonic() - since) < _IDLE_S:
        try:
            order: dict[str, Any] = json.loads(path.read_bytes())
        except FileNotFoundError:
            time.sleep(_QUICK_S if passed < _QUICK_FOR_S else _SLOW_S)
            continue
        path.unlink()
        return order
    return None
