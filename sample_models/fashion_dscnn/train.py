"""Trains fashion_dscnn: depthwise-separable convolutions on Fashion-MNIST, pictures of clothes.

``python sample_models/fashion_dscnn/train.py [FOLDER]`` writes model.onnx, data.npz and manifest.json beside this file.
FOLDER holds the four IDX files as Zalando Research gives them; Debian's package ``dataset-fashion-mnist`` puts them in
``/usr/share/datasets/fashion-mnist``. Only a part of the pictures is kept here: those to calibrate and those to judge.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that the script runs from anywhere

import numpy as np
import torch
from numpy.typing import NDArray

from qexplorer.load.datasets.preprocess import Layout, Preprocessing
from qexplorer.load.readers.idx import read_idx
from qexplorer.load.samples.manifest import DataFacts
from sample_models.fashion_dscnn.network import FashionDscnn
from sample_models.shared.export import export
from sample_models.shared.fold import fold_batch_norms
from sample_models.shared.learn import accuracy, fit, fixed_seed
from sample_models.shared.oracle import measure_int8
from sample_models.shared.record import Training, count_correct, stratified, write_data, write_manifest

SEED, EPOCHS, CALIBRATION_SAMPLES, EVALUATION_SAMPLES = 11, 10, 512, 2000
FOLDER = Path(__file__).resolve().parent
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
PREPROCESSING = Preprocessing(layout=Layout.ADD_CHANNEL, scale=1 / 255, mean=(0.286,), std=(0.353,))
CLASSES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def pictures(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures (n, 28, 28) and class numbers (n,) of ``train`` or ``t10k``."""
    split = read_idx(folder / f"{part}-images-idx3-ubyte.gz").evaluation
    assert split.labels is not None
    return np.asarray(split.inputs[""], np.uint8), np.asarray(split.labels, np.int64)


def jitter(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirrors half of the pictures, and shifts all of them by up to two pixels."""
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    images = torch.where(mirrored, images.flip(3), images)
    down, right = (int(v) for v in torch.randint(-2, 3, (2,), generator=generator))
    return images.roll((down, right), (2, 3))


def main() -> None:
    """Trains, exports, measures, writes."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEBIAN
    images, labels = pictures(folder, "train")
    others, truth = pictures(folder, "t10k")
    judged, _ = stratified(truth, EVALUATION_SAMPLES, SEED)
    observed, _ = stratified(labels, CALIBRATION_SAMPLES, SEED)
    ready, ready_judged = (np.asarray(PREPROCESSING.apply(a), np.float32) for a in (images, others[judged]))
    x, y = torch.from_numpy(ready), torch.from_numpy(labels)

    timer, generator = Training(FOLDER.name, SEED, EPOCHS), fixed_seed(SEED)
    net = FashionDscnn()
    fit(net, x, y, generator, epochs=EPOCHS, rate=0.2, batch=128, decay=5e-4, augment=jitter)
    facts = timer.facts()
    ready_others = np.asarray(PREPROCESSING.apply(others), np.float32)
    print("torch, all 10,000:", accuracy(net, torch.from_numpy(ready_others), torch.from_numpy(truth)), facts)

    export(fold_batch_norms(net), x[:4], FOLDER / "model.onnx", input_name="image", output_name="logits")
    data = {"x_calibration": images[observed], "y_calibration": labels[observed].astype(np.uint8)}
    write_data(FOLDER / "data.npz", x=others[judged], y=truth[judged].astype(np.uint8), **data)
    manifest = write_manifest(
        FOLDER,
        title="Clothes, depthwise-separable CNN",
        description="Real pictures that people know: ten kinds of clothes from Fashion-MNIST, by four depthwise and "
        "pointwise pairs of convolutions.",
        input_kind="image",
        data=DataFacts(
            name="fashion",
            title="Fashion-MNIST",
            source="Fashion-MNIST by Zalando Research, the IDX files of Debian's package dataset-fashion-mnist",
            licence="MIT",
            citation="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
            "Learning Algorithms, 2017, arXiv:1708.07747; copyright 2017 Zalando SE",
            split=f"60000 pictures to train, {CALIBRATION_SAMPLES} of them, stratified, calibrate; "
            f"{EVALUATION_SAMPLES} of the 10000 test pictures, stratified, held out to judge",
            classes=tuple(CLASSES),
            preprocessing=PREPROCESSING,
        ),
        measured=count_correct(FOLDER / "model.onnx", ready_judged, truth[judged]),
        training=facts,
        onnxruntime_int8=measure_int8(FOLDER / "model.onnx", ready[observed], ready_judged, truth[judged]),
    )
    print(manifest.float_accuracy, manifest.onnxruntime_int8)


if __name__ == "__main__":
    main()
