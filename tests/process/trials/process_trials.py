"""Work that only the tests of child processes need; the child finds it beside the package's own modules."""

from __future__ import annotations

import itertools
import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from qexplorer.core.errors import BackendError, DataError
from qexplorer.core.workspace import host_workspace, workspace
from qexplorer.process.child import Emit, allow
from qexplorer.process.limits import Limits
from qexplorer.process.parent import run_in_child


def echo(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Prints, reports twice, and returns what it was given."""
    print("this must not break the protocol")  # noqa: T201
    os.write(1, b"nor this\n")
    emit({"event": "progress", "done": 0.5})
    emit({"event": "progress", "done": 1.0})
    return arguments


def refuse(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Raises one of the program's own errors."""
    raise DataError("no good", where="here", allowed="better", do="try again")


def crash(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Raises an error that nobody foresaw, with two lines."""
    raise ValueError("first line\nsecond line")


def die(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Ends without a word."""
    os._exit(3)


def wait(arguments: dict[str, Any], emit: Emit) -> None:
    """Starts a child of its own, tells both ids, and waits for ever; a signal that tells of its input is ignored."""
    if hasattr(signal, "SIGIO"):
        signal.signal(signal.SIGIO, signal.SIG_IGN)
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    emit({"event": "pids", "pids": [os.getpid(), grandchild.pid]})
    time.sleep(arguments.get("seconds", 600))


def allocate(arguments: dict[str, Any], emit: Emit) -> int:  # noqa: ARG001
    """Takes memory and says how much it got."""
    return len(bytearray(arguments["bytes"]))


def write(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Writes a file."""
    with open(arguments["path"], "wb") as file:  # noqa: PTH123
        file.write(b"\0" * arguments["bytes"])


def spin(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Keeps a processor busy for ever."""
    while True:
        pass


def hold_the_interpreter(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Is in one call of native code for ever, and never lets another thread run."""
    sum(itertools.repeat(0))


def family(arguments: dict[str, Any], emit: Emit) -> Any:  # noqa: ARG001
    """Has a child of its own wait for ever."""
    return run_in_child("qexplorer.process_trials:wait", {}, limits=Limits())


def fill(arguments: dict[str, Any], emit: Emit) -> int:  # noqa: ARG001
    """Takes memory piece by piece, as ``allow`` says if it does, and says how much it got."""
    if "allow" in arguments:
        allow(Limits(resident_bytes=arguments["allow"]))
    pieces = []
    for _ in range(0, arguments["bytes"], arguments["at_once"]):
        pieces.append(b"x" * arguments["at_once"])
        time.sleep(0.002)
    return sum(map(len, pieces))


def read_mapped(arguments: dict[str, Any], emit: Emit) -> int:  # noqa: ARG001
    """Reads every page of a mapped file and holds them for a while."""
    with open(arguments["path"], "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:  # noqa: PTH123
        read = sum(len(pages[start : start + 2**20]) for start in range(0, len(pages), 2**20))
        time.sleep(0.6)
    return read


def spin_and_report(arguments: dict[str, Any], emit: Emit) -> float:
    """Keeps a processor busy and says so now and then."""
    end = time.process_time() + arguments["seconds"]
    while time.process_time() < end:
        if int(time.process_time() * 10) % 3 == 0:
            emit({"event": "progress", "done": 0.5})
    return float(arguments["seconds"])


def die_by(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Says something and sends itself a signal."""
    sys.stderr.write(arguments.get("say", ""))
    sys.stderr.flush()
    os.kill(os.getpid(), getattr(signal, arguments["signal"]))
    time.sleep(60)


def refuse_memory(arguments: dict[str, Any], emit: Emit) -> None:  # noqa: ARG001
    """Raises an error of the program's own around what ONNX Runtime says."""
    raise BackendError("AllocateRawInternal(size_t) Failed to allocate memory for requested buffer", where="net")


def workspaces(arguments: dict[str, Any], emit: Emit) -> list[str]:  # noqa: ARG001
    """Which workspaces it finds: its own and the host's."""
    return [str(workspace()), str(host_workspace())]


def priority_of_group(arguments: dict[str, Any], emit: Emit) -> int:  # noqa: ARG001
    """The niceness of this process's scheduling group."""
    return int(Path("/proc/self/autogroup").read_text(encoding="ascii").split()[-1])
