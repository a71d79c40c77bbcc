"""Commands that run a model do so in a child with limits (docs/limits.md); this process prints what that one says."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["INTERRUPTED", "KEEP", "goes_apart", "run_apart", "run_in_turn", "work"]

KEEP = "--keep-best"
"""What ``qat`` is run with again after Ctrl-C: it then writes the best state that the first one had come to."""
INTERRUPTED = 130

_KEEPS = "qat"
_RUN_MODELS = ("quantize", "compare", "generate", "qat")
Emit = Callable[[dict[str, Any]], None]


def goes_apart(order: argparse.Namespace) -> bool:
    """Whether this command is one of those; who looks for a fault (``QEXPLORER_DEBUG``) has it in one process."""
    return getattr(order.run, "module", None) in _RUN_MODELS and not os.environ.get("QEXPLORER_DEBUG")


def run_apart(typed: Sequence[str]) -> int:
    """Runs what was typed behind ``qexplorer`` in a child and returns its exit code.

    Raises:
        QExplorerError: what the command raised, or why it was ended.
    """
    from qexplorer.process.limits import BASE
    from qexplorer.process.parent import run_in_child

    streams = {"out": sys.stdout, "err": sys.stderr}

    def show(event: dict[str, Any]) -> None:
        stream = streams[event["event"]]
        stream.write(event["text"])
        stream.flush()

    terminal = {name: stream.isatty() for name, stream in streams.items()}
    arguments = {"typed": list(typed), "terminal": terminal, "columns": shutil.get_terminal_size().columns}
    target = "qexplorer.cli.apart:work"
    try:
        return int(run_in_child(target, arguments, limits=BASE, on_event=show))
    except KeyboardInterrupt:
        if typed[:1] != [_KEEPS]:
            raise
        arguments["typed"] = [*typed, KEEP]
        run_in_child(target, arguments, limits=BASE, on_event=show)
        return INTERRUPTED


def run_in_turn(order: argparse.Namespace) -> int:
    """Runs a command as one work in the line for the machine, and says where it stands in it."""
    from qexplorer.cli.terminal import ProgressLine
    from qexplorer.process.places.taking import turn
    from qexplorer.scheduling.chosen import chosen_cluster, on_cluster

    named = getattr(order, "scheduler", None)
    with on_cluster(named):
        if named is not None and (address := chosen_cluster()) is not None:
            from qexplorer.scheduling.status import cluster_state

            cluster_state(address)  # a mistyped address is said before anything is computed
        with turn(ProgressLine(quiet=getattr(order, "quiet", False)).wait):
            return int(order.run(order))


def work(arguments: dict[str, Any], emit: Emit) -> int:
    """The child's side: runs the command, with what it prints as events."""
    from qexplorer.cli.parser import build_parser

    os.environ["COLUMNS"] = str(arguments["columns"])
    sys.stdout = _Told("out", emit, arguments["terminal"]["out"])
    sys.stderr = _Told("err", emit, arguments["terminal"]["err"])
    try:
        return run_in_turn(build_parser().parse_args(arguments["typed"]))
    finally:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


class _Told(io.TextIOBase):
    """A stream whose text goes to the parent."""

    def __init__(self, name: str, emit: Emit, terminal: bool) -> None:
        self._name, self._emit, self._terminal = name, emit, terminal

    def isatty(self) -> bool:
        """Whether the parent's own stream is a terminal."""
        return self._terminal

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Hands the text on."""
        if text:
            self._emit({"event": self._name, "text": text})
        return len(text)
