"""What a disk refuses is one sentence with the place, before the work where it can be, and loses nothing at the end."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from qexplorer.core.disk.room import Reserve, check_room, disk_error, is_full, told_of_disk
from qexplorer.core.errors import InputError
from qexplorer.core.files import write_atomically
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.kinds.observe import OBSERVE, ObserveOrder
from qexplorer.load.model import load_model
from tests.jobs.orders import DATA, MODEL


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB; skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "cannot be written: the disk is full"),
        (errno.EDQUOT, "cannot be written: your quota on this disk is used up"),
        (errno.EROFS, "cannot be written: this disk can only be read"),
        (errno.EACCES, "permission is denied"),
        (errno.ENOTDIR, "a file stands where a folder must be"),
    ],
)
def test_each_refusal_has_its_words(number: int, said: str) -> None:
    """The sentence names the place, the reason and what to do."""
    told = disk_error(OSError(number, os.strerror(number), "/data/x.onnx"))
    assert told is not None
    assert told.sentence.startswith(f"/data/x.onnx: {said}; ")
    assert "another folder" in told.sentence


def test_errors_of_other_kinds_are_not_the_disk_s() -> None:
    """A missing file and a broken pipe stay what they are."""
    for error in (FileNotFoundError(errno.ENOENT, "x"), BrokenPipeError(errno.EPIPE, "x")):
        assert disk_error(error) is None
        with pytest.raises(type(error)), told_of_disk("/"):
            raise error


def test_a_full_disk_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own full device refuses the bytes: one sentence with the file's name, and the old file is there."""
    target = tmp_path / "kept.json"
    write_atomically(target, b"old")
    monkeypatch.setattr(tempfile, "mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), str(tmp_path / "part")))
    with pytest.raises(InputError, match=rf"{target}: cannot be written: the disk is full"):
        write_atomically(target, b"new" * 100_000)
    assert target.read_bytes() == b"old"


def test_a_file_in_the_place_of_the_workspace_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the workspace learns which path it is and that another can be named."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "file" / "inside"))
    with pytest.raises(InputError, match=r"file/inside: a file stands where a folder must be; .*QEXPLORER_WORKSPACE"):
        workspace("jobs")


def test_too_little_room_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence has what is left and what is needed; with room nothing is said and nothing left behind."""
    check_room(tmp_path, 10_000, "comparing")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=50_000_000))
    with pytest.raises(InputError, match="the disk has 50 MB left, and comparing writes about 301 MB; free some"):
        check_room(tmp_path, 300_000_000, "comparing")
    check_room(tmp_path, 49_000_000, "comparing")
    with pytest.raises(InputError, match="the disk has 50 MB left, and comparing writes about 50 MB"):
        check_room(tmp_path, 49_000_001, "comparing")


@pytest.mark.parametrize(("free", "full"), [(0, True), (249_999, True), (250_000, False), (10**9, False)])
def test_a_disk_is_full_where_hardly_anything_can_be_written(
    free: int, full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of a megabyte is enough for the end of a job; of a folder that is not there nothing is claimed."""
    assert not is_full(tmp_path / "missing")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    assert is_full(tmp_path) is full


def test_what_is_reserved_is_there_at_the_end(small_disk: Path) -> None:
    """A disk that fills up during the work takes the end all the same; a reserve that does not fit is refused."""
    with pytest.raises(InputError, match="reserve: cannot be written: the disk is full"):
        Reserve(small_disk / "reserve", 3_000_000)
    (small_disk / "reserve").unlink()
    reserve = Reserve(small_disk / "reserve", 1_000_000)
    with pytest.raises(InputError, match="the disk is full"):
        write_atomically(small_disk / "large", bytes(2_000_000))
    assert not is_full(small_disk)
    with told_of_disk(small_disk), pytest.raises(OSError, match="No space"), (small_disk / "filler").open("wb") as file:
        file.write(bytes(2_000_000))
    assert is_full(small_disk)
    reserve.release()
    write_atomically(small_disk / "end", bytes(900_000))


def test_opening_a_model_on_a_full_disk_names_the_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not fit into the workspace is told as that, with the place."""
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(small_disk / "workspace"))
    with (small_disk / "filler").open("wb") as file:
        file.write(bytes(1_900_000))
    with pytest.raises(InputError, match=r"/incoming.*: cannot be written: the disk is full; free some"):
        load_model("digits_cnn")


def test_a_job_on_a_full_disk_is_refused_at_its_start(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page gets the sentence from the button, not a fault; with a little room left the job itself says it."""
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(small_disk / "workspace"))
    workspace("jobs")
    order = ObserveOrder(model=MODEL, data=DATA)
    job_id = manager.submit(OBSERVE, order)
    while manager.state(job_id).is_running:
        pass
    assert "cannot be written: the disk is full; free some" in (manager.state(job_id).error or "")
    with pytest.raises(OSError, match="No space"), (small_disk / "filler").open("wb") as file:
        file.write(bytes(3_000_000))
    with pytest.raises(InputError, match="cannot be written: the disk is full"):
        manager.submit(OBSERVE, order)
