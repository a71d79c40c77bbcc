# ruff: noqa: E501 - tables of cases, one a line
"""The long campaign: every named file, and mutations of every format, with what came of them as a page.

From the repository: ``python -m tests.hostile.campaign --mutations 10000 --seconds 1200 --seed 1``. It writes
``benchmarks/results/hostile.md``, and its exit code is 1 if anything was wrong. ``--only "zip mutations"`` runs one set
and puts its line in the place of the earlier one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import sha256_bytes
from tests.hostile import data, models
from tests.hostile.case import EITHER, LOADS, REFUSED, Case, of_bytes
from tests.hostile.formats import FORMATS, IMPORTS, mutated
from tests.hostile.judging import Answer, Worker, wrong_with

__all__ = ["Tally", "mutations"]

_PAGE = Path(__file__).parents[2] / "benchmarks" / "results" / "hostile.md"


@dataclass(slots=True)
class Tally:
    """What came of one set of files."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    slowest: str = ""
    wrong: list[str] = field(default_factory=list)

    def add(self, answer: Answer, right: str = EITHER) -> None:
        """Counts one answer."""
        if answer.seconds >= max(self.seconds, default=0.0):
            self.slowest = answer.name
        self.outcomes[answer.outcome] += 1
        self.seconds.append(answer.seconds)
        wrong = wrong_with(answer, right)
        if wrong:
            self.wrong.append(f"{answer.name}: {wrong}")
            sys.stderr.write(f"{answer.name}: {wrong}\n")

    def row(self) -> str:
        """A line of the page's table."""
        ordered = sorted(self.seconds)
        at = [f"{ordered[min(int(len(ordered) * share), len(ordered) - 1)]:.2f}" for share in (0.5, 0.95, 1.0)]
        told = [f"{self.outcomes[key]:,}" for key in ("loads", "one sentence")]
        others = sum(self.outcomes.values()) - self.outcomes["loads"] - self.outcomes["one sentence"]
        cells = [self.name, f"{len(ordered):,}", *told, f"{others}", f"{len(self.wrong)}", *at, self.slowest]
        return f"| {' | '.join(cells)} |"


def mutations(kind: str, seed: int) -> Iterator[Case]:
    """Damaged files of one format, each named by its digest, without end."""
    for number, (file, damaged) in enumerate(mutated(kind, seed)):
        name = f"{kind} mutation {seed}/{number} {sha256_bytes(damaged)[:8]}"
        yield of_bytes(name, "damage", EITHER, damaged, file)


def _in_workers(name: str, cases: Iterable[Case], until: float, *modules: str) -> Tally:
    """Opened as the children of loading open them, one after another in a process that is hooked."""
    tally = Tally(name)
    with Worker(*modules) as worker:
        for case in cases:
            if time.monotonic() > until:
                break
            tally.add(worker.judge(case), case.right)
    return tally


def _at_the_entrance(name: str, cases: Iterable[Case], until: float) -> Tally:
    """Opened by ``qx.load`` and ``qx.data`` themselves, with a child for each."""
    import qexplorer as qx

    tally = Tally(name)
    for case in cases:
        if time.monotonic() > until:
            break
        with tempfile.TemporaryDirectory() as folder:
            path = case.make(Path(folder))
            began = time.perf_counter()
            outcome, says = "loads", ""
            try:
                _ = qx.load(path) if path.suffix == ".onnx" else qx.data(path)
            except QExplorerError as error:
                outcome, says = "one sentence", error.sentence
            except Exception as error:  # what the program did not foresee
                outcome, says = "fault", f"{type(error).__name__}: {error}"
            tally.add(Answer(case.name, outcome, says, time.perf_counter() - began), case.right)
    return tally


def _on_the_command_line(cases: Iterable[Case], until: float) -> Tally:
    """Looked at by ``qexplorer inspect``: its exit code, and what it prints."""
    tally = Tally("command line, named models")
    for case in cases:
        if time.monotonic() > until:
            break
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "qexplorer", "inspect", str(case.make(Path(folder)))]
            began = time.perf_counter()
            found = subprocess.run(command, capture_output=True, timeout=120, check=False)
            text = (found.stdout + found.stderr).decode("utf-8", "replace")
            outcome = {0: LOADS, 2: REFUSED}.get(found.returncode, f"exit code {found.returncode}")
            odd = "\n".join(text.splitlines()[:-1]) if outcome == REFUSED and text.count("\n") > 1 else ""
            raw = "Traceback" in text or any(ord(c) < 32 and c not in "\n\t" for c in text)
            outcome = "fault" if raw else outcome
            tally.add(Answer(case.name, outcome, odd or (text if raw else ""), time.perf_counter() - began), case.right)
    return tally


def main() -> int:
    """Runs the campaign and writes the page."""
    parser = argparse.ArgumentParser(description="Opens hostile files and says what came of each.")
    parser.add_argument("--mutations", type=int, default=10_000, help="for each format")
    parser.add_argument("--seconds", type=float, default=1800, help="for all of it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of sets, as the page has them")
    order = parser.parse_args()
    tallies = []
    for name, run in _sets(order).items():
        if order.only is None or name in order.only:
            tallies.append(run())
            sys.stderr.write(f"{tallies[-1].row()}\n")
    tallies = [tally for tally in tallies if tally.seconds]
    _write(tallies, order)
    return int(any(tally.wrong for tally in tallies))


def _sets(order: argparse.Namespace) -> dict[str, Callable[[], Tally]]:
    """Every set of files by its name; each has a share of the time, and one that runs alone all of it."""
    end = time.monotonic() + order.seconds

    def until(share: float) -> float:
        return end if order.only else min(end, time.monotonic() + order.seconds * share)

    def mutated_files(kind: str) -> Callable[[], Tally]:
        cases = islice(mutations(kind, order.seed), order.mutations)
        share = 1.0 if kind == "onnx" else 0.08
        return lambda: _in_workers(f"{kind} mutations", cases, until(share), *IMPORTS.get(kind, ()))

    shown = (case for case in models.cases() if case.name.startswith("names/"))
    return {
        "named models": lambda: _in_workers("named models", models.cases(), end),
        "named data": lambda: _in_workers("named data", data.cases(), end),
        "qx.load, named models": lambda: _at_the_entrance("qx.load, named models", models.cases(), until(0.12)),
        "qx.data, named data": lambda: _at_the_entrance("qx.data, named data", data.cases(), until(0.1)),
        "command line, named models": lambda: _on_the_command_line(shown, until(0.08)),
        **{
            f"{kind} mutations": mutated_files(kind)
            for kind in sorted(FORMATS, key=lambda kind: (kind == "onnx", kind))
        },
    }


def _rows_before(only: list[str] | None) -> dict[str, str]:
    """The lines of the page as it is, by the name of their set; none where all is run anew."""
    if only is None or not _PAGE.is_file():
        return {}
    lines = [line for line in _PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0][2:]: line for line in lines[1:]}


def _write(tallies: list[Tally], order: argparse.Namespace) -> None:
    wrong = [each for tally in tallies for each in tally.wrong]
    rows = _rows_before(order.only) | {tally.name: tally.row() for tally in tallies}
    lines = [
        "# Hostile files",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}: `python -m tests.hostile.campaign --mutations {order.mutations} --seed {order.seed}`. "
        f"Formats: {', '.join(FORMATS)}. Named files have a right answer; of mutations any is right that is a model, data or "
        "one sentence. Nothing may be opened but the file, what lies beside it under the names that its format allows, and "
        "the workspace. Seconds until the verdict.",
        "",
        "| files | number | load | one sentence | other ends | wrong | median | p95 | worst | slowest |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows.values(),
        "",
        *(
            (f"Wrong ({len(wrong)}):", "", *(f"- {each[:300]}" for each in wrong[:50]))
            if wrong
            else ("Nothing was wrong.",)
        ),
    ]
    _PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
