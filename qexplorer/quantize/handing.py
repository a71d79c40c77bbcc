"""A quantized file as inputs of a task, with what its plan is found again by: no algorithm works a second time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.files import move_whole
from qexplorer.core.workspace import workspace
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.scheduling.inputs import file_input
from qexplorer.scheduling.task import InputFile

__all__ = ["quantized_inputs", "take_quantized"]

_NAME = "quantized"


def quantized_inputs(made: QuantizedModel) -> dict[str, InputFile]:
    """The files of a task that quantizes the same again: what is kept of it."""
    beside = sorted(path for path in made.path.parent.glob(f"{made.digest}.*") if path != made.path)
    return {f"{_NAME}{path.name.removeprefix(made.digest)}": file_input(path) for path in (*beside, made.path)}


def take_quantized(inputs: Mapping[str, str], digest: str) -> None:
    """Puts what :func:`quantized_inputs` handed over where ``quantize_model`` looks for it; the file itself last."""
    given = {name.removeprefix(_NAME): Path(path) for name, path in inputs.items() if name.startswith(f"{_NAME}.")}
    for ending in sorted(given, key=lambda each: each == ".onnx"):
        target = workspace("quantized") / f"{digest}{ending}"
        if not target.exists():
            part = target.with_name(f"{own_prefix('part')}{target.name}")
            shutil.copyfile(given[ending], part)
            move_whole(part, target)
