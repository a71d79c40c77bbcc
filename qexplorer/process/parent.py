"""The parent's side: starts a child, reads its events, keeps its wall time, ends its whole process group."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer.core.errors import Cancelled, ChildError, ChildMemory, ChildTimeout, error_from_json
from qexplorer.process.limits import Limits

__all__ = ["end_group", "run_in_child", "start_child"]

OnEvent = Callable[[dict[str, Any]], None]


def start_child(
    target: str, arguments: dict[str, Any], limits: Limits, *, events: str | None = None, stderr: str | None = None
) -> subprocess.Popen[str]:
    """Starts a child in a process group of its own and hands it its work.

    Args:
        target: ``qexplorer.module:function``, called as ``function(arguments, emit)``.
        arguments: JSON data.
        limits: what it may use (``wall_s`` is the caller's to keep).
        events: file to append events to; None: the child's stdout pipe.
        stderr: file for everything else it prints; None: thrown away.
    """
    with Path(stderr or os.devnull).open("a", encoding="utf-8") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "qexplorer.process.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if events else subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
    order = {"target": target, "arguments": arguments, "limits": asdict(limits), "events": events}
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it died at once; whoever waits for it learns so
        child.stdin.write(json.dumps(order, default=str) + "\n")
        child.stdin.close()
    return child


def run_in_child(
    target: str,
    arguments: dict[str, Any],
    *,
    limits: Limits,
    on_event: OnEvent | None = None,
    on_start: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Any:
    """Runs ``target`` in a child and returns its value; ``on_start`` is told its process id.

    Raises:
        QExplorerError: the very error that the child raised.
        ChildTimeout, ChildMemory, ChildError: the child ended without a result.
        Cancelled: ``cancelled()`` became true (asked at every event and every 0.2 s).
    """
    child = start_child(target, arguments, limits)
    if on_start:
        on_start(child.pid)
    stop = threading.Event()
    why: list[type[ChildTimeout | Cancelled]] = []
    watch = threading.Thread(target=_watch, args=(child, limits.wall_s, cancelled, stop, why), daemon=True)
    watch.start()
    last: dict[str, Any] = {}
    try:
        assert child.stdout is not None
        for line in child.stdout:
            if not line.endswith("\n"):  # it was ended in the middle of a line
                break
            last = json.loads(line)
            if last["event"] in ("result", "error"):  # not waiting for libraries to tidy up, which may hang
                break
            if on_event:
                on_event(last)
        else:  # it closed its end without a word: its exit code says why, if it is let come to its end
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=1)
    finally:
        stop.set()
        end_group(child.pid)
        child.wait()
        watch.join()
    if last.get("event") == "result":
        return last["value"]
    if last.get("event") == "error":
        raise error_from_json(last["error"])
    raise _ended(child.returncode, limits, why)


def _watch(
    child: subprocess.Popen[str],
    wall_s: float | None,
    cancelled: Callable[[], bool] | None,
    stop: threading.Event,
    why: list[type[ChildTimeout | Cancelled]],
) -> None:
    """Ends the child when its time is up or somebody cancels."""
    began = time.monotonic()
    while not stop.wait(0.2):
        if cancelled is not None and cancelled():
            why.append(Cancelled)
        elif wall_s is not None and time.monotonic() - began > wall_s:
            why.append(ChildTimeout)
        else:
            continue
        end_group(child.pid)
        return


def _ended(code: int, limits: Limits, why: list[type[ChildTimeout | Cancelled]]) -> ChildError | Cancelled:
    if Cancelled in why:
        return Cancelled("the work was cancelled")
    if ChildTimeout in why or code == -getattr(signal, "SIGXCPU", 24):
        seconds = limits.wall_s if ChildTimeout in why else limits.cpu_s
        return ChildTimeout(f"the work took longer than {seconds or 0:.0f} s and was ended")
    if code in (-9, -6, -11) and limits.memory_bytes:
        return ChildMemory(f"the work needs more than {limits.memory_bytes / 2**30:.1f} GB of memory and was ended")
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return ChildError(f"the process that did the work died ({name})")


def end_group(pid: int) -> None:
    """Ends a child and everything it started, at once; no error if it is gone."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return
