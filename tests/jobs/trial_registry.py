"""Kinds of jobs from a folder of the tests, in this process and in its children."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import qexplorer.jobs.kinds as home
from qexplorer.jobs import manager
from qexplorer.jobs.kind import JOB_KINDS, AnyKind

__all__ = ["TRIALS", "brought", "trial"]

TRIALS = Path(__file__).parent / "trials"
ROOT = Path(__file__).parents[2]


@contextmanager
def brought(folder: Path, customize: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has the kinds in ``folder`` found as if the package had brought them; leaves no job running.

    Args:
        folder: with files that end in ``ENTRIES``.
        customize: with a ``sitecustomize.py`` that does the same in children.
        patch: undoes it at the end of the test.
    """
    patch.setenv("PYTHONPATH", f"{customize}{os.pathsep}{ROOT}")
    patch.setattr(home, "__path__", [*home.__path__, str(folder)])
    patch.setattr(JOB_KINDS, "_entries", {})
    patch.setattr(JOB_KINDS, "_read", False)
    try:
        yield
    finally:
        for job in manager.running():
            manager.cancel(job.id)
        for path in folder.glob("*.py"):
            sys.modules.pop(f"{home.__name__}.{path.stem}", None)


def trial(name: str) -> AnyKind:
    """The trial kind that does this."""
    return JOB_KINDS.get(f"trial_{name}")
