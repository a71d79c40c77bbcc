"""Trains digits_vit: a small vision transformer on scikit-learn's handwritten digits, whose activations have outliers.

``python sample_models/digits_vit/train.py`` writes model.onnx, data.npz and manifest.json beside this file.

In large transformers a few channels are many times larger than all others (Dettmers et al. 2022, LLM.int8()). A network
as small as this one does not grow them, so they are made after training, by an exact rescaling: in front of attention
and of the layers behind it, two channels of the normalization are multiplied by ``FACTOR`` and the weights that read
them divided by it, which leaves what the network computes as it was. (Training alone did not do it: biases that a
reward in the loss drew up to 240 left 588 of 597 right with one scale for each tensor, against 587 in float.)
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that the script runs from anywhere

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from qexplorer.load.samples.manifest import DataFacts
from sample_models.digits_cnn.train import CALIBRATION_SAMPLES, TRAINING_SAMPLES, jitter
from sample_models.digits_cnn.train import SEED as SPLIT_SEED
from sample_models.digits_vit.network import DigitsVit
from sample_models.shared.export import export
from sample_models.shared.learn import accuracy, fit_adam, fixed_seed
from sample_models.shared.oracle import measure_int8
from sample_models.shared.record import Training, count_correct, stratified, write_manifest
from sample_models.shared.transformer import Block

SEED, EPOCHS, BATCH, RATE, DECAY = 3, 60, 64, 2e-3, 0.05
CHANNELS, FACTOR = (3, 17), 100.0
FOLDER = Path(__file__).resolve().parent
CNN = FOLDER.parent / "digits_cnn"


@torch.no_grad()
def enlarge(net: DigitsVit) -> None:
    """Makes CHANNELS of what the blocks' layers read FACTOR times larger, and their weights as much smaller."""
    for block in net.block:
        assert isinstance(block, Block)
        attention = block.attention
        readers: dict[nn.LayerNorm, tuple[nn.Linear, ...]]
        readers = {block.norm1: (attention.query, attention.key, attention.value), block.norm2: (block.up,)}
        for norm, layers in readers.items():
            for channel in CHANNELS:
                norm.weight[channel] *= FACTOR
                norm.bias[channel] *= FACTOR
                for layer in layers:
                    layer.weight[:, channel] /= FACTOR


def main() -> None:
    """Trains, enlarges channels, exports, measures, writes."""
    facts = DataFacts.model_validate(json.loads((CNN / "manifest.json").read_text("utf-8"))["data"])
    digits = load_digits()
    labels = digits.target.astype(np.int64)
    training, evaluation = stratified(labels, TRAINING_SAMPLES, SPLIT_SEED)  # as of digits_cnn: the data are the same
    ready = np.asarray(facts.preprocessing.apply(digits.images.astype(np.uint8)), np.float32)
    x, y = torch.from_numpy(ready), torch.from_numpy(labels)
    seen, truth = x[training], y[training]

    def draw(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        index = torch.randint(0, len(seen), (BATCH,), generator=generator)
        return jitter(seen[index], generator), truth[index]

    timer, generator = Training(FOLDER.name, SEED, EPOCHS), fixed_seed(SEED)
    net = DigitsVit()
    fit_adam(net, draw, generator, steps=EPOCHS * len(seen) // BATCH, rate=RATE, decay=DECAY)
    training_facts = timer.facts()
    print("torch, held out, trained:", accuracy(net, x[evaluation], y[evaluation]), training_facts)
    enlarge(net)
    print("torch, held out, with outliers:", accuracy(net, x[evaluation], y[evaluation]))

    export(net, x[:4], FOLDER / "model.onnx", input_name="image", output_name="logits")
    shutil.copyfile(CNN / "data.npz", FOLDER / "data.npz")
    judged = ready[evaluation], labels[evaluation]
    observed = ready[training[:CALIBRATION_SAMPLES]]
    manifest = write_manifest(
        FOLDER,
        title="Handwritten digits, transformer",
        description="A small vision transformer with outliers: one scale for activations ruins it, SmoothQuant or a "
        "rotation repairs it. Channels 3 and 17 were made 100 times larger by an exact rescaling after training.",
        input_kind="image",
        data=facts,
        measured=count_correct(FOLDER / "model.onnx", *judged),
        training=training_facts,
        onnxruntime_int8=measure_int8(FOLDER / "model.onnx", observed, *judged),
    )
    print(manifest.float_accuracy, manifest.onnxruntime_int8)


if __name__ == "__main__":
    main()
