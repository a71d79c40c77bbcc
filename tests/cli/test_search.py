"""``qexplorer search``: stdout is what was asked for, and nothing else."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pytest

from qexplorer.cli.apart import run_in_turn
from qexplorer.cli.terminal import ProgressLine, stdout_to_stderr
from qexplorer.core.errors import InputError


def test_what_a_library_prints_by_itself_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """A line written below Python, as HiGHS writes it, goes to stderr; afterwards stdout is what it was."""
    with stdout_to_stderr():
        os.write(1, b"from a library\n")
    os.write(1, b"{}\n")
    out, err = capfd.readouterr()
    assert out == "{}\n"
    assert "from a library" in err


def test_piped_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in the first 15 seconds, then a line after every 15, and none at all with ``--quiet``."""
    now = [0.0]
    lines = [ProgressLine(quiet=quiet, clock=lambda: now[0]) for quiet in (False, True)]
    for second in range(46):
        now[0] = float(second)
        for line in lines:
            line.show("measuring", second / 50, 50.0 - second)
    for line in lines:
        line.end()
    assert capsys.readouterr().err.splitlines() == [
        f"qexplorer: {2 * second} %  measuring, about {50 - second} s left" for second in (15, 30, 45)
    ]


def test_a_file_that_cannot_be_written_is_said_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qexplorer: Any
) -> None:
    """A folder by that name, a folder that is not there, another ending: one sentence each."""
    monkeypatch.setattr("qexplorer.api.load", lambda *_args, **_more: pytest.fail("it began"))
    (tmp_path / "folder.yaml").mkdir()
    for name, said in (
        ("folder.yaml", "is a folder; name a file that ends in .yaml"),
        ("none/mix.yaml", "its folder does not exist"),
        (".", "is not the name of a recipe"),
    ):
        outcome = qexplorer("repair", "tumour_mlp", "-o", tmp_path / name)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert said in outcome.err


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
