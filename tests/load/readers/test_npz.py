"""Arrays in .npz files and archives that unpack to harm: read as documented, each way to be wrong has its sentence."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qexplorer.core.errors import DataError
from qexplorer.load.datasets import raw as raw_module
from qexplorer.load.readers import npz as npz_reader
from qexplorer.load.readers.npz import read_npz
from qexplorer.load.readers.zip import read_zip
from tests.load.given_files import X, Y, npz, zip_of


def test_npz_arrays_and_names(tmp_path: Path) -> None:
    """x, y, groups and classes are found under their names."""
    raw = read_npz(npz(tmp_path, x=X, y=Y, groups=np.array(["a", "b"] * 20), classes=np.array(list("pqrs"))))
    assert raw.evaluation.n == 40
    np.testing.assert_array_equal(raw.evaluation.inputs[""], X)
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.dtype == np.int64
    assert raw.evaluation.groups is not None
    assert raw.classes == ("p", "q", "r", "s")


@pytest.mark.parametrize(
    ("ending", "other"),
    [("_train", "_test"), ("_calibration", "_test"), ("_train", "_val"), ("_train", "_evaluation"), ("_train", "")],
)
def test_npz_with_its_own_split(tmp_path: Path, ending: str, other: str) -> None:
    """x_train, y_train, x_test, y_test (as Keras writes them) are two parts."""
    arrays = {f"x{ending}": X[:30], f"y{ending}": Y[:30], f"x{other}": X[30:], f"y{other}": Y[30:]}
    raw = read_npz(npz(tmp_path, **arrays))
    assert raw.calibration is not None
    assert (raw.calibration.n, raw.evaluation.n) == (30, 10)
    assert raw.calibration.labels is not None
    assert raw.evaluation.labels is not None
    assert (raw.calibration.labels.tolist(), raw.evaluation.labels.tolist()) == (Y[:30].tolist(), Y[30:].tolist())


def test_npz_with_samples_to_train_alone(tmp_path: Path) -> None:
    """One part is split here, whatever its arrays are called."""
    raw = read_npz(npz(tmp_path, x_train=X, y_train=Y))
    assert (raw.calibration, raw.evaluation.n) == (None, 40)


@pytest.mark.parametrize("samples", ["x", "X", "images", "image", "data", "inputs", "arr_0"])
@pytest.mark.parametrize("labels", ["y", "Y", "labels", "label", "targets", "target", "arr_1"])
def test_npz_names_of_samples_and_labels(tmp_path: Path, samples: str, labels: str) -> None:
    """What they are usually called; the file's own name for the labels is kept."""
    raw = read_npz(npz(tmp_path, **{samples: X, labels: Y, "group": Y}))
    assert list(raw.evaluation.inputs) == [""]
    assert raw.evaluation.labels is not None
    assert raw.evaluation.groups is not None
    assert dict(raw.own_names) == {"labels": labels, "groups": "group"}


def test_npz_with_an_input_called_y_beside_labels(tmp_path: Path) -> None:
    """Of two names that mean labels the one that says so is taken, and the other is an input."""
    raw = read_npz(npz(tmp_path, x=X, y=X, labels=Y))
    assert set(raw.evaluation.inputs) == {"", "y"}
    assert dict(raw.own_names) == {"labels": "labels"}


def test_npz_for_several_inputs(tmp_path: Path) -> None:
    """Arrays that are called otherwise are kept as inputs under their names."""
    raw = read_npz(npz(tmp_path, tokens=Y, mask=X, y=Y))
    assert set(raw.evaluation.inputs) == {"tokens", "mask"}


def test_npz_may_name_its_task(tmp_path: Path) -> None:
    """``task`` is a text, no input; something else under this name is refused."""
    x, y = np.ones((40, 3)), np.arange(40)
    path = tmp_path / "d.npz"
    np.savez(path, x=x, y=y, task=np.array("regression"))
    raw = read_npz(path)
    assert (raw.task, list(raw.evaluation.inputs)) == ("regression", [""])
    np.savez(path, x=x, y=y, task=np.arange(2))
    with pytest.raises(DataError, match="'task' is an array of type int64 and shape"):
        read_npz(path)


def test_npz_labels_as_text(tmp_path: Path) -> None:
    """Class names given as labels are numbered in alphabetical order."""
    raw = read_npz(npz(tmp_path, x=X[:3], y=np.array(["dog", "cat", "dog"])))
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
        ({"x": X, "labels": Y, "targets": Y}, "is there twice under different names"),
        ({"x": np.float32(1)}, "'x' is a single value"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, NDArray[np.generic]], words: str) -> None:
    """Wrong lengths, no samples, NaN, text, pickles and doubles are refused with the file's name."""
    with pytest.raises(DataError, match=words) as caught:
        read_npz(npz(tmp_path, **arrays))
    assert caught.value.where == "given.npz"


def test_a_single_number_beside_samples_is_that_of_every_sample(tmp_path: Path) -> None:
    """A sampling rate is given once."""
    raw = read_npz(npz(tmp_path, input=X, sr=np.array(16000)))
    assert raw.evaluation.inputs["sr"].tolist() == [16000] * len(X)


def test_a_pickle_in_an_npz_is_never_run(tmp_path: Path) -> None:
    """An object array that would create a file when it is unpickled creates none."""
    proof = tmp_path / "proof"

    class Evil:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return Path.touch, (proof,)

    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    zip_of(tmp_path / "evil.npz", {"x.npy": stream.getvalue() + pickle.dumps(Evil())})
    with pytest.raises(DataError, match="pickled objects"):
        read_npz(tmp_path / "evil.npz")
    assert not proof.exists()


def test_declared_sizes_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    """A header that promises a terabyte is refused by its own words."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2**38,)})
    zip_of(tmp_path / "bomb.npz", {"x.npy": stream.getvalue() + b"1234"})
    with pytest.raises(DataError, match=r"takes 1024.0 GB when unpacked; allowed: at most 4 GB"):
        read_npz(tmp_path / "bomb.npz")


def test_archives_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file of zeros is judged by what it unpacks to, as .npz and as .zip."""
    for name in ("npz", "zip"):
        monkeypatch.setattr(f"qexplorer.load.readers.{name}.MAX_BYTES", 2**20)
    monkeypatch.setattr(raw_module, "MAX_BYTES", 2**20)
    bomb = npz(tmp_path, x=np.zeros((2**19, 2), np.float32))
    assert bomb.stat().st_size < 2**13
    with pytest.raises(DataError, match="when unpacked"):
        read_npz(bomb)
    with pytest.raises(DataError, match="when unpacked"):
        read_zip(zip_of(tmp_path / "bomb.zip", {"a/1.png": bytes(2**21)}), None)


@pytest.mark.parametrize("damage", [b"", b"not a zip at all", None])
def test_damaged_archives_are_refused(tmp_path: Path, damage: bytes | None) -> None:
    """Empty, text and cut-short archives are said to be not whole."""
    whole = npz(tmp_path, x=X).read_bytes()
    broken = tmp_path / "broken.npz"
    broken.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(DataError, match=r"not a whole \.npz file"):
        read_npz(broken)
    with pytest.raises(DataError, match=r"not a whole \.zip file"):
        read_zip(broken, None)


@pytest.mark.parametrize("code", [0x110000, 0xD800, 2**32 - 1])
@pytest.mark.parametrize("order", ["<", ">"])
def test_text_of_letters_that_do_not_exist_is_refused(code: int, order: str, tmp_path: Path) -> None:
    """Whoever made a text of such an array would be ended by Python itself."""
    text = np.array(["a", "b"], f"{order}U2")
    text.view(f"{order}u4")[0] = code
    np.savez(tmp_path / "d.npz", x=np.ones((2, 3)), y=text)
    with pytest.raises(DataError, match="'y' holds text that is damaged"):
        read_npz(tmp_path / "d.npz")


@pytest.mark.parametrize(
    ("code", "text"),
    [(0xD7FF, True), (0xD800, False), (0xDFFF, False), (0xE000, True), (0x10FFFF, True), (0x110000, False)],
)
def test_letters_are_those_of_unicode(code: int, text: bool) -> None:
    """None of the halves of a pair, none beyond the last."""
    letters = np.array([0x41, code], np.uint32).view("<U2")
    assert npz_reader._is_text(letters) is text
    assert npz_reader._is_text(np.array([code]))


@pytest.mark.parametrize("whole", [True, False])
def test_as_much_as_is_allowed_is_read(whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all arrays together with their headers, and of one without; a byte more is refused."""
    path = npz(tmp_path, x=np.zeros((40, 6), np.float32))
    with zipfile.ZipFile(path) as archive:
        (entry,) = archive.infolist()
        most = entry.file_size if whole else 40 * 6 * 4

        def read() -> int:
            return read_npz(path).evaluation.n if whole else len(npz_reader._array(archive, entry, "f"))

        monkeypatch.setattr(npz_reader, "MAX_BYTES", most)
        assert read() == 40
        monkeypatch.setattr(npz_reader, "MAX_BYTES", most - 1)
        with pytest.raises(DataError, match="the data takes"):
            read()
