"""Stands by a job from its start to its end: says what it died of, and ends what it left behind.

The guard is a thread of the process that started the job, and ends with it, as the job does.
"""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from subprocess import Popen
from typing import Any

from qexplorer.core.errors import ChildError
from qexplorer.jobs.processes.tree import end_tree, is_alive
from qexplorer.process.ending import oom_kills, what_ended

__all__ = ["EVENTS", "STDERR", "JobGuard"]

EVENTS, STDERR = "events.jsonl", "stderr.txt"


class JobGuard:
    """Watches one job.

    Args:
        job_id: its id.
        child: its process.
        started: when that began.
        folder: its folder.
    """

    def __init__(self, job_id: str, child: Popen[str], started: float | None, folder: Path) -> None:
        self._id, self.child, self._started, self._folder = job_id, child, started, folder
        self._kills = oom_kills()
        self._thread = threading.Thread(target=self._stand_by, daemon=True, name=f"guard-{job_id}")
        self._thread.start()

    def has_ended(self) -> bool:
        """Whether the job's process is gone; then all has been said of it."""
        if not is_alive(self.child.pid, self._started):
            self._thread.join(timeout=10)
        return not self._thread.is_alive()

    def _stand_by(self) -> None:
        code = self.child.wait()
        if code not in (0, 1):  # it came to no end of its own
            self._say(what_ended(code, kills_before=self._kills, stderr=self._folder / STDERR))
        end_tree(self.child.pid, self._started, self._id)
        if self.child.stdin is not None:
            with contextlib.suppress(OSError):
                self.child.stdin.close()

    def _say(self, error: ChildError) -> None:
        """Writes the end that the job could not write itself; a job that is forgotten has no folder any more."""
        event: dict[str, Any] = {"event": "error", "error": error.to_json()}
        with contextlib.suppress(OSError), (self._folder / EVENTS).open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(event) + "\n")
