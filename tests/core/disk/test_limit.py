"""The workspace's limit: who says it, and what goes when it is passed."""

from __future__ import annotations

import ast
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from qexplorer.core.disk.at_work import at_work
from qexplorer.core.disk.contents import bytes_by_title, kept_things, used
from qexplorer.core.disk.kinds import KEPT_KINDS
from qexplorer.core.disk.limit import LEAST_BYTES, VARIABLE, Whose, choose_limit, make_room, size_limit, trim
from qexplorer.core.disk.marks import WorkMark
from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.errors import InputError
from qexplorer.core.workspace import workspace
from tests.core.disk.things import MB, put

PACKAGE = Path(__file__).parents[3] / "qexplorer"


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest limit that may be set: 100 MB."""
    monkeypatch.setenv(VARIABLE, "100 MB")


def test_the_environment_comes_before_what_was_chosen_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit has one of three origins, and says which."""
    assert size_limit().limit_bytes == 100 * MB
    assert size_limit().whose is Whose.ENVIRONMENT
    choose_limit(300 * MB)
    assert size_limit().whose is Whose.ENVIRONMENT
    monkeypatch.delenv(VARIABLE)
    assert (size_limit().limit_bytes, size_limit().whose) == (300 * MB, Whose.CHOSEN)
    (workspace() / "settings.json").write_text('{"limit_bytes": 5}')  # by hand: less than any work needs
    assert size_limit().limit_bytes == LEAST_BYTES
    (workspace() / "settings.json").unlink()
    for total, wanted in ((30 * 10**9, 15 * 10**9), (90 * 10**9, 20 * 10**9)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, total=total: SimpleNamespace(total=total))
        assert (size_limit().limit_bytes, size_limit().whose) == (wanted, Whose.DEFAULT)


@pytest.mark.parametrize(("text", "wanted"), [("20 GB", 20e9), ("1.5tb", 1.5e12), ("250M", 250e6), ("100000000", 1e8)])
def test_sizes_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch, text: str, wanted: float) -> None:
    """Units are decimal, and may be short, small or missing."""
    monkeypatch.setenv(VARIABLE, text)
    assert size_limit().limit_bytes == int(wanted)


@pytest.mark.parametrize("text", ["much", "-5 GB", "1 MB", "5 XB", "0"])
def test_what_is_no_size_is_refused_by_the_name_of_the_variable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A limit that cannot be meant is told, and not taken for the default."""
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match=f"{VARIABLE}: '{text}' is no limit"):
        size_limit()


def test_a_chosen_limit_too_small_for_work_is_refused() -> None:
    """Below 100 MB nothing could be done."""
    with pytest.raises(InputError, match="too small"):
        choose_limit(LEAST_BYTES - 1)


def test_what_was_not_used_for_longest_goes_first_and_no_more_than_needed() -> None:
    """Three data sets of 45 MB under a limit of 100: the oldest goes, whole, and the others stay."""
    oldest, middle, newest = (
        put("data", "array.npy", 45 * MB, hours_ago=hours, within=f"{hours:064x}") for hours in (30, 20, 10)
    )
    assert trim() <= 0
    assert not oldest.exists()
    assert (middle / "array.npy").stat().st_size == (newest / "array.npy").stat().st_size == 45 * MB


def test_use_counts_and_not_age() -> None:
    """A folder and a file that are used again stay; a file's time of change, by which caches know it, stays too."""
    folder = put("data", "array.npy", 45 * MB, hours_ago=30, within="a" * 64)
    file = put("models", f"{'b' * 64}.onnx", 40 * MB, hours_ago=40)
    rest = put("quantized", "c.onnx", 45 * MB, hours_ago=5)
    changed = file.stat().st_mtime_ns
    used(folder, file)
    assert file.stat().st_mtime_ns == changed
    trim()
    assert (folder.exists(), file.exists(), rest.exists()) == (True, True, False)


def test_files_of_one_name_go_together() -> None:
    """A model and its record, which differ in their endings, are one kept thing with the later of both uses."""
    model = put("models", f"{'a' * 64}.onnx", 90 * MB, hours_ago=9)
    record = put("models", f"{'a' * 64}.v3.json", 100, hours_ago=30)
    (thing,) = kept_things(workspace())
    assert thing.size_bytes == 90 * MB + 100
    assert thing.used == pytest.approx(time.time() - 9 * 3600, abs=600)
    make_room(50 * MB)
    assert not model.exists()
    assert not record.exists()


def test_history_sessions_jobs_and_kernels_never_go() -> None:
    """Whatever is needed, what cannot be made again stays, and who needs more is told what is in use."""
    stay = [
        put("sessions", "abcdefgh.json", 1 * MB, hours_ago=900),
        put("jobs", "order.json", 1 * MB, hours_ago=900, within="compare-0123456789ab"),
        put("numba", "kernel.nbi", 1 * MB, hours_ago=900),
        put("scratch", "input0.npy", 1 * MB, hours_ago=900, within=".compare-0-0-0-"),
    ]
    history = workspace() / "runs.sqlite"
    history.write_bytes(b"x" * 96 * MB)
    put("uploads", "images.zip", 10 * MB, hours_ago=1, within="0123456789abcdef")
    with pytest.raises(InputError, match=r"the workspace is full: 100 MB of 100 MB are in use, and 60 MB more are"):
        make_room(60 * MB)
    assert all(path.exists() for path in [*stay, history])
    assert set(bytes_by_title(workspace())) == {"history of runs", "jobs and sessions", "compiled", "being worked on"}


def test_what_running_work_names_or_has_used_stays() -> None:
    """While work runs, its model and data stay however old, and so does what it found on its way; the rest goes."""
    named, short = "a" * 64, "b" * 32
    model = put("models", f"{named}.onnx", 30 * MB, hours_ago=99)
    quantized = put("quantized", f"{short}.onnx", 30 * MB, hours_ago=99)
    found = put("statistics", "cccc.npz", 30 * MB, hours_ago=99)
    rest = put("quantized", "dddd.onnx", 30 * MB, hours_ago=1)
    with at_work({"model": {"sha256": named}, "quantized": [short]}):
        used(found)
        assert trim() <= 0
        assert [path.exists() for path in (model, quantized, found, rest)] == [True, True, True, False]
        put("quantized", "eeee.onnx", 30 * MB, hours_ago=50)
        with pytest.raises(InputError, match="running work"):
            make_room(95 * MB)
        assert model.exists()
    put("quantized", "ffff.onnx", 30 * MB, hours_ago=1)
    with at_work():
        pass
    assert not model.exists()


def test_the_mark_of_work_that_died_protects_nothing() -> None:
    """A killed job keeps nothing from going."""
    from tests.core.disk.things import name_of_the_dead

    mark = workspace("working") / f"{name_of_the_dead('work')}x"
    mark.write_text('["' + "a" * 64 + '"]')
    model = put("models", f"{'a' * 64}.onnx", 60 * MB, hours_ago=99)
    put("models", f"{'b' * 64}.onnx", 60 * MB, hours_ago=1)
    trim()
    assert not model.exists()


def test_the_compilers_cache_goes_only_while_nobody_works() -> None:
    """Its parts belong together in ways that nobody else knows."""
    cache = put("inductor/cache", "kernel.so", 90 * MB, hours_ago=99, within="aa")
    with at_work():
        assert trim(20 * MB) > 0
        assert cache.exists()
    then = time.time() - 99 * 3600
    older = put("quantized", "a.onnx", 1 * MB, hours_ago=98)
    os.utime(cache / "kernel.so", (then + 7200, then + 7200))  # of use in it the folder's own time says nothing
    assert trim(10 * MB) <= 0
    assert (older.exists(), cache.exists()) == (False, True)
    assert trim(20 * MB) <= 0
    assert not cache.exists()


def test_what_is_being_made_is_not_taken_for_something_kept() -> None:
    """A name that begins with a dot is that of a process at work, however long it takes."""
    folder = put("data", "half.npy", 90 * MB, hours_ago=9, within=f"{own_prefix('reading')}x")
    assert trim(50 * MB) > 0
    assert folder.exists()


def test_what_is_there_is_told_by_its_title_and_the_largest_first() -> None:
    """Folders of one title are one line, SQLite's own files belong to the history, and what takes nothing has none."""
    put("models", "a.onnx", 3000, hours_ago=1)
    for folder, size in (("litert", 200), ("engines/onnxruntime", 300), ("inductor/cache", 500), ("why", 0)):
        put(folder, "a.bin", size, hours_ago=1)
    for name, size in (("runs.sqlite", 30), ("runs.sqlite-wal", 10), ("thesis.tex", 10**6)):
        (workspace() / name).write_bytes(b"x" * size)
    found = bytes_by_title(workspace())
    assert list(found.items()) == [("models", 3000), ("compiled", 1000), ("history of runs", 40)]


@pytest.mark.parametrize(
    ("name", "names", "used"),
    [
        ("a" * 64, ("a" * 64,), True),
        ("a" * 64 + "-w8a8", ("a" * 64,), True),  # what was made of it
        ("a" * 32, ("a" * 64,), True),  # a shorter form of the digest
        ("a" * 16, ("a" * 64,), True),
        ("a" * 15, ("a" * 64,), False),  # too short to be one
        ("b" * 64, ("a" * 64,), False),
        ("b" * 64, (), False),
    ],
)
def test_work_uses_what_it_names_in_either_length(name: str, names: tuple[str, ...], used: bool) -> None:
    """And what was used since it began, whatever that is called."""
    mark = WorkMark(since=100.0, names=names)
    assert mark.uses(name, 99.0) is used
    assert mark.uses(name, 100.0)


def test_what_was_used_a_moment_ago_is_not_taken_from_under_its_user() -> None:
    """Work outside of jobs has no mark: what it has just asked for stays for a minute."""
    now = put("data", "array.npy", 90 * MB, hours_ago=0, within="a" * 64)
    assert trim(50 * MB) > 0
    assert now.exists()
    then = time.time() - 120
    os.utime(now, (then, then))
    assert trim(50 * MB) <= 0


def test_every_folder_of_the_workspace_is_in_the_table() -> None:
    """Whoever keeps something new says here what it is called and whether it may go."""
    named = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in ("workspace", "kept_path") and isinstance(first, ast.Constant):
                    named.add(str(first.value))
    assert len(named) > 12
    assert named <= {kind.folder.split("/")[0] for kind in KEPT_KINDS}
