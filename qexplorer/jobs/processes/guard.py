"""Stands by a job from its start to its end: keeps its limits, says what it died of, ends what it left behind.

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
from qexplorer.process.awaiting import Awaited
from qexplorer.process.ending import oom_kills, what_ended
from qexplorer.process.limits import Limits, granted
from qexplorer.process.watch import LimitsWatch

__all__ = ["EVENTS", "STDERR", "JobGuard"]

EVENTS, STDERR = "events.jsonl", "stderr.txt"

_LOOK_S = 0.5  # the server has a guard for each job, and pages to draw; what asks for much at once the kernel refuses


class JobGuard:
    """Watches one job.

    Args:
        job_id: its id.
        child: its process.
        started: when that began.
        limits: what it was granted.
        folder: its folder.
    """

    def __init__(self, job_id: str, child: Popen[str], started: float | None, limits: Limits, folder: Path) -> None:
        self._id, self.child, self._started, self._folder = job_id, child, started, folder
        self._kills, self._watch, self._read = oom_kills(), LimitsWatch(child.pid, granted(limits)), 0
        self._thread = threading.Thread(target=self._stand_by, daemon=True, name=f"guard-{job_id}")
        self._thread.start()

    def has_ended(self) -> bool:
        """Whether the job's process is gone; then all has been said of it."""
        if not is_alive(self.child.pid, self._started):
            self._thread.join(timeout=10)
        return not self._thread.is_alive()

    def _stand_by(self) -> None:
        error = self._too_much()
        end_tree(self.child.pid, self._started, self._id)
        code = self.child.wait()
        if error is None and code not in (0, 1):  # it came to no end of its own
            error = what_ended(code, kills_before=self._kills, stderr=self._folder / STDERR)
        if error is not None:
            self._say(error)
        if self.child.stdin is not None:
            with contextlib.suppress(OSError):
                self.child.stdin.close()

    def _too_much(self) -> ChildError | None:
        """Waits for the end of the job: why it must end now, or None once it has ended by itself."""
        with Awaited(self.child) as awaited:
            while not awaited.ends_within(_LOOK_S):
                self._hear()
                error = self._watch.look()
                if error is not None:
                    return error
        return None

    def _hear(self) -> None:
        """Takes note of what the job has reported since the last look."""
        with contextlib.suppress(OSError), (self._folder / EVENTS).open("rb") as file:
            file.seek(self._read)
            new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.splitlines():
                with contextlib.suppress(ValueError):
                    self._watch.hear(json.loads(line))

    def _say(self, error: ChildError) -> None:
        """Writes the end that the job could not write itself; a job that is forgotten has no folder any more."""
        event: dict[str, Any] = {"event": "error", "error": error.to_json()}
        with contextlib.suppress(OSError), (self._folder / EVENTS).open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(event) + "\n")
