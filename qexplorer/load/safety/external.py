"""Weights kept in files beside the model: taken in where that is safe, refused where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import onnx

from qexplorer.core.errors import ModelError
from qexplorer.graph.walk import all_tensors
from qexplorer.load.safety.limits import MAX_FILE_BYTES
from qexplorer.load.safety.weight_files import digest_beside, open_plain

__all__ = ["embed_external"]

_DO = "save the model with its weights inside: onnx.save(model, path, save_as_external_data=False)"


def embed_external(proto: onnx.ModelProto, folder: Path | None, where: str) -> dict[str, str]:
    """Takes external weights into the message, in place.

    Args:
        proto: the parsed model.
        folder: the folder of the model's file; None for an upload, which has no files beside it.
        where: what to call the model in messages.

    Returns:
        SHA-256 of every file that was read, by its plain name.

    Raises:
        ModelError: external data in an upload; a path instead of a plain name; a link; a file that is too short.
    """
    outside = [(n, t) for n, t in all_tensors(proto) if t.data_location == onnx.TensorProto.EXTERNAL or t.external_data]
    names: dict[str, str] = {}
    total = 0
    for name, tensor in outside:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        if folder is None:
            what = f"the tensor '{name}' is kept in another file ('{location}'), which an upload does not bring along"
            raise ModelError(what, where=where, do=_DO)
        _refuse_paths(location, name, where)
        data = _read(folder / location, entries, name, where)
        total += len(data)
        if total > MAX_FILE_BYTES:
            raise ModelError("its weights are larger than 2 GB", where=where, allowed="at most 2 GB")
        if location not in names:
            names[location] = digest_beside(folder, location) or ""
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = data
    return names


def _refuse_paths(location: str, name: str, where: str) -> None:
    if not location or location in (".", "..") or any(c in location for c in "/\\:\0"):
        what = f"the tensor '{name}' points to the file '{location}' outside the model's own folder"
        raise ModelError(what, where=where, allowed="a plain file name in the model's own folder", do=_DO)


def _read(path: Path, entries: dict[str, str], name: str, where: str) -> bytes:
    try:
        offset = int(entries.get("offset") or 0)
        with os.fdopen(open_plain(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int(entries["length"]) if entries.get("length") else size - offset
            if offset < 0 or length < 0 or offset + length > size:
                raise OSError(f"it has {size} bytes, and bytes {offset} to {offset + length} are asked for")
            file.seek(offset)
            return file.read(length)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        what = f"the tensor '{name}' is kept in the file '{path.name}', which cannot be used ({reason})"
        raise ModelError(what, where=where, allowed="a regular file beside the model", do=_DO) from None
