"""What a file of weights is, found out without opening what could run code; files that could are refused."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from qexplorer.core.errors import ModelError

__all__ = ["ALLOWED", "ENDINGS", "WeightFile", "export_lines", "kind_of", "refuse_program", "refused_pickle"]

ENDINGS = (".safetensors", ".pt", ".pth", ".bin")
ALLOWED = "a .safetensors file, or a state_dict saved by torch.save (.pt, .pth, .bin)"
_EXPORT = 'torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), "net.onnx", dynamo={dynamo})'
_PICKLED = 'torch.load("{name}", weights_only=False).eval()'
_RUNS_CODE = "opening it can run code, so it is not opened here"


class WeightFile(StrEnum):
    """What can be read."""

    SAFETENSORS = "safetensors"
    TORCH = "torch"


def kind_of(path: Path, where: str) -> WeightFile:
    """What the file at ``path`` is; raises ModelError for a program (TorchScript, .pt2) and for what is no weights."""
    with path.open("rb") as file:
        head = file.read(512)
    if head[:4] == b"PK\x03\x04":
        _check_archive(path, where)
        return WeightFile.TORCH
    if head[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        return WeightFile.TORCH  # as torch.save wrote before it wrote archives; opened without running anything
    if head[8:9] == b"{":
        return WeightFile.SAFETENSORS
    if not head:
        raise ModelError("the file is empty", where=where, allowed=ALLOWED, do="download it again")
    raise ModelError("this is no file of weights", where=where, allowed=ALLOWED, do="check the file")


def refuse_program(file: BinaryIO, where: str) -> None:
    """Raises ModelError if the file is a program (TorchScript, .pt2); anything else, damaged archives too, passes."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return
    _refuse_program(names, where)


def _check_archive(path: Path, where: str) -> None:
    """Raises ModelError unless the archive is what torch.save makes of tensors: a pickle and stored numbers."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        what = f"the archive is damaged ({' '.join(str(error).split())[:80]})"
        raise ModelError(what, where=where, allowed=ALLOWED, do="download it again") from None
    names = [PurePosixPath(entry.filename) for entry in entries]
    _refuse_program(names, where)
    if not any(name.name == "data.pkl" for name in names):
        raise ModelError("this is an archive without weights", where=where, allowed=ALLOWED, do="give the file inside")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ModelError(
            "its numbers are compressed, which torch.save never does", where=where, allowed=ALLOWED, do="save it again"
        )


def _refuse_program(names: Sequence[PurePosixPath], where: str) -> None:
    if any(name.name == "constants.pkl" or "code" in name.parts[1:2] for name in names):
        raise _program("a TorchScript program", 'torch.jit.load("{name}").eval()', where, dynamo=False)
    if any(name.name in ("archive_format", "serialized_exported_program.json") for name in names):
        raise _program("an exported program (.pt2)", 'torch.export.load("{name}").module()', where)


def refused_pickle(where: str, found: str) -> ModelError:
    """The refusal of a pickle that holds more than tensors; ``found`` is what it asked for."""
    return _program(f"a pickled module or another object ({found})", _PICKLED, where)


def export_lines(where: str, load: str = _PICKLED, *, dynamo: bool = True) -> str:
    """The two lines of Python that make an ONNX file of what lies at ``where``, for those who trust it."""
    name = PurePosixPath(where.replace("\\", "/")).name
    return f"net = {load.format(name=name)} and {_EXPORT.format(dynamo=dynamo)}, with the shape of its own input"


def _program(what: str, load: str, where: str, *, dynamo: bool = True) -> ModelError:
    return ModelError(
        f"this is {what}; {_RUNS_CODE}",
        where=where,
        allowed=f"{ALLOWED}, or a .onnx file",
        do=f"if you trust it, export it at home with two lines of Python: {export_lines(where, load, dynamo=dynamo)}",
    )
