"""Trains text_lm: a small GPT on the prose of Isaac Newton's Opticks.

``python sample_models/text_lm/train.py`` writes model.onnx, data.npz and manifest.json beside this file.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that the script runs from anywhere

import numpy as np
import torch
from numpy.typing import NDArray

from qexplorer.core.vocabulary import Vocabulary
from qexplorer.load.samples.manifest import DataFacts, MeasuredMetric
from sample_models.shared.export import export
from sample_models.shared.learn import fit_adam, fixed_seed
from sample_models.shared.record import Training, write_data, write_manifest
from sample_models.text_lm.network import TextLm
from sample_models.text_lm.opticks import read_text
from sample_models.text_lm.pieces import learn_pieces

SEED, STEPS, BATCH, RATE, DECAY = 5, 2500, 32, 2e-3, 0.1
TOKENS, VOCABULARY, CALIBRATION_SAMPLES, HELD_OUT = 64, 512, 256, 0.1
FOLDER = Path(__file__).resolve().parent


def split(text: str) -> tuple[str, str]:
    """Whole paragraphs to train on, and a tenth of them, drawn by the seed, that training never sees."""
    paragraphs = text.splitlines(keepends=True)
    held = set(np.random.default_rng(SEED).permutation(len(paragraphs))[: round(HELD_OUT * len(paragraphs))].tolist())
    parts = ["".join(p for i, p in enumerate(paragraphs) if (i in held) is out) for out in (False, True)]
    return parts[0], parts[1]


def rows(tokens: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``tokens`` cut into samples of TOKENS, and the token after each; what is left over is dropped."""
    n = (len(tokens) - 1) // TOKENS
    return tokens[: n * TOKENS].reshape(n, TOKENS), tokens[1 : n * TOKENS + 1].reshape(n, TOKENS)


def perplexity(path: Path, x: NDArray[np.int64], y: NDArray[np.int64]) -> MeasuredMetric:
    """Of the file at ``path``, run by ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    logits = np.concatenate([session.run(None, {"tokens": x[i : i + 32]})[0] for i in range(0, len(x), 32)])
    losses = -torch.log_softmax(torch.from_numpy(logits).double(), -1).numpy()
    mean = float(np.take_along_axis(losses, y[..., None], 2).mean())
    return MeasuredMetric(metric="perplexity", value=math.exp(mean), n=len(x))


def main() -> None:
    """Learns the pieces, trains, exports, measures, writes."""
    seen, held_out = split(read_text())
    timer, generator = Training(FOLDER.name, SEED, 0), fixed_seed(SEED)
    vocabulary = Vocabulary(learn_pieces(seen, VOCABULARY))
    tokens = torch.tensor(vocabulary.encode(seen))
    x, y = rows(np.asarray(vocabulary.encode(held_out)))

    def draw(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        starts = torch.randint(0, len(tokens) - TOKENS, (BATCH, 1), generator=generator)
        found = tokens[starts + torch.arange(TOKENS + 1)]
        return found[:, :-1], found[:, 1:]

    net = fit_adam(TextLm(VOCABULARY, TOKENS), draw, generator, steps=STEPS, rate=RATE, decay=DECAY)
    timer.epochs = round(STEPS * BATCH * TOKENS / len(tokens))
    export(net, torch.from_numpy(x[:4]), FOLDER / "model.onnx", input_name="tokens", output_name="logits")
    observed = [part[:CALIBRATION_SAMPLES] for part in rows(tokens.numpy())]
    small = [part.astype(np.uint16) for part in (x, y, *observed)]
    write_data(FOLDER / "data.npz", x=small[0], y=small[1], x_calibration=small[2], y_calibration=small[3])
    manifest = write_manifest(
        FOLDER,
        title="Newton's prose, GPT",
        description="A small GPT that continues Isaac Newton's Opticks, by pieces of words: shows what few bits do to "
        "perplexity and to generated text.",
        task="sequences",
        input_kind="text",
        data=DataFacts(
            name="opticks",
            title="Isaac Newton, Opticks",
            source="the fourth edition (London, 1730), in the transcription that Go's source distribution and Debian's "
            "golang-src have as a test file; sample_models/text_lm/opticks.py keeps its prose",
            licence="LicenseRef-Public-Domain",
            citation="Isaac Newton, Opticks: or, A Treatise of the Reflections, Refractions, Inflections and Colours "
            "of Light, fourth edition, London, 1730; transcribed by S. Lybarger, S. Harris, J. Paolucci and "
            "Distributed Proofreaders",
            split=f"paragraphs, drawn by the seed: nine tenths to train, {len(tokens):,} tokens (the first "
            f"{CALIBRATION_SAMPLES} rows of {TOKENS} calibrate); a tenth held out to judge, {len(x)} rows; a token is "
            f"one of {VOCABULARY} pieces of words, learned from the training part by byte-pair encoding",
            classes=(),
        ),
        measured=perplexity(FOLDER / "model.onnx", x, y),
        training=timer.facts(),
        vocabulary=vocabulary.pieces,
    )
    print(manifest.float_metric, manifest.parameters, manifest.training)


if __name__ == "__main__":
    main()
