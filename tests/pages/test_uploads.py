"""Files that are uploaded together are one archive that the readers take."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from qexplorer.load.readers.zip import read_zip
from qexplorer.ui.uploads import belonging, packed
from tests.load.given_files import idx


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


X, Y = np.arange(60, dtype=np.uint8).reshape(5, 4, 3), np.arange(5, dtype=np.uint8)


@pytest.mark.parametrize(
    "files",
    [
        [("t10k-labels-idx1-ubyte", idx(Y)), ("t10k-images-idx3-ubyte", idx(X))],
        [("y.npy", _npy(Y)), ("x.npy", _npy(X))],
        [("labels.npy", _npy(Y)), ("C:\\data\\images.npy", _npy(X))],
    ],
)
def test_images_with_their_labels(files: list[tuple[str, bytes]], tmp_path: Path) -> None:
    """IDX and .npy pairs are read as samples and labels, in whatever order they come."""
    name, data = packed(files)
    assert packed(files[::-1]) == (name, data)
    (tmp_path / name).write_bytes(data)
    raw = read_zip(tmp_path / name, None)
    np.testing.assert_array_equal(raw.evaluation.inputs[""], X)
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("names", "new", "meant"),
    [
        (["wrong.npz"], [True], [0]),
        (["wrong.npz", "right.npz"], [False, True], [1]),
        (["notes.txt", "right.zip"], [True, True], [1]),
        (["notes.txt", "x-idx3-ubyte.gz", "x-idx1-ubyte.gz"], [False, True, True], [1, 2]),
        (["x.npy", "y.npy"], [False, True], [0, 1]),
        (["x.npy", "y.npy", "all.csv"], [False, False, True], [2]),
        (["first.npz", "second.npz"], [False, False], [1]),
    ],
)
def test_what_lay_there_before_does_not_spoil_what_comes(names: list[str], new: list[bool], meant: list[int]) -> None:
    """After a wrong file the right one is read alone; images and labels that come one after the other go together."""
    assert belonging(names, new) == meant


def test_one_file_stays_as_it_is() -> None:
    """A lone .npy is samples without labels; anything else is not touched."""
    assert packed([("given.npz", b"bytes")]) == ("given.npz", b"bytes")
    assert packed([("x.npy", _npy(X))])[0] == "x.zip"
