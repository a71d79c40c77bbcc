"""``qexplorer search``: stdout is what was asked for, and nothing else."""

from __future__ import annotations

import argparse
import os

import pytest

from qexplorer.cli.apart import run_in_turn
from qexplorer.cli.terminal import stdout_to_stderr
from qexplorer.core.errors import InputError


def test_what_a_library_prints_by_itself_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """A line written below Python, as HiGHS writes it, goes to stderr; afterwards stdout is what it was."""
    with stdout_to_stderr():
        os.write(1, b"from a library\n")
    os.write(1, b"{}\n")
    out, err = capfd.readouterr()
    assert out == "{}\n"
    assert "from a library" in err


def test_a_scheduler_that_nobody_answers_at_is_said_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The address is tried first; without one nothing is."""
    asked = []

    def nobody(address: str) -> None:
        asked.append(address)
        raise InputError("no Dask scheduler answers there", where=address)

    monkeypatch.setattr("qexplorer.scheduling.status.cluster_state", nobody)
    with pytest.raises(InputError, match="answers there"):
        run_in_turn(argparse.Namespace(scheduler="tcp://127.0.0.1:1", run=lambda _order: pytest.fail("it began")))
    assert asked == ["tcp://127.0.0.1:1"]
    for named in ("off", None):
        assert run_in_turn(argparse.Namespace(scheduler=named, run=lambda _order: 0)) == 0
    assert len(asked) == 1
