"""``load_data`` from end to end: names, paths, uploads, and the child process between."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qexplorer.core.errors import ChildMemory, DataError, InputError, UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.load.datasets import untrusted
from qexplorer.load.datasets.child import read_file
from qexplorer.load.datasets.load import load_data, load_raw, noise_images
from qexplorer.load.datasets.preprocess import Layout, Preprocessing

X = np.random.default_rng(0).integers(0, 255, (40, 6, 5, 3), np.uint8)
Y = np.arange(40) % 4


def _npz(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def _given(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_the_same_bytes_are_the_same_data(tmp_path: Path) -> None:
    """The bytes count, not where they lie; the second look reads what was kept."""
    (tmp_path / "given.npz").write_bytes(_npz(x=X, y=Y))
    one = load_data(tmp_path / "given.npz")
    (tmp_path / "upload").mkdir()
    two = load_data(_given(tmp_path / "upload", "given.npz", _npz(x=X, y=Y)))
    assert one.digest == two.digest
    assert (one.name, one.calibration.n, one.evaluation.n, one.held_out) == ("given", 10, 30, True)
    assert len([p for p in workspace("data").iterdir() if not p.name.startswith(".")]) == 1


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """What is kept goes by content: new bytes under an old name are new data."""
    path = tmp_path / "given.npz"
    path.write_bytes(_npz(x=X, y=Y))
    before = load_data(path)
    path.write_bytes(_npz(x=X[::-1], y=Y))
    assert load_data(path).digest != before.digest


def test_copies_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three files with room for two, the one used longest ago is forgotten, and reads again when it is wanted."""
    monkeypatch.setenv("QEXPLORER_WORKSPACE_LIMIT", "100 MB")
    images = np.zeros((500, 80_000), np.uint8)
    images[:, 0] = np.arange(500) % 251
    digests = []
    for hours_ago in (3, 2, 1):
        images[:, 1] = hours_ago
        digests.append(load_data(_given(tmp_path, "given.npz", _npz(x=images))).digest)
        newest = max(workspace("data").iterdir(), key=lambda folder: folder.stat().st_mtime)
        then = time.time() - 3600 * hours_ago
        os.utime(newest, (then, then))
    assert len(list(workspace("data").iterdir())) == 2
    images[:, 1] = 3
    assert load_data(_given(tmp_path, "given.npz", _npz(x=images))).digest == digests[0]


def test_data_that_do_not_fit_in_the_workspace_are_refused_before_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file of 120 MB of zeros is refused by the workspace's limit of 100 MB, and nothing of it stays."""
    monkeypatch.setenv("QEXPLORER_WORKSPACE_LIMIT", "100 MB")
    packed = io.BytesIO()
    np.savez_compressed(packed, x=np.zeros((1000, 120_000), np.uint8))
    assert len(packed.getvalue()) < 10**6
    with pytest.raises(InputError, match=r"the workspace is full: .* and 120 MB more are needed"):
        load_data(_given(tmp_path, "given.npz", packed.getvalue()))
    assert list(workspace("data").iterdir()) == []


def test_preprocessing_is_applied_and_part_of_the_digest(tmp_path: Path) -> None:
    """Layout and scale change what is fed, its type and its digest."""
    (tmp_path / "given.npz").write_bytes(_npz(x=X, y=Y))
    chosen = Preprocessing(layout=Layout.NHWC_TO_NCHW, scale=1 / 255)
    plain, done = load_data(tmp_path / "given.npz"), load_data(tmp_path / "given.npz", preprocessing=chosen)
    assert done.evaluation.inputs[""].shape == (30, 3, 6, 5)
    assert done.evaluation.inputs[""].dtype == np.float32
    assert float(done.evaluation.inputs[""].max()) <= 1.0
    assert plain.digest != done.digest


def test_pictures_of_two_sizes_load_with_a_size(tmp_path: Path) -> None:
    """The size in the preprocessing is what pictures are brought to while they are read."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for index in range(4):
            picture = io.BytesIO()
            Image.fromarray(np.zeros((9 + index, 8), np.uint8)).save(picture, "PNG")
            file.writestr(f"{index % 2}/{index}.png", picture.getvalue())
    with pytest.raises(DataError, match="choose a size"):
        load_data(_given(tmp_path, "p.zip", archive.getvalue()))
    chosen = Preprocessing(layout=Layout.ADD_CHANNEL, size=(10, 12))
    assert load_data(tmp_path / "p.zip", preprocessing=chosen).evaluation.inputs[""].shape == (
        4,
        1,
        10,
        12,
    )


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files are read in this process; which they were."""
    read: list[str] = []

    def here(_target: str, arguments: dict[str, object], **_: object) -> None:
        read.append(str(arguments["path"]))
        read_file(arguments, lambda _event: None)

    monkeypatch.setattr(untrusted, "run_in_child", here)
    return read


def test_what_is_kept_of_pictures_is_of_one_size(tmp_path: Path, read_here: list[str]) -> None:
    """The same archive at another size is other data; the same at the same size is read once."""
    picture, archive = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.zeros((9, 8), np.uint8)).save(picture, "PNG")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/1.png", picture.getvalue())
    path = _given(tmp_path, "p.zip", archive.getvalue())
    for size in ((4, 6), (6, 4), (4, 6), None):
        shape = load_raw(path, size=size)[0].evaluation.inputs[""].shape
        assert shape == (1, *(size or (9, 8)))
    assert len(read_here) == 3


def test_a_folder_is_read_again_when_anything_in_it_is_another(tmp_path: Path, read_here: list[str]) -> None:
    """A name, a size, a time, the folder that a file lies in; nothing else counts, not even where the folder lies."""
    folder = tmp_path / "pets"

    def write(name: str, shade: int, at: int) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((5, 4), shade, np.uint8)).save(path)
        os.utime(path, (at, at))

    def count() -> int:
        load_raw(folder)
        return len(read_here)

    write("cat/1.png", 3, 1000)
    write("dog/1.png", 3, 1000)
    assert (count(), count()) == (1, 1)
    write("dog/1.png", 3, 1001)
    assert count() == 2
    (folder / "dog" / "1.png").rename(folder / "dog" / "2.png")
    assert count() == 3
    (folder / "dog" / "2.png").rename(folder / "cat" / "2.png")
    assert count() == 4
    folder = folder.rename(tmp_path / "moved")
    assert count() == 4


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("labels.npz", _npz(x=X, y=Y[:-1]), "labels.npz: there are 39 labels for 40 samples"),
        ("empty.npz", b"", "empty.npz: the file is empty"),
        ("thing.h5", b"123", r"thing.h5: a file with the ending '.h5' is not data that can be read; allowed: .npz"),
        ("nothing", b"123", "nothing: a file with no ending"),
        ("up.csv", b"1,2\n3,x\n", "up.csv: row 2, column 'column 2' is 'x'"),
    ],
)
def test_errors_cross_the_process_and_leave_nothing(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    """The child's sentence arrives as it is, and the workspace holds nothing of the failed attempt."""
    with pytest.raises(DataError, match=words):
        load_data(_given(tmp_path, name, data))
    assert list(workspace("data").iterdir()) == []


def test_a_file_over_the_limit_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size is looked at before anything else."""
    monkeypatch.setattr(untrusted, "MAX_FILE_BYTES", 100)
    (tmp_path / "big.npz").write_bytes(bytes(101))
    with pytest.raises(DataError, match=r"big\.npz: the file has"):
        load_data(tmp_path / "big.npz")


@pytest.mark.parametrize("folder", [True, False])
def test_the_size_that_is_too_large_is_told_in_gigabytes(folder: bool, tmp_path: Path) -> None:
    """Of a file, or of all files of a folder together; exactly what is allowed goes on to be read."""
    given = tmp_path / "pets" if folder else tmp_path / "big.npz"
    parts = [given / "a" / "1.png", given / "b" / "2.png"] if folder else [given]
    for part in parts:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        os.truncate(part, 3 * 2**30 // len(parts))  # it has holes, and takes no space
    with pytest.raises(DataError, match=rf"{given.name}: the file has 3\.0 GB; allowed: at most 2 GB"):
        load_data(given)
    untrusted._check_size("as large as is allowed", untrusted.MAX_FILE_BYTES)


def test_a_reader_that_takes_forever_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that runs out becomes a sentence about the file."""
    from qexplorer.process.limits import Limits

    monkeypatch.setattr(untrusted, "_LIMITS", Limits(wall_s=0.05))
    path = tmp_path / "slow.csv"
    path.write_text("1,2,3,4,5,6,7,8\n" * 400_000, encoding="utf-8")
    with pytest.raises(DataError, match=r"slow\.csv: reading took longer than"):
        load_data(path)


def test_a_folder_is_counted_and_weighed_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of all class folders together: at most so many, and at most as many bytes as one file may have.

    Reading starts where both are met; here it ends for want of memory, which is said of the folder.
    """

    def out_of_memory(*_arguments: object, **_more: object) -> None:
        raise ChildMemory("it needs more memory")

    monkeypatch.setattr(untrusted, "run_in_child", out_of_memory)
    for name in ("cats/1.png", "cats/2.png", "dogs/1.png"):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(bytes(40))
    for files, size, said in (
        (3, 120, "pets: reading needs more than 12 GB of memory"),
        (2, 120, "pets: there are more than 2 files in the folder"),
        (3, 119, "pets: the file has"),
    ):
        monkeypatch.setattr(untrusted, "_MOST_FILES", files)
        monkeypatch.setattr(untrusted, "MAX_FILE_BYTES", size)
        with pytest.raises(DataError, match=said):
            load_data(tmp_path / "pets")


def test_what_is_neither_a_name_nor_a_file(tmp_path: Path) -> None:
    """The names that exist are offered."""
    with pytest.raises(UnknownName, match="did you mean 'digits'"):
        load_data("digit")
    with pytest.raises(UnknownName, match="no data set or file called"):
        load_data(tmp_path / "not_there.npz")


def test_noise_is_seeded_smooth_and_unlabelled() -> None:
    """64 + 32 images, the same every time, neighbours alike, mean about 0 and spread about 1, no labels."""
    data = load_data("noise_224")
    images = data.evaluation.inputs[""]
    assert (data.calibration.n, images.shape, data.evaluation.labels) == (64, (32, 3, 224, 224), None)
    np.testing.assert_array_equal(noise_images(65)[64], images[0])
    assert not np.array_equal(noise_images(1, seed=1), noise_images(1, seed=2))
    assert abs(float(images.mean())) < 0.2
    assert 0.8 < float(images.std()) < 1.2
    assert float(np.abs(np.diff(images, axis=3)).mean()) < 0.2 * float(images.std())
    assert load_data("resnet18").digest == data.digest


def test_raw_data_is_what_the_file_holds(tmp_path: Path) -> None:
    """For previews the stored values are at hand, before preprocessing and splitting."""
    (tmp_path / "given.npz").write_bytes(_npz(x=X, y=Y))
    raw, preprocessing = load_raw(tmp_path / "given.npz")
    np.testing.assert_array_equal(raw.evaluation.inputs[""], X)
    assert preprocessing.does_nothing
