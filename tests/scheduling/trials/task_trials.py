"""Work that only the tests of sweeps need."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from qexplorer.core.errors import DataError
from qexplorer.process.child import Emit


def add(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Notes in a folder that it ran, waits for a time or a file if told to, and adds; reads an input if it has one."""
    order = arguments["order"]
    emit({"event": "progress"})
    if "notes" in order:
        Path(order["notes"], f"{order['a']}-{os.getpid()}-{time.monotonic_ns()}").touch()
    time.sleep(order.get("seconds", 0))
    while "after" in order and not Path(order["after"]).exists():
        time.sleep(0.01)
    text = {name: Path(path).read_text() for name, path in arguments["inputs"].items()}
    told = {name: [len(each), each[:9]] for name, each in text.items()}
    return {"sum": order["a"] + order.get("b", 0), "pid": os.getpid(), "inputs": told}


def refuse(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Raises one of the program's own errors."""
    raise DataError("no good", where="here", do="try again")


def crash(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Raises what nobody foresaw."""
    raise ValueError("first line\nsecond line")


def die(arguments: dict[str, Any], emit: Emit) -> None:
    """Ends without a word, as a process does that somebody kills; once or always."""
    notes = Path(arguments["order"]["notes"])
    emit({"event": "progress"})
    if arguments["order"].get("always") or not any(notes.iterdir()):
        (notes / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
