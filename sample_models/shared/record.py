"""Writes a sample's data.npz and manifest.json, and measures what the manifest claims on the files as they are."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from qexplorer.core.workspace import sha256_file
from qexplorer.load.samples.manifest import DataFacts, Manifest, Measured, MeasuredMetric, TrainingFacts

__all__ = ["Training", "count_correct", "parameters_of", "stratified", "write_data", "write_manifest"]


class Training:
    """Times a training run in processor seconds, which other work on the machine does not change."""

    def __init__(self, name: str, seed: int, epochs: int) -> None:
        self.name, self.seed, self.epochs, self.start = name, seed, epochs, time.process_time()

    def facts(self) -> TrainingFacts:
        """What the manifest says about the training that began when this object was made."""
        command = f"python sample_models/{self.name}/train.py"
        seconds = round(time.process_time() - self.start, 1)
        version = str(torch.__version__)
        return TrainingFacts(command=command, seed=self.seed, epochs=self.epochs, seconds=seconds, torch=version)


def stratified(labels: NDArray[np.integer], first: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two shuffled, disjoint lists of positions; the first has ``first`` entries and every class in proportion."""
    from sklearn.model_selection import train_test_split

    order = np.arange(len(labels))
    one, two = train_test_split(order, train_size=first, random_state=seed, stratify=labels)
    return np.asarray(one), np.asarray(two)


def write_data(path: Path, **arrays: NDArray[np.generic]) -> None:
    """Writes a compressed .npz: x, y to judge with, x_calibration, y_calibration to observe."""
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def count_correct(path: Path, x: NDArray[np.float32], y: NDArray[np.integer]) -> Measured:
    """Runs the file at ``path`` with ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    answers = [session.run(None, {name: x[i : i + 100]})[0].argmax(1) for i in range(0, len(x), 100)]
    return Measured(correct=int((np.concatenate(answers) == y).sum()), n=len(y))


def parameters_of(path: Path) -> int:
    """Number of values in the weights and biases of a model."""
    names = {i.name: i for i in onnx.load(path).graph.initializer}
    return sum(int(np.prod(i.dims)) for i in names.values() if i.data_type == onnx.TensorProto.FLOAT)


def write_manifest(
    folder: Path,
    *,
    title: str,
    description: str,
    input_kind: str,
    data: DataFacts,
    measured: Measured | MeasuredMetric,
    training: TrainingFacts,
    task: str = "classification",
    onnxruntime_int8: dict[str, Measured] | None = None,
    vocabulary: tuple[str, ...] = (),
) -> Manifest:
    """Writes manifest.json beside the model in ``folder``; ``measured`` is of that very file, on held-out samples."""
    manifest = Manifest(
        name=folder.name,
        title=title,
        description=description,
        task=task,
        input_kind=input_kind,
        parameters=parameters_of(folder / "model.onnx"),
        float_accuracy=measured if isinstance(measured, Measured) else None,
        float_metric=measured if isinstance(measured, MeasuredMetric) else None,
        onnxruntime_int8=onnxruntime_int8 or {},
        sha256={name: sha256_file(folder / name) for name in ("model.onnx", "data.npz")},
        data=data,
        training=training,
        vocabulary=vocabulary,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest
