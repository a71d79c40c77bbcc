"""Reads IDX, the format of MNIST and its relatives (Y. LeCun: the file's page of formats), plain or compressed by gzip.

An images file finds its labels beside it (``train-images-idx3-ubyte`` -> ``train-labels-idx1-ubyte``). A folder or .zip
with both ``train-*`` and ``t10k-*`` gives the first for calibration and the second to judge.
"""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import DataError
from qexplorer.load.datasets.raw import DAMAGED, MAX_BYTES, RawData, checked_split, shortened, too_large
from qexplorer.load.readers.protocol import ByEnding, Size

__all__ = ["ENTRIES", "IdxReader", "Opener", "is_idx", "read_idx", "read_idx_files"]

Opener = Callable[[], IO[bytes]]
"""Opens one file of a folder or archive, from its beginning."""

_NAME = re.compile(r"idx\d(-ubyte)?(\.gz)?$|\.idx(\.gz)?$", re.IGNORECASE)
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK = 2**20


def is_idx(path: Path) -> bool:
    """Whether the file's name is one that IDX files have (or ends in .gz, which nothing else here does)."""
    return bool(_NAME.search(path.name)) or path.suffix.lower() == ".gz"


def read_idx(path: Path) -> RawData:
    """Images from one file, labels from the file beside it if there is one.

    Raises:
        DataError: not IDX, cut short, larger than it may be, labels of another length.
    """
    images = _array(lambda: path.open("rb"), path.name)
    if images.ndim == 1:
        raise DataError(
            "this file holds labels, not images",
            where=path.name,
            do="give the images file; its labels are found by name",
        )
    found = _labels_beside(path)
    labels = _array(lambda: found.open("rb"), found.name) if found else None
    note = f"The labels are from {found.name}." if found else "No labels file was found beside the images."
    stem = path.name.removesuffix(".gz")
    return RawData(stem, checked_split({"": images}, labels, None, path.name), notes=(note,))


def read_idx_files(name: str, files: Mapping[str, Opener]) -> RawData:
    """Images and labels among ``files``, told apart by their number of axes; labels belong to the images whose name
    goes with theirs, or to the only ones. Two sets of images are told apart by name as train and test.

    Raises:
        DataError: as :func:`read_idx`; no images; more than two sets of images.
    """
    ranks = {file: _rank(files[file]) for file in files if is_idx(Path(file))}
    images = sorted(file for file, rank in ranks.items() if rank != 1)
    if not images or len(images) > 2:
        raise DataError(
            f"there are {len(images)} sets of images", where=name, allowed="one, or one to train and one to test"
        )
    splits: dict[str, Split] = {}
    lone = [file for file, rank in ranks.items() if rank == 1] if len(images) == 1 else []
    for file in images:
        labels = labels_file(file, list(files)) or (lone[0] if len(lone) == 1 else None)
        known = _array(files[labels], labels) if labels else None
        splits[file] = checked_split({"": _array(files[file], file)}, known, None, file)
    test = next((file for file in images if re.search(r"t10k|test", file)), images[0])
    calibration = next((splits[file] for file in images if file != test), None)
    if calibration and calibration.inputs[""].shape[1:] != splits[test].inputs[""].shape[1:]:
        raise DataError("the two sets of images differ in shape", where=name, allowed="images of one shape")
    return RawData(Path(name).stem, splits[test], calibration)


def labels_file(images: str, names: list[str]) -> str | None:
    """The name among ``names`` that holds the labels of ``images``, compressed or not, or None."""
    return next((name for name in _labels_names(images) if name in names), None)


def _labels_beside(images: Path) -> Path | None:
    """The file in the same folder that holds the labels of ``images``, or None."""
    beside = (images.with_name(name) for name in _labels_names(images.name))
    return next((path for path in beside if path.is_file()), None)


def _labels_names(images: str) -> tuple[str, ...]:
    """What a file of the labels of ``images`` is called, the first choice first."""
    plain = re.sub(r"\.gz$", "", images)
    wanted = re.sub(r"idx\d", "idx1", plain.replace("images", "labels").replace("image", "label"))
    return () if wanted == plain else (wanted, f"{wanted}.gz")


def _rank(open_file: Opener) -> int | None:
    """Number of axes that the file says it has; None for one that is damaged, which is told when it is read."""
    try:
        with open_file() as file:
            head = file.read(4)
        if head[:2] == b"\x1f\x8b":
            with open_file() as file, gzip.GzipFile(fileobj=file) as unpacked:
                head = unpacked.read(4)
    except DAMAGED:
        return None
    return head[3] if len(head) == 4 else None


def _array(open_file: Opener, where: str) -> Array:
    try:
        with open_file() as file:
            head = file.read(2)
        with open_file() as file:
            if head != b"\x1f\x8b":
                return _parse(file, where)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _parse(unpacked, where)
    except DAMAGED as error:
        what = f"the compressed file is damaged ({shortened(error)})"
        raise DataError(what, where=where, do="download it again") from None


def _parse(stream: IO[bytes] | gzip.GzipFile, where: str) -> Array:
    """One array; its declared size is checked before anything is read, and no byte beyond it is unpacked."""
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= 4:
        raise DataError(
            "this is not an IDX file",
            where=where,
            allowed="two zero bytes, a known type, 1 to 4 dimensions",
            do="check it",
        )
    dtype = np.dtype(_TYPES[head[2]])
    sizes = stream.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise DataError("the file ends inside its header", where=where, do="download it again")
    shape = struct.unpack(f">{head[3]}I", sizes)
    wanted = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if wanted > MAX_BYTES:
        raise too_large(where, wanted)
    data = bytearray()
    while len(data) <= wanted and (chunk := stream.read(min(_CHUNK, wanted + 1 - len(data)))):
        data += chunk
    if len(data) != wanted:
        more = "more" if len(data) > wanted else f"only {len(data)}"
        raise DataError(
            f"the header promises {wanted} bytes, and there are {more}", where=where, do="download it again"
        )
    values = np.frombuffer(data, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


class IdxReader(ByEnding):
    """Images with the file of their labels beside them."""

    name = "idx"
    endings = (".idx", ".idx3-ubyte", ".gz")
    told = "IDX (.gz too)"
    help = "IDX may be gzipped; give the file of its labels with it."
    rank = 10

    def takes(self, path: Path) -> bool:
        """Also ``train-images-idx3-ubyte``, which has no ending."""
        return is_idx(path) and not path.is_dir()

    def beside(self, path: Path) -> Sequence[Path]:
        """The file of the labels of these images."""
        found = _labels_beside(path)
        return () if found is None else (found,)

    def read(self, path: Path, size: Size | None) -> RawData:  # noqa: ARG002 - all its images have one size
        """What :func:`read_idx` reads."""
        return read_idx(path)


ENTRIES = (IdxReader(),)
