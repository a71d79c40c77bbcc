"""The parent's side: starts a child, reads its events, keeps its wall time, ends its whole process group."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer.core.errors import Cancelled, ChildError, ChildTimeout, error_from_json
from qexplorer.process.ending import oom_kills, what_ended
from qexplorer.process.lifeline import end_group
from qexplorer.process.limits import Limits

__all__ = ["run_in_child", "start_child"]

OnEvent = Callable[[dict[str, Any]], None]


def start_child(
    target: str, arguments: dict[str, Any], limits: Limits, *, events: str | None = None, stderr: str | None = None
) -> subprocess.Popen[str]:
    """Starts a child in a process group of its own and hands it its work.

    It ends when this process does, and when nobody refers to what is returned any more (see ``lifeline``).

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
        child.stdin.flush()  # and not closed: that it stays open is how the child knows that this process lives
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
    kills = oom_kills()
    child = start_child(target, arguments, limits)
    if on_start:
        on_start(child.pid)
    stop = threading.Event()
    why: list[type[ChildTimeout | Cancelled]] = []
    watch = threading.Thread(target=_watch, args=(child, limits.wall_s, cancelled, stop, why), daemon=True)
    watch.start()
    last: dict[str, Any] = {}
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if not line.endswith("\n"):  # it was ended in the middle of a line
                break
            last = json.loads(line)
            if last["event"] in ("result", "error"):  # not waiting for libraries to tidy up, which may hang
                break
            if on_event:
                on_event(last)
        else:  # it closed its end without a word: its exit code says why, if it is let come to its end
            _let_end(child)
    finally:
        stop.set()
        end_group(child.pid)
        child.wait()
        watch.join()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
    if last.get("event") == "result":
        return last["value"]
    if last.get("event") == "error":
        raise error_from_json(last["error"])
    raise _ended(child.returncode, limits, why, kills)


def _let_end(child: subprocess.Popen[str]) -> None:
    """Waits for a child that is about to end, a second at most.

    Its id stays taken (nobody asks for its exit code here), so that its group can still be ended by it.
    """
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if hasattr(os, "waitid"):
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
        elif child.poll() is not None:
            return
        time.sleep(0.005)


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


def _ended(
    code: int, limits: Limits, why: list[type[ChildTimeout | Cancelled]], kills: int | None
) -> ChildError | Cancelled:
    if Cancelled in why:
        return Cancelled("the work was cancelled")
    if ChildTimeout in why:
        return ChildTimeout(f"the work took longer than {limits.wall_s or 0:.0f} s and was ended")
    return what_ended(code, cpu_s=limits.cpu_s, kills_before=kills)
