# ruff: noqa: E501 - tables of cases, one a line
"""Named hostile data files: arrays, tables, IDX, archives and pictures."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.hostile.case import EITHER, LOADS, REFUSED, Case, of_bytes
from tests.hostile.models import ODD_NAMES

__all__ = ["cases", "idx", "npy_header", "npz", "picture", "zipped"]


def cases() -> Iterator[Case]:
    """All of them."""
    for family in (_npz_headers, _npz_arrays, _tables, _idx, _pictures, _archives):
        yield from family()


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of ``files``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    """What numpy.savez writes."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy_header(header: str, data: bytes = b"\0" * 64, version: bytes = b"\x01\x00") -> bytes:
    """An array with any text as its header."""
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text) & (0xFFFF if version[0] == 1 else 0xFFFFFFFF))
    return b"\x93NUMPY" + version + size + text + data


def idx(shape: tuple[int, ...], data: bytes, kind: int = 8, axes: int | None = None) -> bytes:
    """An IDX file that says what it likes of itself."""
    return bytes((0, 0, kind, len(shape) if axes is None else axes)) + struct.pack(f">{len(shape)}I", *shape) + data


def picture(mode: str = "L", size: tuple[int, int] = (6, 5), kind: str = "PNG") -> bytes:
    """A small picture."""
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind)
    return stream.getvalue()


def _npz_headers() -> Iterator[Case]:
    attacks = "a header read as a Python literal, and memory taken for what it says"
    texts = {
        "terabytes": "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }",
        "negative": "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -4), }",
        "overflowing": "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
        "0 beside 2**62": "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904), }",
        "100 axes": "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 100 + "), }",
        "10,000 axes": "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 10_000 + "), }",
        "a shape of text": "{'descr': '<f4', 'fortran_order': False, 'shape': ('a',), }",
        "a shape of floats": "{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,), }",
        "no shape": "{'descr': '<f4', 'fortran_order': False, }",
        "more keys": "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1, }",
        "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (4,), }",
        "a type of 2 GB": "{'descr': '|V2147483647', 'fortran_order': False, 'shape': (4,), }",
        "text of 2 GB": "{'descr': '<U536870911', 'fortran_order': False, 'shape': (4,), }",
        "records": "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (4,), }",
        "records in records": "{'descr': "
        + "[('a', " * 50
        + "'<f4'"
        + ")]" * 50
        + ", 'fortran_order': False, 'shape': (4,), }",
        "dates": "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (4,), }",
        "complex": "{'descr': '<c16', 'fortran_order': False, 'shape': (4,), }",
        "long doubles": "{'descr': '<f16', 'fortran_order': False, 'shape': (4,), }",
        "an unknown type": "{'descr': '<q99', 'fortran_order': False, 'shape': (4,), }",
        "a call": "__import__('os').system('true')",
        "brackets": "(" * 5000,
        "minus signs": "-" * 60_000 + "1",
        "nothing": "",
        "a number": "1",
    }
    for told, text in texts.items():
        data = zipped({"x.npy": npy_header(text)})
        yield of_bytes(f"npz header/{told}", attacks, REFUSED, data, "d.npz")
    for version in (b"\x00\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"):
        data = zipped({"x.npy": npy_header(texts["terabytes"], version=version)})
        yield of_bytes(f"npz header/version {version[0]}", attacks, REFUSED, data, "d.npz")


def _npz_arrays() -> Iterator[Case]:
    attacks = "arrays that are not samples"
    x, y = np.ones((8, 3), np.float32), np.arange(8) % 2
    nan = x.copy()
    nan[3, 1] = np.nan
    arrays: dict[str, tuple[dict[str, Any], str]] = {
        "NaN": ({"x": nan}, REFUSED),
        "infinity": ({"x": x * np.inf}, REFUSED),
        "no samples": ({"x": x[:0]}, REFUSED),
        "no values": ({"x": x[:, :0]}, REFUSED),
        "one value": ({"x": np.float32(1)}, REFUSED),
        "text": ({"x": np.array(["a"] * 8)}, REFUSED),
        "fewer labels": ({"x": x, "y": y[:-1]}, REFUSED),
        "labels below 0": ({"x": x, "y": y - 5}, EITHER),
        "labels of 2**62": ({"x": x, "y": y + 2**62}, EITHER),
        "labels that are NaN": ({"x": x, "y": y * np.nan}, REFUSED),
        "labels without length": ({"x": x, "y": np.ones((8, 0))}, REFUSED),
        "only labels": ({"y": y}, REFUSED),
        "labels twice": ({"x": x, "labels": y, "targets": y}, REFUSED),
        "an unknown task": ({"x": x, "y": y, "task": np.array("conquer")}, REFUSED),
        "a task of numbers": ({"x": x, "y": y, "task": np.arange(3)}, REFUSED),
        "names of classes that do not suffice": ({"x": x, "y": y + 7, "classes": np.array(["a"])}, EITHER),
        "groups of another length": ({"x": x, "y": y, "groups": y[:3]}, REFUSED),
        "inputs of different length": ({"a": x, "b": x[:5]}, REFUSED),
        "parts of different shape": ({"x_train": x, "x_test": x[:, :2]}, REFUSED),
        "2,000 inputs": ({f"a{i}": x for i in range(2000)}, REFUSED),
        "30 axes": ({"x": np.ones((2, *[1] * 29), np.float32)}, EITHER),
        "float16": ({"x": x.astype(np.float16)}, LOADS),
        "big-endian": ({"x": x.astype(">f4")}, LOADS),
        "Fortran's order": ({"x": np.asfortranarray(x)}, LOADS),
        "truth values": ({"x": x > 0}, LOADS),
        "numbers that are labels in words": (
            {"x": x, "y": np.array(["1", "x", "", " ", "a\nb", "\x1b[2J", "é", "2"])},
            EITHER,
        ),
    }
    for told, (found, right) in arrays.items():
        yield of_bytes(f"npz arrays/{told}", attacks, right, npz(**found), "d.npz")
    for told, name in ODD_NAMES.items():
        if "\0" not in name and len(name) < 1000:
            data = zipped({f"{name}.npy": zipfile.ZipFile(io.BytesIO(npz(x=x))).read("x.npy")})
            yield of_bytes(f"npz names/{told}", "what shows or opens a name", EITHER, data, "d.npz")
        listed = npz(x=x, y=np.array(["b", "a"] * 4), classes=np.array(["a", name or "c", "b"]))
        yield of_bytes(f"npz classes/{told}", "what shows a class", EITHER, listed, "d.npz")


def _tables() -> Iterator[Case]:
    attacks = "a table read cell by cell, and cells that are no numbers"
    texts: dict[str, tuple[str | bytes, str]] = {
        "nothing": ("", REFUSED), "a line end": ("\n", REFUSED), "blanks": (" ,  , \n , , \n", REFUSED),
        "a header alone": ("a,b,y\n", REFUSED), "one column": ("y\n1\n2\n", REFUSED), "one number": ("1\n", LOADS),
        "1e309": ("a,b\n1,1e309\n", REFUSED), "1e39": ("a,b\n1,1e39\n", REFUSED), "nan": ("a,b\n1,nan\n", REFUSED),
        "inf": ("a,b\n1,-inf\n", REFUSED), "an underscore": ("a,b\n1,1_000\n", REFUSED), "hexadecimal": ("a,b\n1,0x10\n", REFUSED),
        "digits of Arabic": ("a,b\n1,\u0663\n", EITHER), "a comma for the point": ("a;b\n1,5;2,5\n", REFUSED),
        "ragged": ("1,2\n3\n4,5\n", REFUSED), "rows that grow": ("\n".join(",".join("1" * i) for i in range(1, 500)), REFUSED),
        "a quote that stays open": ('a,b\n"1,2\n' + "3,4\n" * 1000, REFUSED), "a cell of 200,000 letters": ("a,b\n" + "9" * 200_000 + ",1\n", REFUSED),
        "a million quotes": ('a,b\n"' + '""' * 500_000 + '",1\n', REFUSED), "nulls": ("a,b\n1,\0\n", REFUSED),
        "old line ends": ("a,b\r1,2\r3,4\r", EITHER), "a byte-order mark": ("\ufeffa,b\n1,2\n", LOADS),
        "UTF-16": ("a,b\n1,2\n".encode("utf-16"), REFUSED), "0xFF": (b"\xff" * 4000, REFUSED), "random bytes": (bytes(range(256)) * 20, REFUSED),
        "a formula": ("a,b\n=1+1,2\n", REFUSED), "colours of a terminal": ("\x1b[31ma,b\n1,\x1b[2J\n", REFUSED),
        "names that repeat": ("y,y,y\n1,2,0\n3,4,1\n", EITHER), "nothing for names": (",,\n1,2,3\n4,5,6\n", EITHER),
        "a name of a megabyte": ("a" * 10**6 + ",b\n1,2\n3,4\n", EITHER), "100,001 columns": (",".join(["1"] * 100_001), REFUSED),
        "a million columns": (",".join(["1"] * 10**6) + "\n", REFUSED), "20,000 columns": ((",".join(["1"] * 20_000) + "\n") * 3, LOADS),
        "200,000 rows": ("a,b,y\n" + "1.5,2,0\n3,4,1\n" * 100_000, LOADS), "200,000 classes": ("a,y\n" + "".join(f"1,c{i}\n" for i in range(200_000)), EITHER),
        "tabs": ("a\tb\n1\t2\n3\t4\n", LOADS), "a lone group": ("group\na\nb\n", REFUSED),
    }  # fmt: skip
    for told, (text, right) in texts.items():
        yield of_bytes(f"tables/{told}", attacks, right, text if isinstance(text, bytes) else text.encode(), "d.csv")


def _idx() -> Iterator[Case]:
    attacks = "sizes in a header that are believed"
    pixels = bytes(4 * 3 * 2)
    blobs: dict[str, tuple[bytes, str]] = {
        "nothing": (b"", REFUSED), "two bytes": (b"\0\0", REFUSED), "no axes": (idx((), pixels), REFUSED),
        "255 axes": (idx((4, 3, 2), pixels, axes=255), REFUSED), "an unknown type": (idx((4, 3, 2), pixels, 0x99), REFUSED),
        "2**32 - 1 of everything": (idx((2**32 - 1,) * 3, pixels), REFUSED), "none of everything": (idx((0, 0, 0), b""), REFUSED),
        "one byte less": (idx((4, 3, 2), pixels[:-1]), REFUSED), "one byte more": (idx((4, 3, 2), pixels + b"\0"), REFUSED),
        "labels alone": (idx((24,), pixels), REFUSED), "right": (idx((4, 3, 2), pixels), LOADS),
        "NaN": (idx((1, 1, 1), b"\x7f\xc0\0\0", 0x0D), REFUSED), "doubles": (idx((1, 1, 1), bytes(8), 0x0E), LOADS),
        "a header cut short": (idx((4, 3, 2), b"")[:9], REFUSED), "four axes": (idx((2, 2, 3, 2), pixels), LOADS),
        "text": (b"hello, this is not IDX", REFUSED), "0xFF": (b"\xff" * 500, REFUSED),
    }  # fmt: skip
    for told, (data, right) in blobs.items():
        yield of_bytes(f"idx/{told}", attacks, right, data, "a-images-idx3-ubyte")
        yield of_bytes(f"idx packed/{told}", attacks, right, gzip.compress(data), "a-images-idx3-ubyte.gz")
    whole = gzip.compress(idx((4, 3, 2), pixels))
    for told, data in {
        "cut": whole[:-6],
        "wrong sum": whole[:-8] + bytes(8),
        "80 MB of zeros": gzip.compress(idx((1, 1, 1), bytes(80 * 2**20), 8), 1),
        "packed twice": gzip.compress(whole),
        "more behind it": whole + b"more",
    }.items():
        yield of_bytes(
            f"idx packed/{told}", attacks, EITHER if "more" in told else REFUSED, data, "a-images-idx3-ubyte.gz"
        )

    def beside(folder: Path) -> Path:
        (folder / "a-labels-idx1-ubyte").write_bytes(idx((9,), bytes(9)))
        (folder / "a-images-idx3-ubyte").write_bytes(idx((4, 3, 2), pixels))
        return folder / "a-images-idx3-ubyte"

    yield Case("idx/labels of another length beside it", attacks, REFUSED, beside)


def _pictures() -> Iterator[Case]:
    attacks = "decoders of pictures"
    png, jpg = picture(), picture("RGB", kind="JPEG")

    def sized(width: int, height: int) -> bytes:
        import zlib

        head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        return png[:8] + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + png[33:]

    blobs: dict[str, tuple[bytes, str]] = {
        "nothing": (b"", REFUSED), "text": (b"hello", REFUSED), "cut": (png[:-20], REFUSED), "a header alone": (png[:33], REFUSED),
        "50,000 x 50,000": (sized(50_000, 50_000), REFUSED), "2**31 wide": (sized(2**31 - 1, 1), REFUSED), "no width": (sized(0, 5), REFUSED),
        "a JPEG called PNG": (jpg, LOADS), "a GIF called PNG": (picture(kind="GIF"), REFUSED), "a JPEG cut": (jpg[: len(jpg) // 2], EITHER),
        "16 bits": (picture("I;16"), LOADS), "a palette": (picture("P"), LOADS), "with alpha": (picture("RGBA"), LOADS), "one bit": (picture("1"), LOADS),
        "CMYK": (picture("CMYK", kind="JPEG"), LOADS), "0xFF": (b"\x89PNG\r\n\x1a\n" + b"\xff" * 500, REFUSED),
        "a zip in it": (png + zipped({"a": b"b"}), EITHER),
    }  # fmt: skip
    for told, (data, right) in blobs.items():
        yield of_bytes(f"pictures/{told}", attacks, right, zipped({"a/1.png": data, "b/1.png": data}), "d.zip")
    mixed = {"two sizes": picture(size=(9, 9)), "another kind": picture("RGB")}
    for told, data in mixed.items():
        files = {"a/1.png": png, "b/1.png": data}
        yield of_bytes(f"pictures/{told}", attacks, REFUSED if "sizes" in told else LOADS, zipped(files), "d.zip")


def _archives() -> Iterator[Case]:
    attacks = "unpacking: paths, sizes and numbers of files"
    png = picture()
    names = (
        "../../x/1.png",
        "/etc/x/1.png",
        "a\\..\\1.png",
        "a/\x1b[2J.png",
        "a//1.png",
        "./a/1.png",
        "\u202e/1.png",
        "a" * 5000 + "/1.png",
    )
    for name in names:
        data = zipped({name: png, "b/1.png": png})
        yield of_bytes(f"archives/a file called {name[:20]!a}", attacks, EITHER, data, "d.zip")
    whole = zipped({"a/1.png": png, "b/1.png": png})
    encrypted = whole.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    blobs: dict[str, tuple[bytes, str]] = {
        "nothing": (b"", REFUSED), "no file": (zipped({}), REFUSED), "folders alone": (zipped({"a/": b"", "b/": b""}), REFUSED),
        "cut": (whole[:-30], REFUSED), "text": (b"PK\x03\x04 hello", REFUSED), "encrypted": (encrypted, REFUSED),
        "other files": (zipped({"a.txt": b"a"}), REFUSED), "a zip in a zip": (zipped({"a.zip": whole}), REFUSED),
        "80 MB of zeros": (zipped({"a/1.png": bytes(80 * 2**20)}, zipfile.ZIP_DEFLATED), REFUSED),
        "20,000 pictures": (zipped({f"c{i:05d}/1.png": png for i in range(20_000)}), LOADS),
        "outside the folders": (zipped({"a/1.png": png, "2.png": png}), REFUSED),
        "a list of classes that lacks one": (zipped({"a/1.png": png, "b/1.png": png, "classes.txt": b"a\nc\n"}), REFUSED),
        "a list of classes of bytes": (zipped({"a/1.png": png, "b/1.png": png, "classes.txt": bytes(range(256))}), EITHER),
        "arrays and pictures": (zipped({"a.npy": b"x", "a/1.png": png}), EITHER), "three sets of IDX": (zipped({f"{i}-idx3-ubyte": idx((1, 1, 1), b"a") for i in range(3)}), REFUSED),
        "hidden files": (zipped({".a/1.png": png, "__MACOSX/1.png": png}), REFUSED), "one name twice": (_twice(png), EITHER),
        "a size that is not so": (whole.replace(struct.pack("<I", len(png)), struct.pack("<I", 2**31)), REFUSED),
        "before it something else": (b"#!/bin/sh\n" + whole, EITHER),
    }  # fmt: skip
    for told, (data, right) in blobs.items():
        yield of_bytes(f"archives/{told}", attacks, right, data, "d.zip")


def _twice(data: bytes) -> bytes:
    import warnings

    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")
        for name in ("a/1.png", "a/1.png", "b/1.png"):
            archive.writestr(name, data)
    return stream.getvalue()
