"""Files as strangers give them, for the tests of the readers."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

X = np.arange(40 * 6, dtype=np.float32).reshape(40, 6)
Y = np.arange(40) % 4


def npz(folder: Path, **arrays: NDArray[np.generic]) -> Path:
    """A compressed .npz with these arrays."""
    np.savez_compressed(folder / "given.npz", **arrays)  # type: ignore[arg-type]
    return folder / "given.npz"


def idx(array: NDArray[np.uint8]) -> bytes:
    """Bytes in the format of MNIST, of 8-bit values."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def png(shape: tuple[int, ...], value: int = 100) -> bytes:
    """A picture of one value."""
    stream = io.BytesIO()
    Image.fromarray(np.full(shape, value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    """An archive with these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
