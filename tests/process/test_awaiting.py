"""Waiting for a child's end by a descriptor, and without one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from qexplorer.process.awaiting import Awaited


@pytest.mark.parametrize("descriptor", [True, False])
def test_the_end_of_a_child_is_told_once_it_has_come(monkeypatch: pytest.MonkeyPatch, *, descriptor: bool) -> None:
    """A child that waits for a word has not ended; after it, it has, and its exit code is known."""

    def refused(_: int) -> int:
        raise OSError("not here")

    if not descriptor:
        monkeypatch.setattr(os, "pidfd_open", refused, raising=False)
    code = "import sys; sys.stdin.readline(); sys.exit(3)"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True)
    with Awaited(child) as awaited:
        assert not awaited.ends_within(0.05)
        assert child.stdin is not None
        child.stdin.close()
        assert awaited.ends_within(30.0)
        assert child.returncode == 3
        assert awaited.ends_within(0.0), "it stays so"
