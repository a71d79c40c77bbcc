"""Arrays in the format of MNIST: read as documented, and each way to be wrong has its sentence."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import DataError
from qexplorer.load.datasets.load import load_data
from qexplorer.load.readers.idx import read_idx
from qexplorer.load.readers.images import read_image_folder
from qexplorer.load.readers.zip import read_zip
from tests.load.given_files import idx, zip_of


@pytest.mark.parametrize("packed", [False, True])
def test_idx_finds_its_labels(tmp_path: Path, packed: bool) -> None:
    """train-images-idx3-ubyte takes its labels from train-labels-idx1-ubyte, either compressed or not."""
    images = np.random.default_rng(0).integers(0, 255, (7, 5, 4), np.uint8)
    name = "train-images-idx3-ubyte" + (".gz" if packed else "")
    (tmp_path / name).write_bytes(gzip.compress(idx(images)) if packed else idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(7, dtype=np.uint8)))
    raw = read_idx(tmp_path / name)
    np.testing.assert_array_equal(raw.evaluation.inputs[""], images)
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == list(range(7))


def test_equal_images_with_and_without_labels_are_told_apart(tmp_path: Path) -> None:
    """What was found beside a file counts for what is kept of it, in whichever order they are read."""
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    for name in ("plain-images-idx3-ubyte", "known-images-idx3-ubyte", "other-images-idx3-ubyte"):
        (tmp_path / name).write_bytes(idx(images))
    for name, shift in (("known-labels-idx1-ubyte", 0), ("other-labels-idx1-ubyte", 1)):
        (tmp_path / name).write_bytes(idx((np.arange(6, dtype=np.uint8) + shift) % 3))
    found = [
        load_data(tmp_path / f"{name}-images-idx3-ubyte").evaluation.labels for name in ("plain", "known", "other")
    ]
    assert [None if labels is None else labels.tolist() for labels in found] == [
        None,
        [0, 1, 2, 0, 1, 2],
        [1, 2, 0, 1, 2, 0],
    ]


def test_idx_without_labels_beside_it(tmp_path: Path) -> None:
    """Images alone are data without labels, and a note says so."""
    (tmp_path / "some.idx3-ubyte").write_bytes(idx(np.zeros((7, 5, 4), np.uint8)))
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
        files[f"mnist/{part}-images-idx3-ubyte"] = idx(np.zeros((n, 5, 4), np.uint8))
        files[f"mnist/{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(np.zeros(n, np.uint8)))
    if where == "zip":
        raw = read_zip(zip_of(tmp_path / "mnist.zip", files), None)
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
        (idx(np.zeros((4, 5, 5), np.uint8))[:-1], "the header promises 100 bytes, and there are only 99"),
        (idx(np.zeros((4, 5, 5), np.uint8)) + b"1", "the header promises 100 bytes, and there are more"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 9), "when unpacked"),
        (bytes([0, 0, 8, 3]) + b"12", "ends inside its header"),
        (idx(np.zeros(4, np.uint8)), "holds labels, not images"),
        (gzip.compress(idx(np.zeros((4, 50, 50), np.uint8)), mtime=0)[:-9], "the compressed file is damaged"),
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
    data = gzip.compress(idx(np.zeros((4, 5, 5), np.uint8)) + bytes(100_000_000))
    assert len(data) < 200_000
    (tmp_path / "bomb-idx3-ubyte.gz").write_bytes(data)
    with pytest.raises(DataError, match="there are more"):
        read_idx(tmp_path / "bomb-idx3-ubyte.gz")


def test_idx_labels_of_another_name_belong_to_the_only_images(tmp_path: Path) -> None:
    """One file of images and one with a single axis go together, whatever they are called."""
    files = {"pictures.idx": idx(np.zeros((5, 4, 3), np.uint8)), "classes.idx": idx(np.arange(5, dtype=np.uint8))}
    raw = read_zip(zip_of(tmp_path / "pair.zip", files), None)
    assert raw.evaluation.inputs[""].shape == (5, 4, 3)
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == [0, 1, 2, 3, 4]
