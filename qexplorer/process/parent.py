"""The parent's side: starts a child, reads its events, keeps its limits, ends its whole process group."""

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

from qexplorer.core.errors import Cancelled, ChildError, error_from_json
from qexplorer.core.workspace import workspace_variables
from qexplorer.process.details import details_of_one, in_words
from qexplorer.process.ending import oom_kills, what_ended
from qexplorer.process.lifeline import end_group
from qexplorer.process.limits import Limits, granted
from qexplorer.process.watch import LOOK_S, LimitsWatch

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
        limits: what it may use; those that a parent keeps are the caller's to keep (see ``watch``).
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
            env=os.environ | workspace_variables(),
            start_new_session=True,
        )
    order = {"target": target, "arguments": arguments, "limits": asdict(granted(limits)), "events": events}
    order["details"] = in_words(Path(stderr)) if stderr else None
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
    with details_of_one() as stderr:
        return _Child(target, arguments, limits, stderr).run(on_event, on_start, cancelled)


class _Child:
    """One child from its start to its end."""

    def __init__(self, target: str, arguments: dict[str, Any], limits: Limits, stderr: Path) -> None:
        self._stderr, self._kills, self._cpu_s = stderr, oom_kills(), limits.cpu_s
        self._process = start_child(target, arguments, limits, stderr=str(stderr))
        self._watch = LimitsWatch(self._process.pid, granted(limits))
        self._stop = threading.Event()
        self._why: ChildError | Cancelled | None = None

    def run(
        self,
        on_event: OnEvent | None,
        on_start: Callable[[int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Any:
        """Follows it to its end, and leaves nothing of it running."""
        watching = threading.Thread(target=self._keep_watch, args=(cancelled,), daemon=True)
        watching.start()
        try:
            if on_start:
                on_start(self._process.pid)
            last = self._follow(on_event)
        finally:
            self._stop.set()
            end_group(self._process.pid)
            self._process.wait()
            watching.join()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
        if last.get("event") == "result":
            return last["value"]
        if last.get("event") == "error":
            raise error_from_json(last["error"])
        raise self._why or what_ended(
            self._process.returncode, cpu_s=self._cpu_s, kills_before=self._kills, stderr=self._stderr
        )

    def _follow(self, on_event: OnEvent | None) -> dict[str, Any]:
        """Hands on its events; returns the last."""
        last: dict[str, Any] = {}
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith("\n"):  # it was ended in the middle of a line
                break
            last = json.loads(line)
            self._watch.hear(last)
            if last["event"] in ("result", "error"):  # not waiting for libraries to tidy up, which may hang
                break
            if on_event and last["event"] not in ("allow", "on"):
                on_event(last)
        else:  # it closed its end without a word: its exit code says why, if it is let come to its end
            _let_end(self._process)
        return last

    def _keep_watch(self, cancelled: Callable[[], bool] | None) -> None:
        """Ends the child when it exceeds its limits or somebody cancels."""
        while not self._stop.wait(LOOK_S):
            if cancelled is not None and cancelled():
                self._why = Cancelled("the work was cancelled")
            else:
                self._why = self._watch.look()
            if self._why is not None:
                end_group(self._process.pid)
                return


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
