"""Loaded models in the workspace: the normalized file, and beside it what was found out, by digest of the source."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from qexplorer.core.disk.contents import used
from qexplorer.core.disk.limit import make_room
from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.files import write_atomically
from qexplorer.core.model import Model
from qexplorer.core.workspace import workspace
from qexplorer.load.safety.weight_files import digest_beside

__all__ = ["SCHEMA", "find", "keep", "keep_classes", "kept_model_path", "private_folder"]

SCHEMA = 3  # raise it whenever loading would come to something else for the same file


@contextmanager
def private_folder() -> Iterator[Path]:
    """An empty folder that only the user can read; gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=own_prefix("opening"), dir=workspace("incoming")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
        value: dict[str, Any] = json.loads(_record(sha256).read_text(encoding="utf-8"))
        model = Model.from_json(value["model"] | {"path": str(workspace("models") / value["file"])})
        external: dict[str, str] = value["external"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not model.path.is_file() or model.path.stat().st_size != model.file_bytes:
        return None
    used(model.path)
    if sha256 == model.sha256:
        return model
    same = all(folder is not None and digest_beside(folder, name) == digest for name, digest in external.items())
    return model if same else None


def keep(written: Path, model: Model, external: dict[str, str]) -> Model:
    """Moves the normalized file to its place and records what was found out; returns the model at its new path."""
    final = kept_model_path(model.sha256)
    make_room(0)
    written.replace(final)
    model = replace(model, path=final)
    record = json.dumps({"file": final.name, "model": model.to_json(), "external": external})
    for digest in {model.sha256, model.source_sha256}:
        write_atomically(_record(digest), record.encode())
    return model


def keep_classes(model: Model) -> Model:
    """Records what ``model`` says of its classes with what is kept of it already, for whoever asks for its digest."""
    path, told = _record(model.sha256), model.to_json()
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return model
    if list(value["model"].get("classes", ())) != list(model.classes):
        value["model"] |= {name: told[name] for name in ("classes", "outputs")}
        write_atomically(path, json.dumps(value).encode())
    return model
