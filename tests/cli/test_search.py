"""``qexplorer search``: stdout is what was asked for, and nothing else."""

from __future__ import annotations

import os

import pytest

from qexplorer.cli.terminal import stdout_to_stderr


def test_what_a_library_prints_by_itself_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """A line written below Python, as HiGHS writes it, goes to stderr; afterwards stdout is what it was."""
    with stdout_to_stderr():
        os.write(1, b"from a library\n")
    os.write(1, b"{}\n")
    out, err = capfd.readouterr()
    assert out == "{}\n"
    assert "from a library" in err
