"""What a child died of, by its exit code and what it printed; what nobody foresaw, by the kind of the exception."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import ChildError, ChildMemory, ChildTimeout, DataError, QExplorerError
from qexplorer.core.workspace import workspace
from qexplorer.process import ending
from qexplorer.process.details import details_of_one, in_words
from qexplorer.process.ending import what_ended
from qexplorer.process.unforeseen import foreseen, unforeseen


@pytest.mark.parametrize(
    ("code", "printed", "kind", "said"),
    [
        (3, "", ChildError, "ended without a result (exit code 3)"),
        (0, "out of memory", ChildError, "ended without a result (exit code 0)"),
        (1, "RuntimeError: Cannot allocate memory", ChildMemory, "needs more memory than it may use"),
        (-signal.SIGABRT, "std::bad_alloc", ChildMemory, "needs more memory than it may use"),
        (-signal.SIGSEGV, "failed to map segment", ChildMemory, "needs more memory than it may use"),
        (-signal.SIGILL, "std::bad_alloc", ChildError, "crashed (SIGILL: it met an instruction that this processor"),
        (-signal.SIGABRT, "", ChildError, "crashed (SIGABRT: a library gave up)"),
        (-signal.SIGXCPU, "", ChildTimeout, "used more than 7 s of processor time"),
        (-signal.SIGTERM, "", ChildError, "was ended from outside (SIGTERM)"),
        (-signal.SIGKILL, "std::bad_alloc", ChildError, "was ended from outside (SIGKILL)"),
        (-99, "", ChildError, "was ended by signal 99"),
    ],
)
def test_an_end_is_told_by_its_code_and_by_what_was_printed(
    code: int, printed: str, kind: type[ChildError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lack of memory is one whoever noticed it; a signal from outside is no crash of a library."""
    monkeypatch.setattr(ending, "oom_kills", lambda: 5)
    stderr = tmp_path / "stderr.txt"
    stderr.write_text(printed)
    error = what_ended(code, cpu_s=7, kills_before=5, stderr=stderr)
    assert type(error) is kind
    assert said in error.what
    assert ("its details are in stderr.txt" in error.sentence) is (printed != "" and "crashed" in said)


@pytest.mark.parametrize(("before", "now", "memory"), [(5, 6, True), (5, 5, False), (None, 6, False), (5, None, False)])
def test_a_kill_is_the_systems_where_it_counted_one_more(
    before: int | None, now: int | None, memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it does not count, nothing is claimed."""
    monkeypatch.setattr(ending, "oom_kills", lambda: now)
    error = what_ended(-signal.SIGKILL, kills_before=before)
    assert isinstance(error, ChildMemory) is memory
    assert ("ran out of memory" in error.what) is memory


def test_only_the_end_of_what_was_printed_counts(tmp_path: Path) -> None:
    """A library that ran short of memory long ago, and went on, did not die of it."""
    stderr = tmp_path / "stderr.txt"
    for rest, memory in ((60_000, True), (70_000, False)):
        stderr.write_text("out of memory\n" + "x" * rest)
        assert isinstance(what_ended(1, stderr=stderr), ChildMemory) is memory


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MemoryError(), ChildMemory, "needs more memory than it may use"),
        (RuntimeError("std::bad_alloc"), ChildMemory, "needs more memory than it may use"),
        (OSError(errno.ENOSPC, "No space left", "/x/y"), QExplorerError, "the disk is full"),
        (OSError(errno.EMFILE, "Too many"), QExplorerError, "too many files are open"),
        (OSError(errno.EFBIG, "File too large"), QExplorerError, "a file would have become larger than it may"),
        (RecursionError("x"), QExplorerError, "it is nested more deeply than can be followed"),
        (KeyError("x"), QExplorerError, "a fault of this program that nobody foresaw (KeyError); its details are in d"),
    ],
)
def test_an_exception_is_one_sentence(error: Exception, kind: type[QExplorerError], said: str) -> None:
    """What the system refused is said as that; anything else is a fault, with where its details are."""
    found = unforeseen(_raised(error), "d")
    assert isinstance(found, kind)
    assert said in found.sentence


def test_a_fault_of_a_library_names_it() -> None:
    """By the code that raised, wherever that was called from; without details none are named."""
    with pytest.raises(np.linalg.LinAlgError) as caught:
        np.linalg.inv(np.zeros((2, 3)))
    said = "a fault of numpy, or of what it was given that nobody foresaw (LinAlgError)"
    assert unforeseen(caught.value).sentence == said


def test_what_a_backend_only_hands_on_is_told_as_what_it_is() -> None:
    """A lack of memory keeps its place; any other error stays the very same."""
    found = foreseen(QExplorerError("it failed: std::bad_alloc", where="w8a8"))
    assert (type(found), found.where) == (ChildMemory, "w8a8")
    other = DataError("there are no samples")
    assert foreseen(other) is other


def _crash() -> None:
    with details_of_one() as path:
        path.write_bytes(b"begin" + b"x" * 65_536)
        raise QExplorerError(f"it crashed; its details are in {in_words(path)}")


def test_details_are_kept_where_an_error_names_them_and_nowhere_else() -> None:
    """The end of them, and of many the newest; the place is told without folders of this machine."""
    home = workspace("details")
    for age in range(50):
        (home / f"old{age}.txt").write_text("x")
        os.utime(home / f"old{age}.txt", (9_000 - age, 9_000 - age))
    with pytest.raises(QExplorerError) as caught:
        _crash()
    said = caught.value.sentence.rpartition(" are in ")[2]
    assert said.startswith("details/")
    assert said.endswith(".txt of the workspace")
    kept = workspace() / said.removesuffix(" of the workspace")
    assert kept.read_bytes() == b"x" * 65_536
    assert len(list(home.iterdir())) == 50
    assert not (home / "old49.txt").exists()
    for error in (QExplorerError("it failed otherwise"), KeyboardInterrupt()):
        with pytest.raises(type(error)), details_of_one() as path:
            raise error
        assert not path.exists()
    with details_of_one() as path:
        path.write_text("all is well")
    assert not path.exists()
    assert len(list(home.iterdir())) == 50
