# ruff: noqa: E501 - words of a page
"""Kills a server, its job or a child of that with SIGKILL at random moments, again and again in one workspace.

From the repository: ``python -m tests.hostile.kills --times 50`` writes ``benchmarks/results/kills.md``; its exit code
is 1 if anything was wrong. After each kill nothing may run on, every comparison that was kept before must be there
byte by byte, a job that told a result must have its comparison in the history, and after the next start nothing of the
dead may lie about. Now and then the order that was cut short is given again: it must come to the very same answers as
in a workspace where nobody was killed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from qexplorer.core.disk.owners import is_abandoned, is_owned
from qexplorer.core.disk.tidy import tidy
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.jobs.orders import Order
from qexplorer.jobs.references import DataRef, ModelRef
from tests.process.killing import Killed, kill_one

__all__ = ["VICTIMS", "Rounds", "at_home", "serve"]

VICTIMS = ("server", "job", "child")
_PAGE = Path(__file__).parents[2] / "benchmarks" / "results" / "kills.md"
_SETTLE_S = 120.0


@dataclass(slots=True)
class Rounds:
    """What came of the kills of one kind of victim.

    Attributes:
        victim: server, job or child.
        kills: how many met a living process.
        too_late: how often all had ended before.
        moments: what the job was at when it was met, with how often.
        again: orders that were given again and came to the same answers.
        wrong: one sentence for each thing that was.
    """

    victim: str
    kills: int = 0
    too_late: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    again: int = 0
    wrong: list[str] = field(default_factory=list)

    def one(self, samples: int, delay_s: float, chance: random.Random, *, again: bool) -> None:
        """One kill: a server with a comparison of its own of so many samples, ``delay_s`` after the victim is there.

        Args:
            samples: that judge; another number is other work.
            delay_s: how long after the victim has begun.
            chance: chooses among children.
            again: whether the same is then asked for once more.
        """
        before, known = _rows(), set(_jobs())
        done = kill_one(
            [sys.executable, "-m", "tests.hostile.kills", "--serve", str(samples)],
            lambda running: _choose(self.victim, running, chance),
            delay_s=delay_s,
            ready=lambda running: _choose(self.victim, running, chance) is not None,
            settle_s=_SETTLE_S,
        )
        if done.victim is None or (self.victim == "server" and done.code == 0):
            self.too_late += 1
        else:
            self.kills += 1
        new = sorted(set(_jobs()) - known)
        self.moments.update(_moment(job) for job in new)
        self.wrong += [f"{self.victim}, {samples} samples: {each}" for each in _faults(done, before, new)]
        tidy()  # as the next start does
        self.wrong += [f"{self.victim}, {samples} samples: left behind: {path}" for path in _leftovers()]
        if again:
            self._again(samples)

    def _again(self, samples: int) -> None:
        found, expected = _answers(samples), _undisturbed(samples)
        if found == expected:
            self.again += 1
        else:
            self.wrong.append(f"{self.victim}, {samples} samples: asked again, {found} instead of {expected}")

    def row(self) -> str:
        """A line of the page's table."""
        at = ", ".join(f"{step} {n}" for step, n in self.moments.most_common(8))
        return f"| {self.victim} | {self.kills} | {self.too_late} | {self.again} | {len(self.wrong)} | {at} |"


def _choose(victim: str, running: list[psutil.Process], chance: random.Random) -> psutil.Process | None:
    """The server is the oldest, the job its child; a child is anything below the job."""
    if victim == "server":
        return running[0] if len(running) > 1 else None
    with contextlib.suppress(psutil.Error, IndexError):
        job = running[0].children()[0]
        if victim == "job":
            return job
        below = job.children(recursive=True)
        return chance.choice(below) if below else None
    return None


def _jobs() -> list[str]:
    return [path.parent.name for path in workspace("jobs").glob("*/order.json")]


def _rows() -> dict[str, tuple[Any, ...]]:
    """Every kept comparison as it lies in the file, by its id."""
    History().list()
    with contextlib.closing(sqlite3.connect(History().path)) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {row[0]: row for row in base.execute("SELECT * FROM comparisons")}


def _moment(job_id: str) -> str:
    """What the job was at when it ended, without numbers."""
    words = manager.state(job_id).step.split(":")[0]
    return " ".join(word for word in words.split() if not any(c.isdigit() for c in word)) or "starting"


def _faults(done: Killed, before: dict[str, tuple[Any, ...]], jobs: list[str]) -> Iterator[str]:
    if done.left:
        yield f"runs on: {done.left}"
    kept = _rows()
    yield from (f"lost or changed: comparison {name}" for name, row in before.items() if kept.get(name) != row)
    for job_id in jobs:
        job = _ended(job_id)
        result = COMPARE.result_of(job)
        if job.is_running:
            yield f"{job_id} counts as running"
        elif job.status is JobStatus.DONE and (result is None or result.comparison not in kept):
            yield f"{job_id} told a result that is not in the history"
        elif job.status is JobStatus.FAILED and (not job.error or "\n" in job.error or "Traceback" in job.error):
            yield f"{job_id} does not say in one sentence why it failed: {job.error!r}"


def _ended(job_id: str) -> JobState:
    """How the job ended; its process may be seen for a moment longer than its memory, by which :func:`kill_one` looks."""
    until = time.monotonic() + 10
    while (job := manager.state(job_id)).is_running and time.monotonic() < until:
        time.sleep(0.05)
    return job


def _leftovers() -> list[str]:
    """What the dead left in spite of a start."""
    root = workspace()
    own = [Path(where) / name for where, folders, files in os.walk(root) for name in (*folders, *files)]
    return [str(path.relative_to(root)) for path in own if is_owned(path.name) and is_abandoned(path)]


def _order(samples: int) -> Order:
    return COMPARE.order(
        model=ModelRef(sample="tumour_mlp"), data=DataRef(sample="tumour"), recipes=("w8a8",), samples=samples
    )


def _answers(samples: int) -> Any:
    """What a comparison finds that does not depend on time: of each run its digest, status, accuracy and size."""
    job_id = manager.submit(COMPARE, _order(samples))
    while manager.state(job_id).is_running:
        time.sleep(0.1)
    job = manager.state(job_id)
    result = COMPARE.result_of(job)
    if result is None:
        return job.error
    body = History().get(result.comparison).to_json()
    return [[run["digest"], run["status"], (run["accuracy"] or {}).get("value"), run["size"]] for run in body["runs"]]


def _undisturbed(samples: int) -> Any:
    """The same in a workspace of its own."""
    with tempfile.TemporaryDirectory() as folder, at_home(Path(folder)):
        return _answers(samples)


@contextlib.contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Makes ``folder`` the workspace for a while."""
    known = os.environ.get("QEXPLORER_WORKSPACE")
    os.environ["QEXPLORER_WORKSPACE"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("QEXPLORER_WORKSPACE")
        if known is not None:
            os.environ["QEXPLORER_WORKSPACE"] = known


def serve(samples: int) -> None:
    """A server's life, without its pages: it tidies up, orders a comparison, and lives until that has ended."""
    tidy()
    job_id = manager.submit(COMPARE, _order(samples))
    while manager.state(job_id).is_running:
        time.sleep(0.1)


def main() -> int:
    """Kills, and writes the page."""
    parser = argparse.ArgumentParser(description="Kills servers, jobs and children, and says what came of it.")
    parser.add_argument("--times", type=int, default=50, help="kills of each victim")
    parser.add_argument("--longest", type=float, default=6.0, help="seconds from the victim's beginning to its end")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    order = parser.parse_args()
    if order.serve is not None:
        serve(order.serve)
        return 0
    found = [Rounds(victim) for victim in VICTIMS]
    chance = random.Random(order.seed)
    with tempfile.TemporaryDirectory() as folder, at_home(Path(folder)):
        _answers(40)  # something that is recorded
        for rounds in found:
            while rounds.kills < order.times and len(rounds.wrong) < 20:
                tries = rounds.kills + rounds.too_late
                samples = 50 + 60 * VICTIMS.index(rounds.victim) + tries % 60
                rounds.one(samples, chance.uniform(0, order.longest), chance, again=tries % 10 == 9)
            _write([each for each in found if each.kills], len(_rows()), order)
    return int(any(rounds.wrong for rounds in found))


def _write(found: list[Rounds], kept: int, order: argparse.Namespace) -> None:
    wrong = [each for rounds in found for each in rounds.wrong]
    lines = [
        "# Kills",
        "",
        f"`python -m tests.hostile.kills --times {order.times} --seed {order.seed}`: SIGKILL of a server with a comparison "
        f"at work, of its job, or of a process below that, at a random moment of the first {order.longest:.0f} s, all in one "
        f"workspace; {kept} comparisons were in its history at the end. *Again*: the same order given once more came to the "
        "answers of a workspace where nobody was killed.",
        "",
        "| victim | kills | had ended before | again | wrong | what the jobs were at |",
        "|---|---|---|---|---|---|",
        *(rounds.row() for rounds in found),
        "",
        *((f"- {each[:300]}" for each in wrong[:50]) if wrong else ("Nothing was lost, ran on or lay about.",)),
    ]
    _PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
