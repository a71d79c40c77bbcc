"""Trains tumour_mlp: a small fully connected network on scikit-learn's breast-cancer data.

``python sample_models/tumour_mlp/train.py`` writes model.onnx, data.npz and manifest.json beside this file.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that the script runs from anywhere

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.load.samples.manifest import DataFacts
from sample_models.shared.export import export
from sample_models.shared.learn import accuracy, fit, fixed_seed
from sample_models.shared.oracle import measure_int8
from sample_models.shared.record import Training, count_correct, stratified, write_data, write_manifest

SEED, EPOCHS, TRAINING_SAMPLES = 5, 60, 369
FOLDER = Path(__file__).resolve().parent


def tumour_mlp() -> nn.Module:
    """(n, 30) standardized measurements to two logits; two hidden layers."""
    layers: dict[str, nn.Module] = {"hidden1": nn.Linear(30, 64), "relu1": nn.ReLU()}
    layers |= {"hidden2": nn.Linear(64, 32), "relu2": nn.ReLU(), "classifier": nn.Linear(32, 2)}
    return nn.Sequential(OrderedDict(layers))


def blur(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A little noise on every measurement, a tenth of its spread."""
    return rows + 0.1 * torch.randn(rows.shape, generator=generator)


def main() -> None:
    """Trains, exports, measures, writes."""
    table = load_breast_cancer()
    given, labels = table.data.astype(np.float32), table.target.astype(np.int64)
    training, evaluation = stratified(labels, TRAINING_SAMPLES, SEED)
    mean, std = given[training].mean(axis=0), given[training].std(axis=0)
    preprocessing = Preprocessing(mean=tuple(map(float, mean)), std=tuple(map(float, std)))
    ready = np.asarray(preprocessing.apply(given), np.float32)
    x, y = torch.from_numpy(ready), torch.from_numpy(labels)

    timer, generator = Training(FOLDER.name, SEED, EPOCHS), fixed_seed(SEED)
    net = fit(
        tumour_mlp(), x[training], y[training], generator, epochs=EPOCHS, rate=0.05, batch=32, decay=1e-3, augment=blur
    )
    facts = timer.facts()
    print("torch, held out:", accuracy(net, x[evaluation], y[evaluation]), facts)

    export(net, x[:4], FOLDER / "model.onnx", input_name="measurements", output_name="logits")
    write_data(
        FOLDER / "data.npz",
        x=given[evaluation],
        y=labels[evaluation].astype(np.uint8),
        x_calibration=given[training],
        y_calibration=labels[training].astype(np.uint8),
    )
    judged = ready[evaluation], labels[evaluation]
    manifest = write_manifest(
        FOLDER,
        title="Breast tumours, MLP",
        description="Two hidden layers on 30 measurements of cell nuclei: malignant or benign. Not for medical use.",
        input_kind="table",
        data=DataFacts(
            name="tumour",
            title="Breast tumours",
            source="scikit-learn's load_breast_cancer: 'Breast Cancer Wisconsin (Diagnostic)', UCI Machine Learning "
            "Repository",
            licence="CC-BY-4.0",
            citation="W. Wolberg, O. Mangasarian, N. Street and W. Street, Breast Cancer Wisconsin (Diagnostic), UCI "
            "Machine Learning Repository, 1993, doi:10.24432/C5DW2B",
            split=f"569 samples, stratified: {TRAINING_SAMPLES} to train and calibrate, {len(evaluation)} held out to "
            "judge; the file holds measurements as they were taken, preprocessing standardizes them with mean and "
            "spread of the training part",
            classes=tuple(str(name) for name in table.target_names),
            features=tuple(str(name) for name in table.feature_names),
            preprocessing=preprocessing,
        ),
        measured=count_correct(FOLDER / "model.onnx", *judged),
        training=facts,
        onnxruntime_int8=measure_int8(FOLDER / "model.onnx", ready[training], *judged),
    )
    print(manifest.float_accuracy, manifest.onnxruntime_int8)


if __name__ == "__main__":
    main()
