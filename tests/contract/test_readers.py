"""What every reader of data files keeps, and that one more is one file."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import qexplorer as qx
from qexplorer.cli import main
from qexplorer.core.errors import DataError, UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs.records import write_json
from qexplorer.load.readers.protocol import Reader
from qexplorer.load.readers.registry import READERS, readable, reader_of
from tests.contract.throw_away import bring
from tests.pages.app import open_app

EVERY = tuple(READERS)
FILES = tuple(reader for reader in EVERY if reader.endings)
N = 3


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(N * 4, dtype=np.float32).reshape(N, 4), y=np.arange(N))
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in range(N):
            picture = io.BytesIO()
            Image.new("L", (4, 4), index).save(picture, "PNG")
            archive.writestr(f"kind{index}/a.png", picture.getvalue())
    return buffer.getvalue()


GOOD: dict[str, Callable[[], bytes]] = {
    "npz": _npz,
    "csv": lambda: b"a,b,label\n" + b"".join(b"%d,1.5,%d\n" % (i, i) for i in range(N)),
    "idx": lambda: struct.pack(">4B3I", 0, 0, 8, 3, N, 4, 4) + bytes(N * 16),
    "zip": _zip,
}
"""Bytes of a small whole file of ``N`` samples, by reader."""


@pytest.mark.parametrize("reader", EVERY, ids=lambda reader: reader.name)
def test_it_says_what_it_takes(reader: Reader) -> None:
    """It is in the list of what can be read, once, and what is to be heeded is a sentence."""
    assert readable().count(reader.told) == 1
    assert (reader.told in readable(uploads=True)) is bool(reader.endings)
    assert reader.help.endswith(".")


@pytest.mark.parametrize("reader", FILES, ids=lambda reader: reader.name)
def test_it_alone_takes_its_endings(reader: Reader, tmp_path: Path) -> None:
    """In either case of letters, with a dot; a folder of that name is none of its files."""
    for ending in reader.endings:
        assert ending.startswith(".")
        for name in (f"samples{ending}", f"SAMPLES{ending.upper()}"):
            assert [each.name for each in EVERY if each.takes(tmp_path / name)] == [reader.name]
        (tmp_path / f"folder{ending}").mkdir()
        assert not reader.takes(tmp_path / f"folder{ending}")


@pytest.mark.parametrize("reader", FILES, ids=lambda reader: reader.name)
def test_a_good_file_becomes_a_data_set(reader: Reader, tmp_path: Path) -> None:
    """Through ``qexplorer.data``, in a child process, with all of its samples; the registry dispatches it."""
    path = tmp_path / f"samples{reader.endings[0]}"
    path.write_bytes(GOOD[reader.name]())
    assert reader_of(path) is reader
    assert qx.data(path).evaluation.n == N


@pytest.mark.parametrize("reader", FILES, ids=lambda reader: reader.name)
@pytest.mark.parametrize("kept", [1, 11, -5])
def test_a_truncated_file_is_refused_in_a_sentence(reader: Reader, kept: int, tmp_path: Path) -> None:
    """Cut near its beginning or its end it is named in a DataError, and nothing else is raised."""
    path = tmp_path / f"cut{reader.endings[0]}"
    path.write_bytes(GOOD[reader.name]()[:kept])
    if reader.name == "csv" and kept == -5:  # a shorter last row is a row of another length
        path.write_bytes(b"a,b,label\n1,2,0\n1")
    with pytest.raises(DataError, match=rf"cut{reader.endings[0]}"):
        reader.read(path, None)


def test_every_reader_of_files_has_a_good_file_here() -> None:
    """A reader that is added must bring one to this test."""
    assert set(GOOD) == {reader.name for reader in FILES}


def test_what_nobody_takes_is_refused_with_what_can_be_read(tmp_path: Path) -> None:
    """No reader stands in for an unknown ending, nor for an unknown name."""
    path = tmp_path / "samples.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"'\.parquet'.*\.npz"):
        qx.data(path)
    with pytest.raises(UnknownName, match="did you mean 'npz'"):
        READERS.get("npy")


_SOURCE = '''
import numpy as np
from qexplorer.load.datasets.raw import RawData, checked_split
from qexplorer.load.readers.protocol import ByEnding


class Counted(ByEnding):
    """A file of bytes: each is a sample."""

    name = "counted"
    endings = (".counted",)
    told = ".counted bytes"
    help = "A byte is a sample."

    def read(self, path, size):
        x = np.frombuffer(path.read_bytes(), np.uint8)[:, None]
        return RawData(path.stem, checked_split({"": x}, None, None, path.name))


ENTRIES = (Counted(),)
'''


def test_one_more_reader_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file put into the folder is enough: it is read in the child, offered by the upload, and told in help."""
    bring(monkeypatch, READERS, "counted_reader", _SOURCE, tmp_path)
    path = tmp_path / "seven.counted"
    path.write_bytes(bytes(range(7)))
    assert qx.data(path).evaluation.inputs[""].tolist() == [[i] for i in range(7)]
    assert main(["compare", "--help"]) == 0
    assert ".counted bytes" in " ".join(capsys.readouterr().out.split())
    write_json(workspace("sessions") / "contract-readers.json", {"model": "tumour_mlp", "data": "tumour"})
    uploads = open_app("pages/model.py", session="contract-readers").get("file_uploader")
    told = [upload.proto for upload in uploads if ".counted bytes" in upload.proto.label]
    assert len(told) == 1
    assert "A byte is a sample." in told[0].help
