"""A model and data as files of a task, and back: by digest, so that each goes to another machine once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.model import Model
from qexplorer.scheduling.inputs import array_input, bytes_input, file_input
from qexplorer.scheduling.task import InputFile

__all__ = ["data_in", "data_inputs", "model_in", "model_inputs"]

_ABOUT = ("name", "held_out", "digest", "task", "shared", "alphabetical")
_LABELS = ("labels", "groups", "read_labels")


def model_inputs(model: Model, name: str = "model") -> dict[str, InputFile]:
    """The files of a task that reads ``model``; other names tell several models apart."""
    about = json.dumps(model.to_json() | {"path": ""}).encode()
    return {name: file_input(model.path, model.sha256), f"{name}.json": bytes_input(about, ".json")}


def model_in(inputs: Mapping[str, str], name: str = "model") -> Model:
    """The model that :func:`model_inputs` handed over, from the paths of a task's inputs."""
    return Model.from_json(json.loads(Path(inputs[f"{name}.json"]).read_bytes()) | {"path": inputs[name]})


def data_inputs(data: DataSet, name: str = "data", *, evaluation: bool = True) -> dict[str, InputFile]:
    """The files of a task that reads ``data``: a file for each array.

    Args:
        data: what is handed over.
        name: tells several data sets apart.
        evaluation: whether the samples that judge go too.
    """
    about: dict[str, Any] = {each: getattr(data, each) for each in _ABOUT}
    about |= {"classes": list(data.classes), "notes": list(data.notes), "own_names": dict(data.own_names)}
    found: dict[str, InputFile] = {}
    parts = {"calibration": data.calibration} | ({"evaluation": data.evaluation} if evaluation else {})
    for part, split in parts.items():
        arrays = {f"x {key}": array for key, array in split.inputs.items()}
        arrays |= {each: array for each in _LABELS if (array := getattr(split, each)) is not None}
        about[part] = {key: f"{name}.{part}.{at}" for at, key in enumerate(arrays)}
        found |= {about[part][key]: array_input(array) for key, array in arrays.items()}
    return {f"{name}.json": bytes_input(json.dumps(about).encode(), ".json"), **found}


def data_in(inputs: Mapping[str, str], name: str = "data") -> DataSet:
    """The data that :func:`data_inputs` handed over, mapped from files; a part that did not go along has no samples."""
    about = json.loads(Path(inputs[f"{name}.json"]).read_bytes())
    return DataSet(
        calibration=_split(about["calibration"], inputs),
        evaluation=_split(about.get("evaluation", {}), inputs),
        classes=tuple(about["classes"]),
        notes=tuple(about["notes"]),
        own_names=about["own_names"],
        **{each: about[each] for each in _ABOUT},
    )


def _split(arrays: Mapping[str, str], inputs: Mapping[str, str]) -> Split:
    read: dict[str, Array] = {
        key: np.load(inputs[file], mmap_mode="r", allow_pickle=False) for key, file in arrays.items()
    }
    given = {key.removeprefix("x "): array for key, array in read.items() if key.startswith("x ")}
    return Split(given, *(read.get(each) for each in _LABELS))
