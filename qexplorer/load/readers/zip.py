"""Reads .zip: class folders of pictures, IDX files, or the arrays of an .npz. Nothing is ever unpacked to disk."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from qexplorer.core.errors import DataError
from qexplorer.load.datasets.raw import DAMAGED, MAX_BYTES, RawData, shortened, too_large
from qexplorer.load.readers.idx import Opener, is_idx, read_idx_files
from qexplorer.load.readers.images import MAX_FILES, read_images
from qexplorer.load.readers.npz import read_npz
from qexplorer.load.readers.protocol import ByEnding, Size

__all__ = ["ENTRIES", "ZipReader", "read_zip"]


def read_zip(path: Path, size: tuple[int, int] | None) -> RawData:
    """The data in a .zip; ``size`` is the height and width to bring pictures to.

    Raises:
        DataError: not a zip, empty, damaged, encrypted, too many files, too large when unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path, size)
    except DAMAGED as error:
        raise DataError(
            f"this is not a whole .zip file ({shortened(error)})",
            where=path.name,
            allowed="a .zip without password",
            do="make it again",
        ) from None


def _read(archive: zipfile.ZipFile, path: Path, size: tuple[int, int] | None) -> RawData:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if not entries:
        raise DataError("the .zip is empty", where=path.name, allowed="class folders of .png and .jpg pictures")
    if len(entries) > MAX_FILES:
        raise DataError(f"there are more than {MAX_FILES} files in it", where=path.name, do="give fewer samples")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise too_large(path.name, total)
    if all(entry.filename.endswith(".npy") for entry in entries):
        return read_npz(path)
    files: dict[str, Opener] = {entry.filename: _opener(archive, entry) for entry in entries}
    idx = {PurePosixPath(name).name: opener for name, opener in files.items() if is_idx(Path(name))}
    if idx:
        return read_idx_files(path.name, idx)
    return read_images(path.name, files, size)


def _opener(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Opener:
    return lambda: archive.open(entry)


class ZipReader(ByEnding):
    """Archives of pictures, of IDX files or of arrays."""

    name = "zip"
    told = ".zip of class folders"
    help = "A .zip holds a folder of pictures for each class, or IDX files."
    rank = 30

    def read(self, path: Path, size: Size | None) -> RawData:
        """What :func:`read_zip` reads."""
        return read_zip(path, size)


ENTRIES = (ZipReader(),)
