"""Loaded models in the workspace: the normalized file, and beside it what was found out, by digest of the source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from qexplorer.core.disk.contents import used
from qexplorer.core.disk.limit import make_room
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.disk.room import told_of_disk
from qexplorer.core.files import is_whole, move_whole, read_sealed, write_sealed
from qexplorer.core.model import Model
from qexplorer.core.workspace import workspace
from qexplorer.load.safety.weight_files import digest_beside

__all__ = ["SCHEMA", "find", "keep", "keep_classes", "kept_model_path", "private_folder"]

SCHEMA = 7  # raise it whenever loading would come to something else for the same file


@contextmanager
def private_folder() -> Iterator[Path]:
    """An empty folder that only the user can read; gone afterwards, whatever happens.

    Raises:
        InputError: what the disk refused inside.
    """
    with told_of_disk(workspace("incoming")), passing_folder("opening", "incoming") as folder:
        yield Path(folder)


def kept_model_path(sha256: str) -> Path:
    """Where the normalized file with this digest is kept, or would be."""
    return workspace("models") / f"{sha256}.onnx"


def _record(sha256: str) -> Path:
    return workspace("models") / f"{sha256}.v{SCHEMA}.json"


def find(sha256: str, folder: Path | None) -> Model | None:
    """The model that was loaded from a file with this digest, if it is still whole and its external weights are as
    they were.

    Args:
        sha256: digest of the file as given, or of a normalized file.
        folder: the file's folder, where external weights lie.
    """
    try:
        value: dict[str, Any] = json.loads(read_sealed(_record(sha256)) or b"")
        model = Model.from_json(value["model"] | {"path": str(workspace("models") / value["file"])})
        external: dict[str, str] = value["external"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not is_whole(model.path, model.sha256):
        return None
    used(model.path)
    if sha256 == model.sha256:
        return model
    same = all(folder is not None and digest_beside(folder, name) == digest for name, digest in external.items())
    if not same:
        return None
    if read_sealed(_record(model.sha256)) is None:  # jobs ask by this digest
        _write_record(model.sha256, model, external)
    return model


def keep(written: Path, model: Model, external: dict[str, str]) -> Model:
    """Moves the normalized file to its place and records what was found out; returns the model at its new path."""
    final = kept_model_path(model.sha256)
    make_room(0)
    move_whole(written, final)
    model = replace(model, path=final)
    for digest in {model.sha256, model.source_sha256}:
        _write_record(digest, model, external)
    return model


def _write_record(digest: str, model: Model, external: dict[str, str]) -> None:
    value = {"file": model.path.name, "model": model.to_json(), "external": external}
    write_sealed(_record(digest), json.dumps(value).encode())


def keep_classes(model: Model) -> Model:
    """Records what ``model`` says of its classes with what is kept of it already, for whoever asks for its digest."""
    path, told = _record(model.sha256), model.to_json()
    try:
        value: dict[str, Any] = json.loads(read_sealed(path) or b"")
    except ValueError:
        return model
    if list(value["model"].get("classes", ())) != list(model.classes):
        value["model"] |= {name: told[name] for name in ("classes", "outputs")}
        write_sealed(path, json.dumps(value).encode())
    return model
