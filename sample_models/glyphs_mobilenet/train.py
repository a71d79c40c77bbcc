"""Trains glyphs_mobilenet: depthwise-separable convolutions on letters rendered from matplotlib's fonts.

``python sample_models/glyphs_mobilenet/train.py`` writes model.onnx, data.npz and manifest.json beside this file.

Weight decay leaves the depthwise layers alone, as is usual for MobileNets (Howard et al. 2017, section 4), while it
lets the layers before them switch channels off. A depthwise channel that is fed a constant has almost no variance, so
folding its BatchNorm divides by almost nothing: such channels end up with weights many times larger than the others.
That is how networks of this kind come to lose accuracy under one scale per tensor; nothing is rescaled afterwards.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that the script runs from anywhere

import numpy as np
import torch

from qexplorer.load.datasets.preprocess import Layout, Preprocessing
from qexplorer.load.samples.manifest import DataFacts
from sample_models.glyphs_mobilenet.glyphs import HELD_OUT_FONTS, LETTERS, TRAINING_FONTS, render
from sample_models.glyphs_mobilenet.network import GlyphsMobilenet
from sample_models.shared.export import export
from sample_models.shared.fold import fold_batch_norms
from sample_models.shared.learn import accuracy, fit, fixed_seed
from sample_models.shared.oracle import measure_int8
from sample_models.shared.record import Training, count_correct, write_data, write_manifest

SEED, EPOCHS, TRAINING_SAMPLES, CALIBRATION_SAMPLES, EVALUATION_SAMPLES = 3, 14, 20_000, 512, 2000
FOLDER = Path(__file__).resolve().parent
PREPROCESSING = Preprocessing(layout=Layout.ADD_CHANNEL, scale=1 / 255, mean=(0.5,), std=(0.25,))


def main() -> None:
    """Renders, trains, exports, measures, writes."""
    images, labels = render(TRAINING_FONTS, TRAINING_SAMPLES, SEED)
    judged, truth = render(HELD_OUT_FONTS, EVALUATION_SAMPLES, SEED + 1)
    ready, ready_judged = (np.asarray(PREPROCESSING.apply(a), np.float32) for a in (images, judged))
    x, y = torch.from_numpy(ready), torch.from_numpy(labels.astype(np.int64))

    timer, generator = Training(FOLDER.name, SEED, EPOCHS), fixed_seed(SEED)
    net = GlyphsMobilenet(len(LETTERS))
    decayed = [p for name, p in net.named_parameters() if ".depthwise." not in name]
    fit(net, x, y, generator, epochs=EPOCHS, rate=0.2, decayed=decayed, decay=2e-3)
    facts = timer.facts()
    judged_tensor = torch.from_numpy(ready_judged), torch.from_numpy(truth.astype(np.int64))
    print("torch, held out:", accuracy(net, *judged_tensor), facts)

    export(fold_batch_norms(net), x[:4], FOLDER / "model.onnx", input_name="image", output_name="logits")
    observed = slice(0, CALIBRATION_SAMPLES)
    write_data(FOLDER / "data.npz", x=judged, y=truth, x_calibration=images[observed], y_calibration=labels[observed])
    manifest = write_manifest(
        FOLDER,
        title="Letters, MobileNet",
        description="Inverted residuals with depthwise convolutions on noisy 32 x 32 pixel letters: one scale per "
        "tensor hurts it, one per channel does not.",
        input_kind="image",
        data=DataFacts(
            name="glyphs",
            title="Rendered letters",
            source="rendered by sample_models/glyphs_mobilenet/glyphs.py from the DejaVu, STIX and Computer Modern "
            "fonts that matplotlib ships, with shifts, rotations, scaling, shading, contrast and noise",
            licence="Apache-2.0",
            citation="Fonts: DejaVu (Bitstream Vera and DejaVu licence), STIX (STIX Font License), Computer Modern as "
            "TrueType by BaKoMa (BaKoMa Fonts Licence); images are renderings and contain no font program",
            split=f"{TRAINING_SAMPLES} images from {len(TRAINING_FONTS)} fonts to train (the first "
            f"{CALIBRATION_SAMPLES} calibrate); {EVALUATION_SAMPLES} from {len(HELD_OUT_FONTS)} fonts that training "
            f"never saw, held out to judge: {', '.join(HELD_OUT_FONTS)}",
            classes=tuple(LETTERS),
            preprocessing=PREPROCESSING,
        ),
        measured=count_correct(FOLDER / "model.onnx", ready_judged, truth),
        training=facts,
        onnxruntime_int8=measure_int8(FOLDER / "model.onnx", ready[observed], ready_judged, truth),
    )
    print(manifest.float_accuracy, manifest.onnxruntime_int8)


if __name__ == "__main__":
    main()
