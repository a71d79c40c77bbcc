"""The parent's side of a child that does tasks one after the other."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import Cancelled, ChildError, ChildMemory, ChildTimeout, QExplorerError, error_from_json
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.scheduling.task import SweepTask, TaskEnd

__all__ = ["WorkingChild"]

_MOST_TASKS = 100  # of one process: what libraries keep for themselves grows
_LOOK_S = 0.2
_TRIES = 2

Said = Callable[[dict[str, Any]], None]

_Event = dict[str, Any]


class WorkingChild:
    """One child, started with the first task, anew after it died, and ended by :meth:`close`. For one thread.

    Args:
        where: what to call this machine.
        asked_ns: when the whole work was asked for: its place in the line for the machine.
        tries: how often a task is begun whose child dies for another reason than its limits, as somebody may have ended
            it.
    """

    def __init__(self, where: str, asked_ns: int | None = None, *, tries: int = _TRIES) -> None:
        self._where, self._asked_ns, self._tries = where, asked_ns, tries
        self._process: _Process | None = None

    def do(
        self, task: SweepTask, paths: dict[str, str], cancelled: Callable[[], bool], said: Said | None = None
    ) -> TaskEnd:
        """Has a task done.

        Args:
            task: what is done.
            paths: of its inputs on this machine, by name.
            cancelled: asked a few times a second; the child is ended when it becomes true.
            said: takes the events that the task itself sends on the way.

        Returns:
            How it ended; the error is :class:`Cancelled` where it was cancelled.
        """
        for attempt in range(1, self._tries + 1):
            try:
                return self._once(task, paths, cancelled, said)
            except QExplorerError as error:
                self.close()
                own_fault = not isinstance(error, ChildError) or isinstance(error, ChildMemory | ChildTimeout)
                if own_fault or attempt == self._tries:
                    return TaskEnd(task, error=error, where=self._where)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Ends the child, if there is one."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _once(
        self, task: SweepTask, paths: dict[str, str], cancelled: Callable[[], bool], said: Said | None
    ) -> TaskEnd:
        if self._process is not None and (self._process.orders >= _MOST_TASKS or not self._process.is_alive):
            self.close()
        if self._process is None:
            self._process = _Process(self._asked_ns)
        event = self._process.ask(task, paths, cancelled, said)
        if event["event"] == "failed":
            return TaskEnd(task, error=error_from_json(event["error"]), where=self._where)
        return TaskEnd(task, event["value"], None, self._where, float(event["seconds"]))


class _Process:
    """A running child, its folder of orders, and the thread that listens to it."""

    def __init__(self, asked_ns: int | None) -> None:
        self.orders = 0
        self._folder = passing_folder("orders")
        self._ended = threading.Event()
        self._events: queue.Queue[_Event | QExplorerError] = queue.Queue()
        arguments = {"folder": self._folder.name, "asked_ns": asked_ns}
        self._thread = threading.Thread(target=self._listen, args=(arguments,), daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it takes orders."""
        return self._thread.is_alive()

    def ask(self, task: SweepTask, paths: dict[str, str], cancelled: Callable[[], bool], said: Said | None) -> _Event:
        """The event in which a task ends; raises why the child ended instead."""
        order = {
            "target": task.target,
            "arguments": {"order": dict(task.order), "inputs": paths},
            "limits": asdict(task.limits),
            "exclusive": task.exclusive,
        }
        path = Path(self._folder.name) / f"{self.orders}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(order), encoding="utf-8")
        part.replace(path)  # it is whole or not there; nobody wants it after a failure of power
        self.orders += 1
        while True:
            if cancelled():
                raise Cancelled("the work was cancelled")
            try:
                found = self._events.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(found, QExplorerError):
                raise found
            if found["event"] in ("done", "failed"):
                return found
            if said is not None and found["event"] == "said":
                said(found["said"])

    def end(self) -> None:
        """Ends it at once."""
        self._ended.set()
        self._thread.join()
        self._folder.cleanup()

    def _listen(self, arguments: dict[str, Any]) -> None:
        try:
            run_in_child(
                "qexplorer.scheduling.child:serve",
                arguments,
                limits=BASE,
                on_event=self._events.put,
                cancelled=self._ended.is_set,
            )
            self._events.put(ChildError("the child had nothing to do and ended"))
        except QExplorerError as error:
            self._events.put(error)
