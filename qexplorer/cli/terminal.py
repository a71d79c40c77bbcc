"""Text for a terminal: aligned tables, JSON, errors on one line, progress with the time left."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qexplorer.core.foreign.media import in_terminal
from qexplorer.core.words.columns import fact_lines, table_lines

if TYPE_CHECKING:
    from qexplorer.process.places.waiting import Waiting

__all__ = [
    "ProgressLine",
    "fail",
    "print_facts",
    "print_json",
    "print_report",
    "print_table",
    "say",
    "stdout_to_stderr",
    "warn",
]


def say(text: str = "") -> None:
    """Prints a line to stdout."""
    sys.stdout.write(in_terminal(text) + "\n")


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Sends to stderr what a library prints to stdout by itself, below Python, so that what is printed can be read."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)


def fail(sentence: str) -> None:
    """Prints an error to stderr, on one line."""
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}qexplorer: error: {in_terminal(' '.join(sentence.split()))}\n")


def warn(sentence: str) -> None:
    """Prints what a person should know, and what does not keep the work from being done, to stderr."""
    sys.stderr.write(f"qexplorer: warning: {in_terminal(' '.join(sentence.split()))}\n")


def print_json(value: Any) -> None:
    """Prints ``value`` as valid JSON."""
    from qexplorer.report.export import json_text

    sys.stdout.write(json_text(value))


def print_facts(facts: Mapping[str, object]) -> None:
    """Prints names and values in two columns; what is None is left out."""
    for line in fact_lines(facts):
        sys.stdout.write(f"{line}\n")


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints aligned columns; columns in which every cell is a number (with its unit) are aligned to the right."""
    for line in table_lines(header, rows):
        sys.stdout.write(f"{line}\n")


def print_report(report: object) -> None:
    """Prints what a verb found as ``print`` shows it in Python."""
    from qexplorer.report.as_text.reports import told_of

    sys.stdout.write(f"{told_of(report).text}\n")


_BETWEEN_S = 15.0  # lines of progress where stderr is no terminal


def _later(seconds: float, work: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()
    return timer


class ProgressLine:
    """One line on stderr that is written over; where stderr is no terminal, a whole line now and then, if it says
    something else than the one before. What is told too soon after a line is written when its time has come, unless
    something newer was told until then: the last line is never older than that.

    Args:
        quiet: whether nothing is shown.
        clock: tells seconds.
        later: does something after so many seconds, unless the timer that it returns is cancelled.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], threading.Timer] = _later,
    ) -> None:
        self._over = sys.stderr.isatty() and not quiet
        self._quiet, self._clock, self._later = quiet, clock, later
        self._told, self._said, self._next = clock(), "", ""
        self._turn = threading.Lock()
        self._timer: threading.Timer | None = None

    def show(self, step: str, done: float, seconds_left: float | None = None) -> None:
        """Shows the ``step``, the part that is ``done`` (0 to 1) and the time left, if it is known."""
        left = "" if seconds_left is None else f", about {max(seconds_left, 0):.0f} s left"
        self._write(f"{100 * done:3.0f} %  {step}{left}")

    def wait(self, waiting: Waiting | None) -> None:
        """Shows the place in the line for the machine; None: the work goes on."""
        if waiting is None:
            self.end()
        else:
            self._write(waiting.sentence)

    def end(self) -> None:
        """Clears the line; what was not written yet never is."""
        if self._over:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
        with self._turn:
            self._next = self._said
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _write(self, text: str) -> None:
        if self._over:
            sys.stderr.write(f"\r\033[K{in_terminal(text)[: shutil.get_terminal_size().columns - 1]}")
            sys.stderr.flush()
        elif not self._quiet:
            with self._turn:
                self._next = text
            self._line_if_due()

    def _line_if_due(self) -> None:
        with self._turn:
            if self._next == self._said:
                return
            early = self._told + _BETWEEN_S - self._clock()
            if early <= 0:
                self._told, self._said = self._clock(), self._next
                sys.stderr.write(f"qexplorer: {in_terminal(self._next.strip())}\n")
                sys.stderr.flush()
            elif self._timer is None:
                self._timer = self._later(early, self._when_due)

    def _when_due(self) -> None:
        with self._turn:
            self._timer = None
        self._line_if_due()
