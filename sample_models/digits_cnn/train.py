"""Trains digits_cnn: a small residual network on scikit-learn's handwritten digits.

``python sample_models/digits_cnn/train.py`` writes model.onnx, data.npz and manifest.json beside this file.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that the script runs from anywhere

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from qexplorer.load.datasets.preprocess import Layout, Preprocessing
from qexplorer.load.samples.manifest import DataFacts
from sample_models.shared.export import export
from sample_models.shared.fold import fold_batch_norms
from sample_models.shared.learn import accuracy, fit, fixed_seed
from sample_models.shared.oracle import measure_int8
from sample_models.shared.record import Training, count_correct, stratified, write_data, write_manifest

SEED, EPOCHS, TRAINING_SAMPLES, CALIBRATION_SAMPLES = 7, 24, 1200, 512
FOLDER = Path(__file__).resolve().parent
PREPROCESSING = Preprocessing(layout=Layout.ADD_CHANNEL, scale=1 / 16, size=(32, 32))


class Block(nn.Module):
    """Two 3x3 convolutions with a way around them; the way is a 1x1 convolution where the shape changes."""

    def __init__(self, given: int, wanted: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(given, wanted, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(wanted)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(wanted, wanted, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(wanted)
        changes = stride != 1 or given != wanted
        self.shortcut = nn.Conv2d(given, wanted, 1, stride) if changes else nn.Identity()
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, given, h, w) to (n, wanted, h / stride, w / stride)."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        result: torch.Tensor = self.relu2(inner + self.shortcut(x))
        return result


class DigitsCnn(nn.Module):
    """(n, 1, 32, 32) to ten logits; four residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        stem = {"conv": nn.Conv2d(1, 16, 3, 1, 1, bias=False), "norm": nn.BatchNorm2d(16), "relu": nn.ReLU()}
        self.stem = nn.Sequential(OrderedDict(stem))
        self.block1, self.block2 = Block(16, 16, 1), Block(16, 32, 2)
        self.block3, self.block4 = Block(32, 64, 2), Block(64, 64, 1)
        self.pool, self.flatten, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        x = self.block4(self.block3(self.block2(self.block1(self.stem(x)))))
        result: torch.Tensor = self.classifier(self.flatten(self.pool(x)))
        return result


def jitter(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Small rotations (10 degrees), scalings (10 %) and shifts (2 pixels), and a little noise."""
    n = len(images)
    r = torch.rand(n, 4, generator=generator) * 2 - 1
    angle, scale = r[:, 0] * 0.17, 1 + r[:, 1] * 0.1
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([cos, -sin, r[:, 2] * 0.12, sin, cos, r[:, 3] * 0.12], 1).view(n, 2, 3)
    grid = functional.affine_grid(rows, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    return moved + 0.02 * torch.randn(moved.shape, generator=generator)


def main() -> None:
    """Trains, exports, measures, writes."""
    digits = load_digits()
    given, labels = digits.images.astype(np.uint8), digits.target.astype(np.int64)
    training, evaluation = stratified(labels, TRAINING_SAMPLES, SEED)
    ready = np.asarray(PREPROCESSING.apply(given), np.float32)
    x, y = torch.from_numpy(ready), torch.from_numpy(labels)

    timer, generator = Training(FOLDER.name, SEED, EPOCHS), fixed_seed(SEED)
    net = fit(DigitsCnn(), x[training], y[training], generator, epochs=EPOCHS, rate=0.1, decay=5e-4, augment=jitter)
    facts = timer.facts()
    print("torch, held out:", accuracy(net, x[evaluation], y[evaluation]), facts)

    export(fold_batch_norms(net), x[:4], FOLDER / "model.onnx", input_name="image", output_name="logits")
    observed = training[:CALIBRATION_SAMPLES]
    write_data(
        FOLDER / "data.npz",
        x=given[evaluation],
        y=labels[evaluation].astype(np.uint8),
        x_calibration=given[observed],
        y_calibration=labels[observed].astype(np.uint8),
    )
    judged = ready[evaluation], labels[evaluation]
    manifest = write_manifest(
        FOLDER,
        title="Handwritten digits, residual CNN",
        description="Four residual blocks on 32 x 32 pixel images of handwritten digits.",
        input_kind="image",
        data=DataFacts(
            name="digits",
            title="Handwritten digits",
            source="scikit-learn's load_digits: the test part of 'Optical Recognition of Handwritten Digits', "
            "UCI Machine Learning Repository",
            licence="CC-BY-4.0",
            citation="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
            "Repository, 1998, doi:10.24432/C50P49",
            split=f"1797 images of 8 x 8 pixels, stratified: {TRAINING_SAMPLES} to train (the first "
            f"{CALIBRATION_SAMPLES} of them calibrate), {len(evaluation)} held out to judge",
            classes=tuple(str(i) for i in range(10)),
            preprocessing=PREPROCESSING,
        ),
        measured=count_correct(FOLDER / "model.onnx", *judged),
        training=facts,
        onnxruntime_int8=measure_int8(FOLDER / "model.onnx", ready[observed], *judged),
    )
    print(manifest.float_accuracy, manifest.onnxruntime_int8)


if __name__ == "__main__":
    main()
