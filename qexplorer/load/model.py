"""Loading a model: a sample's name, a file, an upload, or a torch module -> a checked, normalized Model.

Whatever comes from outside is copied to a fresh file in a private folder first, and opened in a child process with
limits on memory, time and file size. What was found out is kept by digest, so that the second time is instant.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.errors import ChildError, ChildMemory, ChildTimeout, InputError, ModelError, QExplorerError
from qexplorer.core.files import given_path
from qexplorer.core.model import Model
from qexplorer.load.safety.limits import MAX_FILE_BYTES, loading_limits
from qexplorer.load.store import find, keep, private_folder
from qexplorer.process.parent import OnEvent, run_in_child
from qexplorer.process.places.taking import opening

if TYPE_CHECKING:
    import torch

    from qexplorer.load.samples.shelf import Sample

__all__ = ["as_model_error", "copy_private", "load_exported", "load_model", "load_upload", "refuse_missing"]

Cancelled = Callable[[], bool]


def load_model(
    source: str | Path | torch.nn.Module,
    *,
    example_inputs: Any = None,
    name: str | None = None,
    on_event: OnEvent | None = None,
    cancelled: Cancelled | None = None,
) -> Model:
    """Loads a model.

    Args:
        source: a sample's name, the path of an ``.onnx`` file, or a torch module.
        example_inputs: a tensor or tuple of tensors that the torch module takes, first axis the batch.
        name: what to call it; a sample's name or the file's stem by default.
        on_event: called with each progress event of the child.
        cancelled: asked now and then; True ends the child.

    Raises:
        ModelError: what is wrong with the model, where, and what to do.
        UnknownName: neither a file nor a sample.
        Cancelled: ``cancelled`` became true.
    """
    if not isinstance(source, str | Path):
        return _load_module(source, example_inputs, name)
    path = given_path(source)
    if path.is_file():
        return _load_path(path, name or path.stem, str(source), path.absolute().parent, on_event, cancelled)
    if _looks_like_path(str(source)):
        refuse_missing(path)
    from qexplorer.load.samples.shelf import get_sample

    return _load_sample(get_sample(str(source)), name)


def load_upload(name: str, path: Path, *, on_event: OnEvent | None = None, cancelled: Cancelled | None = None) -> Model:
    """Loads an upload; nothing beside its file is read.

    Args:
        name: what the file was called; it is only shown, never opened.
        path: where its bytes are.
        on_event: called with each progress event of the child.
        cancelled: asked now and then; True ends the child.

    Raises:
        ModelError: what is wrong with the model, where, and what to do.
    """
    shown = "".join(c for c in name if c.isprintable())[-80:] or "upload"
    stem = Path(shown.replace("\\", "/")).stem or "upload"
    with private_folder() as folder:
        copy = folder / "model.onnx"
        known = find(copy_private(path, copy, shown), None)
        return _load_copy(copy, stem, shown, None, on_event, cancelled) if known is None else replace(known, name=stem)


def load_exported(
    path: Path, name: str, where: str, on_event: OnEvent | None = None, cancelled: Cancelled | None = None
) -> Model:
    """Loads an ONNX file that was written here a moment ago; raises as :func:`load_model`."""
    return _load_path(path, name, where, path.parent, on_event, cancelled)


def _looks_like_path(text: str) -> bool:
    return Path(text).suffix != "" or any(separator in text for separator in ("/", os.sep)) or Path(text).exists()


def refuse_missing(path: Path) -> None:
    """Raises ModelError for a path at which there is no regular file."""
    if path.is_dir():
        raise ModelError("this is a folder", where=str(path), allowed="a .onnx file", do="give the file inside it")
    what = "this is not a regular file" if path.exists() else "there is no such file"
    raise ModelError(what, where=str(path), allowed="a .onnx file, or the name of a sample", do="check the path")


def _load_path(
    path: Path,
    name: str,
    where: str,
    beside: Path,
    on_event: OnEvent | None = None,
    cancelled: Cancelled | None = None,
) -> Model:
    """Copies the file and loads the copy, unless it is known already."""
    with private_folder() as folder:
        copy = folder / "model.onnx"
        sha256 = copy_private(path, copy, where)
        known = find(sha256, beside)
        if known is not None:
            found = known if name == sha256 else replace(known, name=name)
        else:
            found = _load_copy(copy, name, where, beside, on_event, cancelled)
    return _with_names_beside(found, path)


def _with_names_beside(model: Model, path: Path) -> Model:
    """``model`` with the names of its classes from a list beside its file, unless the file has them itself."""
    from qexplorer.load.class_names import names_beside
    from qexplorer.load.outputs import with_class_names
    from qexplorer.load.store import keep_classes

    names = () if model.classes or path.parent == model.path.parent else names_beside(path)
    return keep_classes(with_class_names(model, names)) if names else model


def copy_private(path: Path, copy: Path, where: str) -> str:
    """Copies the bytes of a regular file to a fresh file and returns their SHA-256; raises ModelError."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, copy.open("xb") as target:
            status = os.fstat(source.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError("this is not a regular file", where=where, allowed="a .onnx file")
            if status.st_size > MAX_FILE_BYTES:
                raise ModelError("the file is larger than 2 GB", where=where, allowed="at most 2 GB")
            while piece := source.read(2**22):
                digest.update(piece)
                target.write(piece)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # of the copy's disk, which is named further out
            raise
        reason = error.strerror or str(error)
        raise ModelError(f"the file cannot be read ({reason})", where=where, do="check its permissions") from None
    return digest.hexdigest()


def _load_copy(
    copy: Path,
    name: str,
    where: str,
    beside: Path | None,
    on_event: OnEvent | None,
    cancelled: Cancelled | None,
) -> Model:
    """Loads a private copy in a child; its folder is the caller's to remove."""
    arguments = _arguments(copy, name, where, beside)
    limits = loading_limits(copy.stat().st_size)
    try:
        with opening():
            found = run_in_child(
                "qexplorer.load.child:load_file", arguments, limits=limits, on_event=on_event, cancelled=cancelled
            )
    except InputError:
        raise
    except QExplorerError as error:
        if isinstance(error, ChildError) or type(error) is QExplorerError:
            raise as_model_error(error, where) from None
        raise
    return keep(Path(arguments["out"]), Model.from_json(found["model"]), found["external"])


def _arguments(copy: Path, name: str, where: str, beside: Path | None) -> dict[str, Any]:
    out = str(copy.with_name("normalized.onnx"))
    return {"path": str(copy), "out": out, "name": name, "where": where, "folder": str(beside) if beside else None}


def as_model_error(error: QExplorerError, where: str) -> ModelError:
    """What ended the child that opened a file, as one sentence about the file."""
    if isinstance(error, ChildTimeout):
        what = "loading it takes longer than is allowed and was ended"
    elif isinstance(error, ChildMemory):
        what = "loading it needs more memory than is allowed and was ended"
    else:
        what = f"loading it failed: {error.what}"
    return ModelError(what, where=where, do="check the file, or give a smaller model")


def _load_sample(sample: Sample, name: str | None) -> Model:
    """Loads one of our own models here, without a child: its file is ours."""
    from qexplorer.load.child import load_file

    label = name or sample.name
    with private_folder() as folder:
        copy = folder / "model.onnx"
        known = find(copy_private(sample.model_path, copy, sample.name), None)
        if known is None:
            arguments = _arguments(copy, label, sample.name, None)
            found = load_file(arguments, lambda _: None)
            known = keep(Path(arguments["out"]), Model.from_json(found["model"]), found["external"])
    known = replace(known, classes=sample.classes)
    if sample.task == "classification":  # what its outputs are is known, though the graph may end in logits
        known = replace(known, outputs=tuple(replace(output, classes=True) for output in known.outputs))
    return replace(known, name=label, untrained=not sample.trained)


def _load_module(module: torch.nn.Module, example_inputs: Any, name: str | None) -> Model:
    """Exports a torch module and loads what came out."""
    from qexplorer.load.torch_export import export, refuse_other_objects

    refuse_other_objects(module)
    label = name or type(module).__name__
    if example_inputs is None:
        what = "a torch module needs example inputs"
        raise ModelError(what, where=label, allowed="a tensor or a tuple of tensors, first axis the batch")
    with private_folder() as folder:
        exported = export(module, example_inputs, folder / "exported.onnx")
        return load_exported(exported, label, label)
