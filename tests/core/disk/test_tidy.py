"""What a start does: permissions, leftovers, the limit."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from qexplorer.core.disk.contents import used
from qexplorer.core.disk.owners import is_abandoned, own_prefix
from qexplorer.core.disk.private import mend_permissions
from qexplorer.core.disk.tidy import remove_leftovers, tidy
from qexplorer.core.files import write_atomically
from qexplorer.core.workspace import workspace
from qexplorer.jobs.history import History
from tests.core.disk.things import name_of_the_dead, put

posix = pytest.mark.skipif(os.name == "nt", reason="modes say nothing on Windows")


@pytest.fixture(autouse=True)
def usual_umask() -> object:
    """The usual umask before, and what it was after, since a start changes that of the process."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _open_to_others(root: Path) -> list[str]:
    found = [root, *root.rglob("*")]
    return [str(path.relative_to(root)) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


@posix
def test_a_new_workspace_is_its_owners_alone_from_the_root_down() -> None:
    """The root is private too when only a folder in it was asked for, and so is the record of runs with its journal."""
    workspace("engines", "tensorrt")
    History().list()
    write_atomically(workspace("models") / "a.onnx", b"x")
    assert _open_to_others(workspace()) == []
    assert (workspace() / "runs.sqlite").is_file()


@posix
def test_what_an_earlier_version_left_open_is_closed_at_the_start() -> None:
    """Modes are mended all the way down, those of SQLite's own files beside the record too; execution stays."""
    put("inductor", "run.so", 10, hours_ago=1, within="a" * 32).joinpath("run.so").chmod(0o755)
    (workspace() / "runs.sqlite-wal").write_bytes(b"x")
    for path in [workspace(), *workspace().rglob("*")]:
        path.chmod(path.stat().st_mode | 0o055 if path.is_dir() else path.stat().st_mode | 0o044)
    assert len(_open_to_others(workspace())) == 5
    tidy()
    assert _open_to_others(workspace()) == []
    assert stat.S_IMODE((workspace("inductor") / ("a" * 32) / "run.so").stat().st_mode) == 0o700
    (workspace("data") / "new").write_bytes(b"x")
    assert _open_to_others(workspace()) == []


@posix
def test_a_folder_that_holds_other_things_is_not_closed() -> None:
    """Somebody may have named a folder of their own: what is not this program's keeps its modes, the root with it."""
    root = workspace("data").parent
    (root / "thesis.tex").write_text("x")
    root.chmod(0o755)
    (root / "data").chmod(0o755)
    mend_permissions(root)
    assert stat.S_IMODE(root.stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "thesis.tex").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "data").stat().st_mode) == 0o700


@posix
def test_links_are_neither_followed_nor_changed(tmp_path: Path) -> None:
    """A link in the workspace cannot make the start change what it points to."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    outside.chmod(0o755)
    (workspace("data") / "link").symlink_to(outside)
    tidy()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


def test_leftovers_of_dead_processes_go_and_those_of_the_living_stay() -> None:
    """Half-read data, opened uploads, samples of a comparison and half-written files: whose owner is dead, goes."""
    dead, own = name_of_the_dead("reading"), own_prefix("reading")
    places = [workspace("data"), workspace("incoming"), workspace("scratch"), workspace("jobs", "observe-0123456789ab")]
    left = [home / f"{dead}x" for home in places]
    alive = [home / f"{own}x" for home in places]
    for folder in (*left, *alive):
        folder.mkdir()
        (folder / "half.npy").write_bytes(b"x")
    assert sorted(remove_leftovers(workspace())) == sorted(left)
    assert not any(folder.exists() for folder in left)
    assert all((folder / "half.npy").exists() for folder in alive)


def test_a_process_with_the_same_number_is_another_one() -> None:
    """The number of a dead process may be in use again: it is told apart by when it started."""
    own = own_prefix("reading")
    purpose, host, pid, start, _ = own.removeprefix(".").split("-")
    reused = workspace("data") / f".{purpose}-{host}-{pid}-{int(start) - 5000}-x"
    reused.mkdir()
    assert remove_leftovers(workspace()) == [reused]


def test_what_nobody_can_be_asked_about_goes_after_a_day() -> None:
    """Leftovers of other machines and of earlier versions, which did not say whose they are, are given a day."""
    names = [".reading-0badcafe-7-7-x", ".reading-abcd1234", "making-abc"]
    for name in names:
        (workspace("data") / name).mkdir()
        (workspace("data") / f"{name}-old").mkdir()
        for place, hours in ((f"{name}-old", 25), (name, 23)):
            then = time.time() - hours * 3600
            os.utime(workspace("data") / place, (then, then))
    (workspace("data") / ("a" * 64)).mkdir()
    for folder in ("incoming", "scratch", "working", "models"):
        (workspace(folder) / "somebodys").mkdir()
        os.utime(workspace(folder) / "somebodys", (then - 2 * 3600, then - 2 * 3600))
    remove_leftovers(workspace())
    assert sorted(path.name for path in workspace("data").iterdir()) == sorted([*names, "a" * 64])
    stay = [folder for folder in ("incoming", "scratch", "working", "models") if list(workspace(folder).iterdir())]
    assert stay == ["models"]


@posix
def test_a_process_that_ended_and_was_not_waited_for_is_gone() -> None:
    """A zombie has a number and a start, and does nothing any more."""
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = int(psutil.Process(child.pid).create_time())
        purpose, host, *_ = own_prefix("reading").removeprefix(".").split("-")
        path = workspace("data") / f".{purpose}-{host}-{child.pid}-{start}-x"
        assert not is_abandoned(path)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_abandoned(path)


def test_a_killed_reader_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    """A process that is killed while a stranger's data is read leaves a folder, and the next start removes it."""
    code = (
        "import os, signal; from pathlib import Path;"
        "import qexplorer.load.datasets.untrusted as u;"
        "u.run_in_child = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL);"
        f"u.keep_untrusted(Path({str(tmp_path / 'a.csv')!r}))"
    )
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(workspace("data").iterdir())) == 1
    tidy()
    assert list(workspace("data").iterdir()) == []


def test_use_outside_the_workspace_changes_nothing(tmp_path: Path) -> None:
    """A sample's file belongs to the installed package: that it is used is not written there."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x")
    os.utime(path, (5, 5))
    used(path)
    assert (path.stat().st_atime, path.stat().st_mtime) == (5, 5)
