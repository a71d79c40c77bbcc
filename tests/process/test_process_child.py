"""Child processes: results, errors, limits, and that nothing survives them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from qexplorer.core.errors import Cancelled, ChildError, ChildMemory, ChildTimeout, DataError, QExplorerError
from qexplorer.core.workspace import share, workspace
from qexplorer.process.limits import Limits
from qexplorer.process.parent import EarlyChild, run_in_child, start_child

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
        process.wait(timeout=60)
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
    with pytest.raises(
        QExplorerError, match=r"foresaw \(ValueError\); its details are in details/\S+.txt of the workspace$"
    ):
        work("crash")


def test_sudden_death_is_told() -> None:
    """A child that ends without a word gives a ChildError with its exit code."""
    with pytest.raises(ChildError, match="exit code 3"):
        work("die")


def test_only_own_work_is_run() -> None:
    """A target outside the package is refused by the child."""
    with pytest.raises(QExplorerError, match="not work of this program"):
        run_in_child("os:system", {}, limits=Limits())


def test_timeout_ends_the_whole_group() -> None:
    """When the time is up the child and what it started are ended."""
    pids: list[int] = []
    for wall_s in (1.0, 4.0, 16.0, 64.0):  # on a busy machine a second may pass before the child has said anything
        with pytest.raises(ChildTimeout):
            work("wait", on_event=lambda event: pids.extend(event["pids"]), limits=Limits(wall_s=wall_s))
        if pids:
            break
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_cancel_ends_the_whole_group() -> None:
    """When somebody cancels the child and what it started are ended."""
    pids: list[int] = []
    with pytest.raises(Cancelled):
        work("wait", on_event=lambda event: pids.extend(event["pids"]), cancelled=lambda: len(pids) == 2)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


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


def test_memory_that_is_really_taken_is_limited() -> None:
    """A child that fills more memory than it was granted is ended with one sentence, and what it may take can grow."""
    limits = Limits(resident_bytes=300 * 2**20)
    with pytest.raises(ChildMemory, match=r"more than the 300 MB"):
        work("fill", {"bytes": 500 * 2**20, "at_once": 2**20}, limits)
    assert work("fill", {"bytes": 500 * 2**20, "at_once": 2**20, "allow": 700 * 2**20}, limits) == 500 * 2**20


@posix
def test_memory_that_is_mapped_does_not_count(tmp_path: Path) -> None:
    """A child may read a mapped file that is far larger than its memory."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**29)
    assert work("read_mapped", {"path": str(path)}, Limits(resident_bytes=200 * 2**20)) == 2**29


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts private memory")
def test_what_is_asked_for_at_once_is_refused_by_the_system() -> None:
    """One request far beyond the limit is refused before anybody looks, and told as a lack of memory."""
    with pytest.raises(ChildMemory, match="needs more memory than it may use"):
        work("allocate", {"bytes": 2**33}, Limits(resident_bytes=2**30))


def test_computing_without_getting_on_is_limited() -> None:
    """A child that spins is ended when it has computed for longer than it was granted; one that reports is not."""
    with pytest.raises(ChildTimeout, match="without getting on"):
        work("spin", limits=Limits(quiet_s=1.0))
    assert work("spin_and_report", {"seconds": 3.0}, limits=Limits(quiet_s=1.0)) == 3.0


@posix
@pytest.mark.parametrize(
    ("signal_name", "words"),
    [
        ("SIGSEGV", "crashed (SIGSEGV: it touched memory that is not its own), a fault of a library on this model"),
        ("SIGABRT", "crashed (SIGABRT: a library gave up)"),
        ("SIGKILL", "was ended from outside (SIGKILL)"),
    ],
)
def test_what_a_child_died_of_is_told(signal_name: str, words: str) -> None:
    """A crash is not called a lack of memory, with a limit of memory or without, and the details are kept."""
    with pytest.raises(ChildError) as caught:
        work("die_by", {"signal": signal_name}, Limits(resident_bytes=2**32, memory_bytes=2**33))
    assert type(caught.value) is ChildError
    assert words in caught.value.what
    if signal_name != "SIGKILL":
        (kept,) = workspace("details").iterdir()
        assert kept.name in str(caught.value)
        assert "die_by" in kept.read_text()


def test_a_library_that_aborts_for_want_of_memory_is_told_so() -> None:
    """An abort after bad_alloc is a lack of memory."""
    with pytest.raises(ChildMemory, match="needs more memory than it may use"):
        work("die_by", {"signal": "SIGABRT", "say": "terminate called after throwing std::bad_alloc"})


def test_a_backend_that_hands_on_a_lack_of_memory_is_told_so() -> None:
    """An error of the program that carries a library's own words for it becomes one plain sentence with its place."""
    with pytest.raises(ChildMemory) as caught:
        work("refuse_memory")
    assert caught.value.sentence.startswith("net: the work needs more memory than it may use; ")


def test_nothing_is_kept_of_a_child_that_ended_well() -> None:
    """Details are kept of faults alone."""
    work("echo")
    with pytest.raises(DataError):
        work("refuse")
    assert list(workspace("details").iterdir()) == []


@posix
def test_file_size_is_limited(tmp_path: Path) -> None:
    """A child cannot write a larger file than it may."""
    with pytest.raises(QExplorerError, match="a file would have become larger than it may"):
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


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel does not share by session")
def test_who_makes_way_does_so_among_sessions() -> None:
    """The scheduling group of a child has the child's niceness, and that of this process stays."""
    before = Path("/proc/self/autogroup").read_text(encoding="ascii")
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    assert work("priority_of_group", limits=Limits(nice=3)) == nice + 3
    assert Path("/proc/self/autogroup").read_text(encoding="ascii") == before


def test_events_can_go_to_a_file(tmp_path: Path) -> None:
    """A detached child appends its events and its result to a file, one JSON object a line."""
    import json

    events = tmp_path / "events"
    child = start_child("qexplorer.process_trials:echo", {"n": 1}, Limits(), events=str(events))
    assert child.wait(timeout=60) == 0
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["progress", "progress", "result"]
    assert lines[-1]["value"] == {"n": 1}


def test_a_child_works_in_the_workspace_of_who_asked() -> None:
    """On a shared host a process that is started for somebody finds theirs and the host's, though nobody asks in it."""
    home = workspace()
    share(lambda: "visitor-a")
    try:
        assert work("workspaces") == [str(home / "people" / "visitor-a"), str(home)]
    finally:
        share(lambda: None)
    assert work("workspaces") == [str(home), str(home)]


@pytest.mark.parametrize("ahead", ["echo", "crash"])
def test_a_child_that_was_started_early_does_its_work_once_it_is_known(ahead: str) -> None:
    """In the same process, whether what it did before went well or not; nothing of that is told."""
    child, events, pids = EarlyChild(f"qexplorer.process_trials:{ahead}", {}, limits=Limits()), list[Any](), list[int]()
    child.get_ready()
    assert child.lives
    found = child.run("qexplorer.process_trials:echo", {"n": 1}, on_event=events.append, on_start=pids.append)
    assert found == {"n": 1}
    assert [event["done"] for event in events] == [0.5, 1.0]
    assert gone(pids[0])


def test_a_child_that_died_before_its_work_takes_none() -> None:
    """Whoever has the work starts another."""
    child = EarlyChild("qexplorer.process_trials:die", {}, limits=Limits())
    child.get_ready()
    assert not child.lives
    child.close()


def test_an_early_child_that_gets_no_work_ends() -> None:
    """When it is closed, and when nobody holds the other end of its standard input any more."""
    closed = EarlyChild("qexplorer.process_trials:workspaces", {}, limits=Limits())
    left = EarlyChild("qexplorer.process_trials:workspaces", {}, limits=Limits())
    for child in (closed, left):
        child.get_ready()
    before = list(workspace("scratch").iterdir())
    closed.close()
    assert len(list(workspace("scratch").iterdir())) == len(before) - 1, "the file for what it prints is gone"
    assert left._process.stdin is not None
    left._process.stdin.close()
    assert gone(left.pid)
    left.close()
