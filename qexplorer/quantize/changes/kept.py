"""What algorithms changed, on disk beside the quantized file, so that the plan of a file is known without the work."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.formats import Format, get_format
from qexplorer.core.formats.levels import LevelRows
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Grid
from qexplorer.quantize.changes.changes import Changes
from qexplorer.quantize.constants import INT32
from qexplorer.quantize.plan_types import ChangedConstant, TensorPlan, Worked

__all__ = ["load_changes", "save_changes"]

SCHEMA = 1
Arrays = dict[str, NDArray[Any]]


def save_changes(changes: Changes, path: Path) -> Path:
    """Writes ``changes`` as .npz without pickles, whole or not at all."""
    arrays: Arrays = {}
    head: dict[str, Any] = {"schema": SCHEMA, "constants": [], "tensors": []}
    for each in changes.constants:
        head["constants"].append([each.layer, each.position, each.name, _put(arrays, each.values)])
    for key, tensor in changes.tensors.items():
        head["tensors"].append([key, {f.name: _plain(arrays, getattr(tensor, f.name)) for f in fields(tensor)}])
    head["uses"] = [[layer, position, key] for (layer, position), key in changes.uses.items()]
    head["worked"] = [[w.algorithm, w.seconds, dict(w.layers), _listed(w.remarks)] for w in changes.worked]
    head["remarks"] = _listed(changes.remarks)
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return write_sealed(path, buffer.getvalue())


def load_changes(path: Path) -> Changes | None:
    """Reads what :func:`save_changes` wrote; None if there is no such file, or it is damaged or of another version."""
    try:
        with np.load(io.BytesIO(read_sealed(path) or b""), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(bytes(arrays["head"]))
        if head["schema"] != SCHEMA:
            return None
        constants = tuple(ChangedConstant(la, at, name, arrays[values]) for la, at, name, values in head["constants"])
        tensors = {key: TensorPlan(**{k: _back(arrays, v) for k, v in plain.items()}) for key, plain in head["tensors"]}
        uses = {(layer, position): key for layer, position, key in head["uses"]}
        told = head.get("worked", ())  # files of before do not tell
        worked = tuple(Worked(name, seconds, layers, _read(said)) for name, seconds, layers, said in told)
        return Changes(constants, tensors, uses, _read(head["remarks"]), worked)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _listed(remarks: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {layer: list(clauses) for layer, clauses in remarks.items()}


def _read(remarks: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {layer: tuple(clauses) for layer, clauses in remarks.items()}


def _put(arrays: Arrays, values: NDArray[Any]) -> str:
    name = str(len(arrays))
    arrays[name] = values
    return name


def _plain(arrays: Arrays, value: Any) -> Any:
    """A field of a tensor's plan or of its grid as JSON; arrays go aside."""
    if isinstance(value, Grid):
        plain = {f.name: _plain(arrays, getattr(value, f.name)) for f in fields(value) if f.name != "format"}
        own: dict[str, Any] = {**_levels(value.format)}
        if isinstance(value.format, UniformFormat) and value.format.either_sign:
            own = {"either_sign": True}
        return {"grid": {"format": {"format": value.format.name, **own}, **plain}}
    if isinstance(value, LevelRows):
        return {"rows": _put(arrays, value.levels)}
    return {"array": _put(arrays, value)} if isinstance(value, np.ndarray) else value


def _back(arrays: Arrays, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "grid" in value:
        return Grid(**{name: _back(arrays, part) for name, part in value["grid"].items()})
    if "rows" in value:
        return LevelRows.padded(arrays[value["rows"]])
    if "format" in value:
        found = INT32 if value["format"] == INT32.name else get_format(value["format"])
        if "levels" in value:
            return found.with_levels(np.asarray(value["levels"], np.float32))
        return found.of_either_sign() if isinstance(found, UniformFormat) and "either_sign" in value else found
    return arrays[value["array"]]


def _levels(format: Format) -> dict[str, list[float]]:
    """Levels that are those of a weight, so that the format's name alone does not say them."""
    return {"levels": [float(level) for level in format.table.levels]} if format.learns and format.table else {}
