"""The child's side: ``python -m qexplorer.process.child`` reads one JSON line from stdin and writes JSON lines.

Line in:   {"target": "qexplorer.module:function", "arguments": {...}, "limits": {...}, "events": path or null,
            "details": where what it prints to stderr is kept, in words}
Lines out: {"event": <any>, ...} as the work goes on, then one of
           {"event": "result", "value": ...} or {"event": "error", "error": {...}}
           and, for whoever watches, {"event": "allow", ...} (what the work may take from here on), {"event": "on"}

A child that is started early gets {"ahead": "qexplorer.module:function", "arguments": {...}} first: it does that, which
may fail, says {"event": "ready"}, and waits for the line above.

Lines go to stdout, or are appended to the file ``events``, so that what a job told is there after a reload. Whatever a
library prints to stdout is sent to stderr instead: it cannot break the protocol.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from qexplorer.core.errors import QExplorerError
from qexplorer.process.lifeline import hold_on
from qexplorer.process.limits import Limits, apply_limits, granted, raise_data_limit
from qexplorer.process.unforeseen import foreseen, unforeseen

__all__ = ["Emit", "allow", "getting_on", "in_child", "main", "work_named"]

Emit = Callable[[dict[str, Any]], None]
_TOLD: list[Emit] = []  # this process's own, once it is a child


def main() -> int:
    """Runs the one piece of work that stdin names; the exit code is 0 if it gave a result."""
    os.umask(0o077)  # what it makes is this user's alone
    faulthandler.enable()  # where a crash happened is among the details
    order, emit = json.loads(sys.stdin.readline()), None
    if "ahead" in order:
        emit = _emitter(_private_stream(None))
        line = _ordered_after(order, emit)
        if not line:  # nobody has work for it any more
            return 1
        order = json.loads(line)
    hold_on()
    emit = emit or _emitter(_private_stream(order.get("events")))
    _TOLD.append(emit)
    try:
        apply_limits(Limits(**(order.get("limits") or {})))
        value = work_named(order["target"])(order["arguments"], emit)
    except QExplorerError as error:
        emit({"event": "error", "error": foreseen(error).to_json()})
    except Exception as error:  # the boundary: whatever happened must reach the parent as a sentence
        traceback.print_exc()
        emit({"event": "error", "error": unforeseen(error, order.get("details")).to_json()})
    else:
        emit({"event": "result", "value": value})
        return 0
    return 1


def _ordered_after(ahead: dict[str, Any], emit: Emit) -> str:
    """Does what can be done before the work is known, and waits for the work; empty if whoever has it is gone."""
    with contextlib.suppress(Exception):  # the work itself will fail of it, in its own words
        work_named(ahead["ahead"])(ahead["arguments"], emit)
    emit({"event": "ready"})
    return sys.stdin.readline()


def in_child() -> bool:
    """Whether this process is a child, which somebody watches."""
    return bool(_TOLD)


def allow(limits: Limits) -> None:
    """Tells whoever watches this child what its work may take from here on; nothing happens in any other process.

    Said by the code that is about to run a stranger's graph and knows what was asked (see ``graph.allowance``).
    """
    for emit in _TOLD:
        raise_data_limit(granted(limits).resident_bytes)
        emit({"event": "allow", "resident_bytes": limits.resident_bytes, "quiet_s": limits.quiet_s})


def getting_on() -> None:
    """Tells whoever watches this child that its work gets on, where it reports nothing else."""
    for emit in _TOLD:
        emit({"event": "on"})


def _emitter(stream: IO[str]) -> Emit:
    """Writes one event a line, whole, whichever thread it comes from."""
    turn = threading.Lock()

    def emit(event: dict[str, Any]) -> None:
        with turn:
            stream.write(json.dumps(event, default=str) + "\n")
            stream.flush()

    return emit


def _private_stream(events: str | None) -> IO[str]:
    """Where the protocol goes; stdout itself is pointed at stderr."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    if events is None:
        return os.fdopen(own, "w", encoding="utf-8")
    os.close(own)
    return Path(events).open("a", encoding="utf-8")


def work_named(name: str) -> Callable[[dict[str, Any], Emit], Any]:
    """The function of this program that ``name`` (``module:function``) says."""
    module, _, function = name.partition(":")
    if module.split(".")[0] != "qexplorer":
        raise QExplorerError(f"'{name}' is not work of this program")
    found: Callable[[dict[str, Any], Emit], Any] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    from qexplorer.process import child  # this very module by its own name: what is imported from it later is the same

    sys.exit(child.main())
