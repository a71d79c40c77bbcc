"""Hands hostile files to workers, ends those that take too long, and says what was wrong with each answer."""

from __future__ import annotations

import json
import re
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.hostile.case import EITHER, Case

__all__ = ["Answer", "Worker", "judged", "wrong_with"]

MOST_S = 60.0
"""Seconds after which a worker is ended, as loading ends its child."""

_RAW = re.compile(
    r"Traceback|\b(?:Key|Index|Attribute|Type|Value|Runtime|Unicode\w+|Overflow|ZeroDivision|Assertion|Recursion)Error\b"
    r"|NoneType|has no attribute|object is not|<class|object at 0x"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one file.

    Attributes:
        name: of the case or mutation.
        outcome: loads, one sentence, fault, died, or too long.
        says: the sentence, or what happened.
        seconds: until the verdict.
        outside: what was opened that should not be.
    """

    name: str
    outcome: str
    says: str
    seconds: float
    outside: list[str] = field(default_factory=list)


class Worker:
    """A process that opens files; a fresh one when it died or was ended.

    Args:
        modules: imported before the first file, so that no verdict waits for them.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules
        self._folder = Path(tempfile.mkdtemp(prefix="hostile-"))
        (self._folder / "inner").mkdir()
        self._process: subprocess.Popen[str] | None = None
        self.started = 0

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def judge(self, case: Case) -> Answer:
        """Makes the file in a folder of its own, has it opened, and removes it."""
        folder = self._folder / "case"
        folder.mkdir()
        try:
            return self._asked(case.name, case.make(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _asked(self, name: str, path: Path) -> Answer:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], MOST_S)
        line = process.stdout.readline() if ready else ""
        if not line:
            process.kill()
            code = process.wait()
            self._process = None
            told = ("died", f"the process died ({code})") if ready else ("too long", f"no verdict in {MOST_S:.0f} s")
            return Answer(name, *told, MOST_S if not ready else 0.0)
        value: dict[str, Any] = json.loads(line)
        return Answer(name, value["outcome"], value["says"], value["seconds"], value["outside"])

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self.started += 1
            command = [sys.executable, "-m", "tests.hostile.worker", str(self._folder / "inner"), *self._modules]
            root = Path(__file__).parents[2]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root
            )
            assert self._process.stdout is not None
            self._process.stdout.readline()  # it is ready
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def judged(cases: Iterable[Case], *modules: str) -> Iterator[tuple[Case, Answer]]:
    """Each case with what came of it, in one worker after another that has imported ``modules``."""
    with Worker(*modules) as worker:
        for case in cases:
            yield case, worker.judge(case)


def wrong_with(answer: Answer, right: str = EITHER) -> str:
    """What is wrong with an answer; empty if it is what it should be."""
    if answer.outcome not in ("loads", "one sentence"):
        return f"{answer.outcome}: {answer.says[:200]}"
    if answer.outside:
        return f"opened {', '.join(answer.outside[:3])}"
    if right not in (EITHER, answer.outcome):
        return f"{answer.outcome} instead of {right}: {answer.says[:200]}"
    if "\n" in answer.says or len(answer.says) > 4000:
        return f"not one sentence: {answer.says[:200]!r}"
    raw = _RAW.search(answer.says)
    return f"words of Python ({raw[0]}): {answer.says[:200]}" if raw else ""
