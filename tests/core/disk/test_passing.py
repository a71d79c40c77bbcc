"""Folders for a while: whose they are, and who removes them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.workspace import workspace

_WAITS = """
from qexplorer.core.disk.passing import passing_folder
with passing_folder("pieces") as folder:
    open(folder + "/graph.onnx", "wb").close()
    print(folder, flush=True)
    input()
"""


def _holder() -> tuple[subprocess.Popen[str], Path]:
    child = subprocess.Popen([sys.executable, "-c", _WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, Path(child.stdout.readline().strip())


def test_a_folder_lies_in_the_workspace_and_is_gone_after_its_block() -> None:
    """Its name says whose it is, so that nobody takes it for what is kept."""
    with passing_folder("pieces") as folder:
        path = Path(folder)
        assert path.parent == workspace("scratch")
        assert path.name.startswith(own_prefix("pieces"))
        (path / "graph.onnx").write_bytes(b"x")
    assert not path.exists()


def test_the_next_folder_removes_what_a_killed_process_left_and_nothing_of_the_living() -> None:
    """SIGKILL lets nobody clean up: what was left goes when the next is made, in that home alone; a folder without an
    owner's name stays."""
    (dead, left), (living, kept) = _holder(), _holder()
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        foreign = workspace("scratch", "somebodys")
        with passing_folder("reading", "data"):
            assert (left / "graph.onnx").exists()
        with passing_folder("handed"):
            assert not left.exists()
            assert (kept / "graph.onnx").exists()
            assert foreign.is_dir()
    finally:
        for child in (dead, living):
            child.kill()
            child.communicate()
