"""Child processes: results, errors, limits, and that nothing survives them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from qexplorer.core.errors import Cancelled, ChildError, ChildMemory, ChildTimeout, DataError, QExplorerError
from qexplorer.process.limits import Limits
from qexplorer.process.parent import run_in_child, start_child

TRIALS = Path(__file__).parent / "trials"
ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource limits")


@pytest.fixture(autouse=True)
def trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets children find the work in ``trials``."""
    monkeypatch.setenv("PYTHONPATH", f"{TRIALS}{os.pathsep}{ROOT}")


def work(name: str, arguments: dict[str, Any] | None = None, limits: Limits | None = None, **more: Any) -> Any:
    """Runs one of the trials."""
    return run_in_child(f"qexplorer.process_trials:{name}", arguments or {}, limits=limits or Limits(), **more)


def gone(pid: int) -> bool:
    """Whether a process has ended (one that nobody has waited for yet counts as ended)."""
    try:
        process = psutil.Process(pid)
        process.wait(timeout=5)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_value_and_events_come_back() -> None:
    """A child's value and events arrive in order, whatever libraries print to stdout."""
    events: list[dict[str, Any]] = []
    assert work("echo", {"a": [1, None, "ü"]}, on_event=events.append) == {"a": [1, None, "ü"]}
    assert [event["done"] for event in events] == [0.5, 1.0]


def test_own_errors_arrive_whole() -> None:
    """An error of the program arrives as the same type with every part of its sentence."""
    with pytest.raises(DataError) as caught:
        work("refuse")
    assert caught.value.sentence == "here: no good; allowed: better; try again"


def test_other_errors_are_one_line() -> None:
    """An unforeseen error arrives as one line with its type, never as a traceback."""
    with pytest.raises(QExplorerError, match=r"^ValueError: first line$"):
        work("crash")


def test_sudden_death_is_told() -> None:
    """A child that ends without a word gives a ChildError with its exit code."""
    with pytest.raises(ChildError, match="exit code 3"):
        work("die")


def test_only_own_work_is_run() -> None:
    """A target outside the package is refused by the child."""
    with pytest.raises(QExplorerError, match="not work of this program"):
        run_in_child("os:system", {}, limits=Limits())


def ended(raises: type[Exception], **more: Any) -> None:
    """Runs ``wait`` until it is ended; asserts the error, and that both processes are gone."""
    pids: list[int] = []
    with pytest.raises(raises):
        work("wait", on_event=lambda event: pids.extend(event["pids"]), **more)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_timeout_ends_the_whole_group() -> None:
    """When the time is up the child and what it started are ended."""
    ended(ChildTimeout, limits=Limits(wall_s=1.0))


def test_cancel_ends_the_whole_group() -> None:
    """When somebody cancels the child and what it started are ended."""
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    ended(Cancelled, cancelled=cancelled)


def test_error_in_the_callback_ends_the_whole_group() -> None:
    """When the caller's own callback raises, its error comes through and nothing keeps running."""
    pids: list[int] = []

    def on_event(event: dict[str, Any]) -> None:
        pids.extend(event["pids"])
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        work("wait", on_event=on_event)
    assert all(gone(pid) for pid in pids)


@posix
def test_memory_is_limited() -> None:
    """A child that asks for more memory than it may have ends with ChildMemory; less is granted."""
    limits = Limits(memory_bytes=600 * 2**20)
    assert work("allocate", {"bytes": 2**20}, limits) == 2**20
    with pytest.raises(ChildMemory):
        work("allocate", {"bytes": 2**30}, limits)


@posix
def test_file_size_is_limited(tmp_path: Path) -> None:
    """A child cannot write a larger file than it may."""
    with pytest.raises(QExplorerError, match="File too large"):
        work("write", {"path": str(tmp_path / "big"), "bytes": 2**20}, Limits(file_bytes=2**16))
    assert (tmp_path / "big").stat().st_size <= 2**16


@posix
def test_processor_time_is_limited() -> None:
    """A child that spins is ended when its processor time is used up."""
    with pytest.raises(ChildTimeout, match="1 s"):
        work("spin", limits=Limits(cpu_s=1))


@posix
def test_limits_bind_the_child_alone() -> None:
    """Limits of a child leave this process as it was."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS), os.nice(0)
    work("echo", limits=Limits(memory_bytes=2**31, nice=3))
    assert (resource.getrlimit(resource.RLIMIT_AS), os.nice(0)) == before


def test_events_can_go_to_a_file(tmp_path: Path) -> None:
    """A detached child appends its events and its result to a file, one JSON object a line."""
    import json

    events = tmp_path / "events"
    child = start_child("qexplorer.process_trials:echo", {"n": 1}, Limits(), events=str(events))
    assert child.wait(timeout=60) == 0
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["progress", "progress", "result"]
    assert lines[-1]["value"] == {"n": 1}
