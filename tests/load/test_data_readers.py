"""Files that strangers give: each format is read as documented, and each way to be wrong has its sentence."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from qexplorer.core.errors import DataError
from qexplorer.load import raw as raw_module
from qexplorer.load.readers_csv import read_csv
from qexplorer.load.readers_idx import read_idx
from qexplorer.load.readers_images import read_image_folder
from qexplorer.load.readers_npz import read_npz
from qexplorer.load.readers_zip import read_zip

X = np.arange(40 * 6, dtype=np.float32).reshape(40, 6)
Y = np.arange(40) % 4


def _npz(folder: Path, **arrays: NDArray[np.generic]) -> Path:
    np.savez_compressed(folder / "given.npz", **arrays)  # type: ignore[arg-type]
    return folder / "given.npz"


def _idx(array: NDArray[np.uint8]) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def _png(shape: tuple[int, ...], value: int = 100) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full(shape, value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_npz_arrays_and_names(tmp_path: Path) -> None:
    """x, y, groups and classes are found under their names."""
    raw = read_npz(_npz(tmp_path, x=X, y=Y, groups=np.array(["a", "b"] * 20), classes=np.array(list("pqrs"))))
    assert raw.evaluation.n == 40
    np.testing.assert_array_equal(raw.evaluation.inputs[""], X)
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.dtype == np.int64
    assert raw.evaluation.groups is not None
    assert raw.classes == ("p", "q", "r", "s")


@pytest.mark.parametrize("ending", ["_train", "_calibration"])
def test_npz_with_its_own_split(tmp_path: Path, ending: str) -> None:
    """x_train, y_train, x_test, y_test (as Keras writes them) are two parts."""
    raw = read_npz(_npz(tmp_path, **{f"x{ending}": X[:30], f"y{ending}": Y[:30], "x_test": X[30:], "y_test": Y[30:]}))
    assert raw.calibration is not None
    assert (raw.calibration.n, raw.evaluation.n) == (30, 10)


def test_npz_for_several_inputs(tmp_path: Path) -> None:
    """Arrays that are called otherwise are kept as inputs under their names."""
    raw = read_npz(_npz(tmp_path, tokens=Y, mask=X, y=Y))
    assert set(raw.evaluation.inputs) == {"tokens", "mask"}


def test_npz_labels_as_text(tmp_path: Path) -> None:
    """Class names given as labels are numbered in alphabetical order."""
    raw = read_npz(_npz(tmp_path, x=X[:3], y=np.array(["dog", "cat", "dog"])))
    assert raw.classes == ("cat", "dog")
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X, "y": Y[:39]}, "there are 39 labels for 40 samples"),
        ({"y": Y}, "there are no samples"),
        ({"x": X[:0]}, "the data is empty"),
        ({"x": np.full((3, 2), np.nan)}, r"'x' has NaN at \[0, 0\]"),
        ({"x": np.array(["a", "b"])}, "'x' holds values of type <U1"),
        ({"x": np.array([{}, 1], dtype=object)}, "pickled objects, which are never read"),
        ({"x": X, "x_train": X[:, :5]}, "the samples for calibration have shapes"),
        ({"x": X, "images": X}, "is there twice under different names"),
        ({"x": np.float32(1)}, "'x' is a single value"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, NDArray[np.generic]], words: str) -> None:
    """Wrong lengths, no samples, NaN, text, pickles and doubles are refused with the file's name."""
    with pytest.raises(DataError, match=words) as caught:
        read_npz(_npz(tmp_path, **arrays))
    assert caught.value.where == "given.npz"


def test_a_pickle_in_an_npz_is_never_run(tmp_path: Path) -> None:
    """An object array that would create a file when it is unpickled creates none."""
    proof = tmp_path / "proof"

    class Evil:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return Path.touch, (proof,)

    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    _zip(tmp_path / "evil.npz", {"x.npy": stream.getvalue() + pickle.dumps(Evil())})
    with pytest.raises(DataError, match="pickled objects"):
        read_npz(tmp_path / "evil.npz")
    assert not proof.exists()


def test_declared_sizes_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    """A header that promises a terabyte is refused by its own words."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2**38,)})
    _zip(tmp_path / "bomb.npz", {"x.npy": stream.getvalue() + b"1234"})
    with pytest.raises(DataError, match=r"takes 1024.0 GB when unpacked; allowed: at most 4 GB"):
        read_npz(tmp_path / "bomb.npz")


def test_archives_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file of zeros is judged by what it unpacks to, as .npz and as .zip."""
    for name in ("readers_npz", "readers_zip"):
        monkeypatch.setattr(f"qexplorer.load.{name}.MAX_BYTES", 2**20)
    monkeypatch.setattr(raw_module, "MAX_BYTES", 2**20)
    bomb = _npz(tmp_path, x=np.zeros((2**19, 2), np.float32))
    assert bomb.stat().st_size < 2**13
    with pytest.raises(DataError, match="when unpacked"):
        read_npz(bomb)
    with pytest.raises(DataError, match="when unpacked"):
        read_zip(_zip(tmp_path / "bomb.zip", {"a/1.png": bytes(2**21)}), None)


@pytest.mark.parametrize("damage", [b"", b"not a zip at all", None])
def test_damaged_archives_are_refused(tmp_path: Path, damage: bytes | None) -> None:
    """Empty, text and cut-short archives are said to be not whole."""
    whole = _npz(tmp_path, x=X).read_bytes()
    broken = tmp_path / "broken.npz"
    broken.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(DataError, match=r"not a whole \.npz file"):
        read_npz(broken)
    with pytest.raises(DataError, match=r"not a whole \.zip file"):
        read_zip(broken, None)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_finds_its_labels(tmp_path: Path, packed: bool) -> None:
    """train-images-idx3-ubyte takes its labels from train-labels-idx1-ubyte, either compressed or not."""
    images = np.random.default_rng(0).integers(0, 255, (7, 5, 4), np.uint8)
    name = "train-images-idx3-ubyte" + (".gz" if packed else "")
    (tmp_path / name).write_bytes(gzip.compress(_idx(images)) if packed else _idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(np.arange(7, dtype=np.uint8)))
    raw = read_idx(tmp_path / name)
    np.testing.assert_array_equal(raw.evaluation.inputs[""], images)
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == list(range(7))


def test_idx_without_labels_beside_it(tmp_path: Path) -> None:
    """Images alone are data without labels, and a note says so."""
    (tmp_path / "some.idx3-ubyte").write_bytes(_idx(np.zeros((7, 5, 4), np.uint8)))
    raw = read_idx(tmp_path / "some.idx3-ubyte")
    assert raw.evaluation.labels is None
    assert "No labels file" in raw.notes[0]


def test_idx_of_wide_types_is_big_endian(tmp_path: Path) -> None:
    """Floats and integers of more than a byte come out with their values, in the machine's order."""
    for code, dtype in ((0x0D, ">f4"), (0x0B, ">i2"), (0x0E, ">f8")):
        values = np.array([[1, -2, 300]], dtype)
        (tmp_path / "v.idx2").write_bytes(bytes([0, 0, code, 2]) + struct.pack(">2I", 1, 3) + values.tobytes())
        found = read_idx(tmp_path / "v.idx2").evaluation.inputs[""]
        assert found.tolist() == [[1, -2, 300]]
        assert found.dtype.isnative


@pytest.mark.parametrize("where", ["folder", "zip"])
def test_idx_train_and_test_together(tmp_path: Path, where: str) -> None:
    """A folder or .zip with all four files of MNIST calibrates with train and judges with t10k."""
    files = {}
    for part, n in (("train", 9), ("t10k", 4)):
        files[f"mnist/{part}-images-idx3-ubyte"] = _idx(np.zeros((n, 5, 4), np.uint8))
        files[f"mnist/{part}-labels-idx1-ubyte.gz"] = gzip.compress(_idx(np.zeros(n, np.uint8)))
    if where == "zip":
        raw = read_zip(_zip(tmp_path / "mnist.zip", files), None)
    else:
        (tmp_path / "mnist").mkdir()
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        raw = read_image_folder(tmp_path / "mnist", None)
    assert raw.calibration is not None
    assert (raw.calibration.n, raw.evaluation.n) == (9, 4)
    assert raw.evaluation.labels is not None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "this is not an IDX file"),
        (b"\x89PNG and so on", "this is not an IDX file"),
        (_idx(np.zeros((4, 5, 5), np.uint8))[:-1], "the header promises 100 bytes, and there are only 99"),
        (_idx(np.zeros((4, 5, 5), np.uint8)) + b"1", "the header promises 100 bytes, and there are more"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 9), "when unpacked"),
        (bytes([0, 0, 8, 3]) + b"12", "ends inside its header"),
        (_idx(np.zeros(4, np.uint8)), "holds labels, not images"),
        (gzip.compress(_idx(np.zeros((4, 50, 50), np.uint8)))[:-9], "the compressed file is damaged"),
        (b"\x1f\x8bnot gzip after all", "the compressed file is damaged"),
    ],
)
def test_idx_that_cannot_be_used(tmp_path: Path, data: bytes, words: str) -> None:
    """Files that are empty, something else, cut short, too long, too large or damaged are told apart."""
    (tmp_path / "x-idx3-ubyte.gz").write_bytes(data)
    with pytest.raises(DataError, match=words):
        read_idx(tmp_path / "x-idx3-ubyte.gz")


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says(tmp_path: Path) -> None:
    """100 MB of zeros behind a header of 100 bytes: reading stops after those."""
    data = gzip.compress(_idx(np.zeros((4, 5, 5), np.uint8)) + bytes(100_000_000))
    assert len(data) < 200_000
    (tmp_path / "bomb-idx3-ubyte.gz").write_bytes(data)
    with pytest.raises(DataError, match="there are more"):
        read_idx(tmp_path / "bomb-idx3-ubyte.gz")


def _csv(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return folder / "table.csv"


def test_csv_with_header_and_named_labels(tmp_path: Path) -> None:
    """The column headed Label is the label wherever it stands, groups go apart, the rest are features."""
    raw = read_csv(_csv(tmp_path, "a,Label,group,b\n1,dog,m,2\n3,cat,f,4.5\n\n5,dog,m,-6e1\n"))
    np.testing.assert_allclose(raw.evaluation.inputs[""], [[1, 2], [3, 4.5], [5, -60]])
    assert raw.features == ("a", "b")
    assert raw.classes == ("cat", "dog")
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == [1, 0, 1]
    assert raw.evaluation.groups is not None
    assert raw.evaluation.groups.tolist() == ["m", "f", "m"]


def test_csv_without_header_takes_the_last_column_if_it_looks_like_labels(tmp_path: Path) -> None:
    """Few whole numbers in the last column are labels; measurements are not."""
    rows = [f"{i}.5;{i % 3}" for i in range(20)]
    assert read_csv(_csv(tmp_path, "\n".join(rows))).evaluation.labels is not None
    measured = [f"{i % 3};{i}.5" for i in range(20)]
    raw = read_csv(_csv(tmp_path, "\n".join(measured)))
    assert raw.evaluation.labels is None
    assert raw.evaluation.inputs[""].shape == (20, 2)
    assert "No column was taken for labels" in raw.notes[0]


def test_csv_header_with_numbers_for_pixels(tmp_path: Path) -> None:
    """A first row that names the labels is a header, whatever its other cells."""
    raw = read_csv(_csv(tmp_path, "label,0,1\n3,10,20\n4,30,40\n"))
    assert raw.features == ("0", "1")
    np.testing.assert_allclose(raw.evaluation.inputs[""], [[10, 20], [30, 40]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("a,b\n", "a header, and no sample"),
        ("a,b,y\n1,2,0\n3,four,1\n", r"row 3, column 'b' is 'four'; allowed: a finite number"),
        ("a,b,y\n1,,0\n", "row 2, column 'b' is empty"),
        ("1,2\n3,nan\n5,6\n", "row 2, column 'column 2' is 'nan'"),
        ("a,b\n1,2\n1e300,6\n", "row 3, column 'a' is '1e300'"),
        ("1,2\n3\n", "row 2 has 1 cells, the first row has 2"),
        ("y\n1\n", "no column besides the labels"),
        ("a,y\n1,0.5\n", "label 0 is 0.5"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    """Row and column of what is wrong are named, counting as a spreadsheet does."""
    with pytest.raises(DataError, match=words):
        read_csv(_csv(tmp_path, text))


def test_csv_that_is_not_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are called that."""
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe1\x002\x00")
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_csv(tmp_path / "table.csv")


def test_pictures_in_class_folders(tmp_path: Path) -> None:
    """Folders' names are the classes in alphabetical order; a common root and system files do not matter."""
    files = {"root/dog/1.png": _png((5, 4)), "root/cat/1.PNG": _png((5, 4), 7), "root/dog/2.png": _png((5, 4))}
    raw = read_zip(
        _zip(tmp_path / "pets.zip", {**files, "__MACOSX/root/dog/._1.png": b"?", "root/notes.txt": b"?"}), None
    )
    assert raw.classes == ("cat", "dog")
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == [0, 1, 1]
    assert raw.evaluation.inputs[""].shape == (3, 5, 4)
    assert raw.evaluation.inputs[""][0, 0, 0] == 7
    assert raw.notes == ("2 files that are not pictures were skipped.",)


def test_a_folder_is_read_like_a_zip(tmp_path: Path) -> None:
    """The same pictures give the same arrays, from a folder and from a .zip."""
    files = {"cat/1.png": _png((5, 4), 9), "dog/1.png": _png((5, 4), 8)}
    for name, data in files.items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True)
        (tmp_path / "pets" / name).write_bytes(data)
    one = read_image_folder(tmp_path / "pets", None)
    two = read_zip(_zip(tmp_path / "pets.zip", files), None)
    np.testing.assert_array_equal(one.evaluation.inputs[""], two.evaluation.inputs[""])
    assert one.classes == two.classes == ("cat", "dog")


def test_train_and_test_folders_are_two_parts(tmp_path: Path) -> None:
    """train/ calibrates and test/ judges, with the same classes."""
    files = {f"{part}/{kind}/{i}.png": _png((5, 4)) for part in ("train", "test") for kind in "ab" for i in range(2)}
    raw = read_zip(_zip(tmp_path / "both.zip", {**files, "train/a/9.png": _png((5, 4))}), None)
    assert raw.calibration is not None
    assert (raw.calibration.n, raw.evaluation.n, raw.classes) == (5, 4, ("a", "b"))


def test_gray_and_coloured_pictures_together_are_coloured(tmp_path: Path) -> None:
    """One coloured picture makes all of them (h, w, 3)."""
    raw = read_zip(_zip(tmp_path / "mixed.zip", {"a/1.png": _png((5, 4)), "b/1.png": _png((5, 4, 3))}), None)
    assert raw.evaluation.inputs[""].shape == (2, 5, 4, 3)


def test_pictures_of_two_sizes_need_one(tmp_path: Path) -> None:
    """Without a size the sentence names both pictures; with one they are brought to it."""
    path = _zip(tmp_path / "sizes.zip", {"a/1.png": _png((5, 4)), "b/1.png": _png((6, 9))})
    with pytest.raises(DataError, match=r"'b/1\.png' has 9 x 6 pixels, 'a/1\.png' has 4 x 5.*choose a size"):
        read_zip(path, None)
    assert read_zip(path, (8, 7)).evaluation.inputs[""].shape == (2, 8, 7)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, r"the \.zip is empty"),
        ({"a.txt": b"1"}, r"there are no pictures in it \(but 1 other files\)"),
        ({"a/1.png": b"not a picture"}, "'a/1.png' is not a whole picture"),
        ({"a/1.png": _png((50, 40))[:60]}, "'a/1.png' is not a whole picture"),
        ({"a/1.png": _png((5, 4)), "2.png": _png((5, 4))}, "'2.png' lies outside the class folders"),
    ],
)
def test_zips_that_cannot_be_used(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    """Empty, without pictures, with a damaged one or a stray one: each is said."""
    with pytest.raises(DataError, match=words):
        read_zip(_zip(tmp_path / "given.zip", files), None)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is judged by the size in its header."""
    monkeypatch.setattr("qexplorer.load.readers_images.MAX_PIXELS", 1000)
    with pytest.raises(DataError, match=r"'a/1\.png' has 0 million pixels"):
        read_zip(_zip(tmp_path / "given.zip", {"a/1.png": _png((50, 40))}), None)
