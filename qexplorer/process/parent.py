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

__all__ = ["EarlyChild", "run_in_child", "start_child"]

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
    child = _open(events, stderr)
    _hand_over(child, _order(target, arguments, limits, events, stderr))
    return child


def _open(events: str | None, stderr: str | None) -> subprocess.Popen[str]:
    with Path(stderr or os.devnull).open("a", encoding="utf-8") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "qexplorer.process.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if events else subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            env=os.environ | workspace_variables(),
            start_new_session=True,
        )


def _order(
    target: str, arguments: dict[str, Any], limits: Limits, events: str | None, stderr: str | None
) -> dict[str, Any]:
    order = {"target": target, "arguments": arguments, "limits": asdict(granted(limits)), "events": events}
    return order | {"details": in_words(Path(stderr)) if stderr else None}


def _hand_over(child: subprocess.Popen[str], line: dict[str, Any]) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it died at once; whoever waits for it learns so
        child.stdin.write(json.dumps(line, default=str) + "\n")
        child.stdin.flush()  # and not closed: that it stays open is how the child knows that this process lives


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
        child = _Child(start_child(target, arguments, limits, stderr=str(stderr)), limits, stderr, cancelled)
        return child.result(on_event, on_start)


class EarlyChild:
    """A child that is started, and does what it can, before it is known what it is for; it works once, or is closed.

    Args:
        ahead: ``qexplorer.module:function``, called as ``function(arguments, emit)``, which imports, say. It may fail.
        arguments: JSON data.
        limits: what it may use, then and later.
        cancelled: asked from now on, every 0.2 s.
    """

    def __init__(
        self, ahead: str, arguments: dict[str, Any], *, limits: Limits, cancelled: Callable[[], bool] | None = None
    ) -> None:
        self._limits, self._kept = limits, contextlib.ExitStack()
        self._stderr = self._kept.enter_context(details_of_one())
        self._process = _open(None, str(self._stderr))
        self._child = _Child(self._process, limits, self._stderr, cancelled)
        _hand_over(self._process, {"ahead": ahead, "arguments": arguments})

    def get_ready(self) -> None:
        """Waits until it has done what it can, or has died of it."""
        self._child.get_ready()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it takes work."""
        return not _has_ended(self._process)

    def run(
        self,
        target: str,
        arguments: dict[str, Any],
        *,
        on_event: OnEvent | None = None,
        on_start: Callable[[int], None] | None = None,
    ) -> Any:
        """Once it is ready: as :func:`run_in_child`. Raises what that raises."""
        with self._kept:
            _hand_over(self._process, _order(target, arguments, self._limits, None, str(self._stderr)))
            return self._child.result(on_event, on_start)

    def close(self) -> None:
        """Ends it, whatever it does."""
        self._child.end()
        self._kept.close()


class _Child:
    """One child from its start to its end, watched from the first moment."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        limits: Limits,
        stderr: Path,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._process, self._stderr, self._kills, self._cpu_s = process, stderr, oom_kills(), limits.cpu_s
        self._watch = LimitsWatch(process.pid, granted(limits))
        self._stop = threading.Event()
        self._why: ChildError | Cancelled | None = None
        self._watching = threading.Thread(target=self._keep_watch, args=(cancelled,), daemon=True)
        self._watching.start()

    def get_ready(self) -> None:
        """Follows it until it says that it is ready, or ends."""
        self._follow(None, ("ready",))

    def result(self, on_event: OnEvent | None, on_start: Callable[[int], None] | None) -> Any:
        """Follows it to its end, and leaves nothing of it running."""
        try:
            if on_start:
                on_start(self._process.pid)
            last = self._follow(on_event, ("result", "error"))
        finally:
            self.end()
        if last.get("event") == "result":
            return last["value"]
        if last.get("event") == "error":
            raise error_from_json(last["error"])
        raise self._why or what_ended(
            self._process.returncode, cpu_s=self._cpu_s, kills_before=self._kills, stderr=self._stderr
        )

    def end(self) -> None:
        """Leaves nothing of it running."""
        self._stop.set()
        end_group(self._process.pid)
        self._process.wait()
        self._watching.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _follow(self, on_event: OnEvent | None, until: tuple[str, ...]) -> dict[str, Any]:
        """Hands on its events up to one of ``until``; returns the last."""
        last: dict[str, Any] = {}
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith("\n"):  # it was ended in the middle of a line
                break
            last = json.loads(line)
            self._watch.hear(last)
            if last["event"] in until:  # not waiting for libraries to tidy up, which may hang
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

    Its id stays taken (nobody takes its exit code here), so that its group can still be ended by it.
    """
    end = time.monotonic() + 1.0
    while time.monotonic() < end and not _has_ended(child):
        time.sleep(0.005)


def _has_ended(child: subprocess.Popen[str]) -> bool:
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return child.poll() is not None
