"""Whatever happens to a file's bytes, a reader gives data or one sentence, never another exception."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from qexplorer.core.errors import DataError
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.readers.csv import read_csv
from qexplorer.load.readers.idx import read_idx
from qexplorer.load.readers.npz import read_npz
from qexplorer.load.readers.zip import read_zip


def _npz(compressed: bool) -> bytes:
    stream = io.BytesIO()
    write = np.savez_compressed if compressed else np.savez
    write(stream, x=np.arange(12.0).reshape(4, 3), y=np.arange(4), classes=np.array(list("abcd")))
    return stream.getvalue()


def _pictures() -> bytes:
    picture, archive = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.zeros((5, 4), np.uint8)).save(picture, "PNG")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/1.png", picture.getvalue())
        file.writestr("b/1.png", picture.getvalue())
    return archive.getvalue()


_IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 3, 2, 2) + bytes(12)
READERS: dict[str, tuple[str, bytes, Callable[[Path], RawData]]] = {
    "npz": ("x.npz", _npz(False), read_npz),
    "compressed npz": ("x.npz", _npz(True), read_npz),
    "idx": ("x-idx3-ubyte", _IDX, read_idx),
    "compressed idx": ("x-idx3-ubyte.gz", gzip.compress(_IDX, mtime=0), read_idx),
    "csv": ("x.csv", b"a,b,label\n1,2,0\n3,4,1\n", read_csv),
    "pictures": ("x.zip", _pictures(), lambda path: read_zip(path, None)),
}


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_damaged_files_give_data_or_a_sentence(kind: str, data: st.DataObject) -> None:
    """Bytes changed, cut off or inserted anywhere end in data or in a DataError; any other exception fails."""
    name, good, read = READERS[kind]
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        how = data.draw(st.sampled_from(("change", "cut", "insert")))
        if how == "change":
            damaged[at] = data.draw(st.integers(0, 255))
        elif how == "cut" and at:
            del damaged[at:]
        else:
            damaged[at:at] = data.draw(st.binary(min_size=1, max_size=8))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            assert read(path).evaluation.n > 0
