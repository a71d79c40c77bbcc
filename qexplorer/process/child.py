"""The child's side: ``python -m qexplorer.process.child`` reads one JSON line from stdin and writes JSON lines.

Line in:   {"target": "qexplorer.module:function", "arguments": {...}, "limits": {...}, "events": path or null}
Lines out: {"event": <any>, ...} as the work goes on, then one of
           {"event": "result", "value": ...} or {"event": "error", "error": {...}}

Lines go to stdout, or are appended to the file ``events``, so that what a job told is there after a reload. Whatever a
library prints to stdout is sent to stderr instead: it cannot break the protocol.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from qexplorer.core.errors import ChildMemory, QExplorerError
from qexplorer.process.lifeline import hold_on
from qexplorer.process.limits import Limits, apply_limits

__all__ = ["Emit", "main"]

_OUT_OF_MEMORY = ("bad_alloc", "Cannot allocate memory", "failed to map segment", "can't start new thread")
Emit = Callable[[dict[str, Any]], None]


def main() -> int:
    """Runs the one piece of work that stdin names; the exit code is 0 if it gave a result."""
    os.umask(0o077)  # what it makes is this user's alone
    line = sys.stdin.readline()
    hold_on()
    order = json.loads(line)
    stream = _private_stream(order.get("events"))

    def emit(event: dict[str, Any]) -> None:
        stream.write(json.dumps(event, default=str) + "\n")
        stream.flush()

    try:
        apply_limits(Limits(**(order.get("limits") or {})))
        value = _target(order["target"])(order["arguments"], emit)
    except QExplorerError as error:
        emit({"event": "error", "error": error.to_json()})
    except MemoryError:
        emit({"event": "error", "error": ChildMemory("the work needs more memory than it may use").to_json()})
    except Exception as error:  # the boundary: whatever happened must reach the parent as a sentence
        traceback.print_exc()
        if any(words in str(error) for words in _OUT_OF_MEMORY):
            emit({"event": "error", "error": ChildMemory("the work needs more memory than it may use").to_json()})
            return 1
        what = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
        emit({"event": "error", "error": QExplorerError(what).to_json()})
    else:
        emit({"event": "result", "value": value})
        return 0
    return 1


def _private_stream(events: str | None) -> IO[str]:
    """Where the protocol goes; stdout itself is pointed at stderr."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    if events is None:
        return os.fdopen(own, "w", encoding="utf-8")
    os.close(own)
    return Path(events).open("a", encoding="utf-8")


def _target(name: str) -> Callable[[dict[str, Any], Emit], Any]:
    module, _, function = name.partition(":")
    if module.split(".")[0] != "qexplorer":
        raise QExplorerError(f"'{name}' is not work of this program")
    found: Callable[[dict[str, Any], Emit], Any] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    sys.exit(main())
