"""Children end with their parent, however that one ends, and with nothing else."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

from qexplorer.process import lifeline
from qexplorer.process.limits import Limits
from qexplorer.process.parent import start_child
from tests.process.killing import kill_one

TRIALS = Path(__file__).parent / "trials"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets children find the work in ``trials``."""
    monkeypatch.setenv("PYTHONPATH", f"{TRIALS}{os.pathsep}{ROOT}")


def parent_of(work: str) -> list[str]:
    """A process that has a child do ``work`` and waits for it."""
    code = f"""
        from qexplorer.process.limits import Limits
        from qexplorer.process.parent import run_in_child
        run_in_child("qexplorer.process_trials:{work}", {{}}, limits=Limits())
    """
    return [sys.executable, "-c", textwrap.dedent(code)]


@pytest.mark.parametrize("work", ["wait", "hold_the_interpreter", "family"])
def test_a_killed_parent_leaves_nothing(work: str) -> None:
    """SIGKILL of the parent ends its child, the child's own processes and a child of the child.

    Whether the child sleeps, waits for a child of its own, or is in code that never lets go of the interpreter.
    """
    count = {"wait": 3, "hold_the_interpreter": 2, "family": 4}[work]
    done = kill_one(parent_of(work), lambda running: running[0], ready=lambda running: len(running) >= count)
    assert done.code == -signal.SIGKILL
    assert len(done.seen) == count
    assert done.left == []


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("delay_s", [0.0, 0.15])
def test_whoever_is_killed_nothing_runs_on(place: int, delay_s: float) -> None:
    """Of a parent, its child and the child's child any may be killed, just begun or later."""
    done = kill_one(
        parent_of("family"),
        lambda running: running[min(place, len(running) - 1)],
        delay_s=delay_s,
        ready=lambda running: len(running) > place,
    )
    assert done.victim is not None
    assert done.left == []


def test_a_child_outlives_the_thread_that_started_it() -> None:
    """A child is tied to the process that started it, not to the thread: the app's live for one run of a page."""
    started = []
    thread = threading.Thread(target=lambda: started.append(start_child("qexplorer.process_trials:wait", {}, Limits())))
    thread.start()
    thread.join()
    (child,) = started
    assert child.stdout is not None
    assert "pids" in child.stdout.readline()
    assert child.poll() is None
    lifeline.end_group(child.pid)
    assert child.wait(timeout=60) == -signal.SIGKILL


def test_a_child_whose_caller_lost_interest_ends() -> None:
    """When the parent closes its end on purpose, the child and what it started are gone."""
    child = start_child("qexplorer.process_trials:wait", {}, Limits())
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    below = psutil.Process(child.pid).children(recursive=True)
    assert below
    child.stdin.close()
    child.wait(timeout=60)
    assert psutil.wait_procs(below, timeout=60)[1] == []


def test_the_way_of_systems_without_that_signal_works_too(tmp_path: Path) -> None:
    """Where the kernel cannot signal, a thread of the child sees the end of its standard input and ends the group."""
    patch = "import sys, qexplorer.process.lifeline as l; sys.platform = 'darwin'; l.hold_on(); sys.platform = 'linux'"
    helper = tmp_path / "parent.py"
    helper.write_text(
        textwrap.dedent(f"""
        import subprocess, sys, time
        child = "{patch}; import subprocess, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"
        keep = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, start_new_session=True)
        time.sleep(600)
        """)
    )
    done = kill_one([sys.executable, str(helper)], lambda all_: all_[0], ready=lambda running: len(running) >= 3)
    assert len(done.seen) == 3
    assert done.left == []
