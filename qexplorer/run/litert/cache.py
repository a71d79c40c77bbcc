"""Converted files, kept in the workspace under everything that they were made from."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qexplorer.core.disk.contents import used
from qexplorer.core.errors import BackendError, ChildError, QExplorerError
from qexplorer.core.files import is_whole, one_at_a_time, read_sealed
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.graph.allowance import allowance_at
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.run.litert.conversion import FACTS, MODEL, convert
from qexplorer.run.packages import versions_of
from qexplorer.run.preparing import prepares_here, preparing

__all__ = ["Converted", "converted"]

_FORMAT = 10
_LOCK = "converting.lock"
_PACKAGES = ("qexplorer", "torch", "litert-torch", "litert-converter", "ai-edge-litert")
_LIMITS = replace(BASE, cpu_s=1200, quiet_s=600.0)


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted file.

    Attributes:
        path: of the .tflite file.
        inputs: names of the graph's inputs, in the file's order.
        batch_free: whether it serves any batch, its inputs resized.
        codes_out: outputs that are to be codes: position -> scale, zero_point, dtype.
        differences: what LiteRT does otherwise than the graph says.
    """

    path: Path
    inputs: tuple[str, ...]
    batch_free: bool
    codes_out: Mapping[int, Mapping[str, Any]]
    differences: tuple[str, ...]


def converted(path: Path, digest: str, shapes: Mapping[str, tuple[int, ...]], *, free: bool) -> Converted:
    """The file for inputs of ``shapes``, converted in a child process if it is not kept yet.

    Where this process has the converter loaded anyway, or is there to convert, it converts here: a child would load it
    once more.

    Args:
        path: the ONNX file.
        digest: its :func:`~qexplorer.graph.file_digest.file_digest`.
        shapes: of the inputs, by name.
        free: whether the first axis of every input is a batch that may change, given as 1.

    Raises:
        BackendError: it cannot be converted; the sentence says why.
    """
    made_by = {"format": str(_FORMAT)} | versions_of(_PACKAGES)
    key = digest_json([digest, {name: list(shape) for name, shape in shapes.items()}, free, made_by])
    folder = workspace("litert", key)
    facts = _kept(folder)
    if facts is None:
        with preparing(path, shapes.values()), one_at_a_time(folder / _LOCK):
            facts = _kept(folder)  # by now, perhaps, by who converted it meanwhile
            if facts is None:
                _convert(path, {"path": str(path), "shapes": shapes, "folder": str(folder), "free": free})
                facts = _kept(folder)
    if facts is None:
        raise BackendError("what was converted for LiteRT cannot be read", where=path.name, do="run it again")
    used(folder)
    return Converted(
        path=folder / MODEL,
        inputs=tuple(facts["inputs"]),
        batch_free=facts["batch_free"],
        codes_out={int(position): grid for position, grid in facts["codes_out"].items()},
        differences=tuple(facts["differences"]),
    )


def _convert(path: Path, arguments: dict[str, Any]) -> None:
    """Has it converted. Raises BackendError."""
    try:
        if prepares_here() or "litert_torch" in sys.modules:
            convert(arguments)
        else:
            run_in_child("qexplorer.run.litert.conversion:convert", arguments, limits=allowance_at(path, _LIMITS))
    except ChildError as error:
        raise BackendError(f"converting it for LiteRT failed ({error.what})", where=path.name) from None
    except BackendError:
        raise
    except QExplorerError as error:
        raise BackendError(error.what, where=path.name) from None


def _kept(folder: Path) -> dict[str, Any] | None:
    """What is known of the converted file in ``folder``; None if it is not there, or not as it was written."""
    written = read_sealed(folder / FACTS)
    facts: dict[str, Any] | None = None if written is None else json.loads(written)
    return facts if facts is not None and is_whole(folder / MODEL, facts["sha256"]) else None
