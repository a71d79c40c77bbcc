"""Is our cross-layer equalization behind that of Brevitas at few bits, or did one network's rounding fall so?

    python benchmarks/equalization.py [--python PATH] [--trained 8] [--bits 6] [--letters 8000]

Both change the float network, and Brevitas rounds both, weights alone with one scale a tensor. Networks are
glyphs_mobilenet as it is shipped and some that are trained as it was with other seeds, on fewer letters and for a few
epochs; they are judged on letters that are drawn for this, from the fonts that training never sees. Each network's
difference has Tango's interval, all together that of Student's t over networks. Results go to
``benchmarks/results/equalization.md``; letters and networks are kept in ``--folder``, if it is given.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import torch
from numpy.typing import NDArray

import qexplorer as qx
from benchmarks.against_references import Theirs, answered, mean_interval, moved
from benchmarks.references.protocol import Arrays, Job
from benchmarks.references.subjects import calibration
from qexplorer.core.model import Model
from qexplorer.machine.description import describe_machine
from qexplorer.measure.metrics.statistics import paired_difference_interval
from sample_models.glyphs_mobilenet.glyphs import HELD_OUT_FONTS, LETTERS, TRAINING_FONTS, render
from sample_models.glyphs_mobilenet.network import GlyphsMobilenet
from sample_models.glyphs_mobilenet.train import PREPROCESSING
from sample_models.shared.export import export
from sample_models.shared.fold import fold_batch_norms
from sample_models.shared.learn import fit, fixed_seed

RESULT = Path(__file__).parent / "results" / "equalization.md"
SHIPPED, LEARNED, EPOCHS, SEED = "as shipped", 6000, 12, 100


@dataclass(frozen=True, slots=True)
class Right:
    """Which letters one network has right, by who changed it before it was rounded."""

    network: str
    bits: int
    real: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    theirs: NDArray[np.bool_]
    ours: NDArray[np.bool_]

    @property
    def ahead(self) -> float:
        """How far ours is ahead, in points."""
        return 100 * float(self.ours.mean() - self.theirs.mean())

    def row(self) -> str:
        """Its line of the table."""
        fixed, broken = int((self.ours & ~self.theirs).sum()), int((self.theirs & ~self.ours).sum())
        low, high = (100 * each for each in paired_difference_interval(fixed, broken, len(self.ours)))
        shares = " | ".join(f"{100 * each.mean():.2f}" for each in (self.real, self.plain, self.theirs, self.ours))
        return f"| {self.network} | {self.bits} | {shares} | {self.ahead:+.2f} | {low:+.2f} to {high:+.2f} |"


def drawn(folder: Path, fonts: tuple[str, ...], n: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Letters as the network reads them, and their classes; kept, because drawing takes as long as training."""
    path = folder / f"letters-{len(fonts)}-{n}-{seed}.npz"
    if not path.exists():
        images, labels = render(fonts, n, seed)
        np.savez(path, images=images, labels=labels)
    with np.load(path) as held:
        return np.asarray(PREPROCESSING.apply(held["images"]), np.float32), held["labels"].astype(np.int64)


def trained(folder: Path, seed: int) -> Model:
    """The sample's network, learned with another seed."""
    path = folder / f"network-{LEARNED}-{EPOCHS}-{seed}.onnx"
    if not path.exists():
        x, y = (torch.from_numpy(each) for each in drawn(folder, TRAINING_FONTS, LEARNED, SEED))
        generator = fixed_seed(seed)
        net = GlyphsMobilenet(len(LETTERS))
        decayed = [p for name, p in net.named_parameters() if ".depthwise." not in name]
        fit(net, x, y, generator, epochs=EPOCHS, rate=0.2, decayed=decayed, decay=2e-3)
        export(fold_batch_norms(net), x[:4], path, input_name="image", output_name="logits")
    return qx.load(str(path))


def judged(network: str, model: Model, bits: int, theirs: Theirs, held: Arrays, labels: NDArray[np.int64]) -> Right:
    """One network in one width."""
    data = qx.data("glyphs")
    recipe = f"weights: {{format: int{bits}, granularity: tensor}}\nalgorithms: [equalize]\n"
    with_it = moved(model, data, recipe)
    settings = {"bits": bits, "granularity": "tensor", "subject": "glyphs_mobilenet", "seed": 0}
    seen = calibration(model, data)

    def right(found: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.asarray(found.argmax(-1) == labels)

    def rounded(algorithm: str, ours: bool = False) -> NDArray[np.bool_]:
        proto = with_it if ours else model.proto()
        return right(theirs.answers(Job(proto, seen, held, {**settings, "algorithm": algorithm})))

    return Right(
        network,
        bits,
        right(answered(model.proto(), held)),
        rounded("nearest"),
        rounded("equalize"),
        rounded("nearest", ours=True),
    )


def page(rows: list[Right], version: str) -> str:
    """The rows, and what all networks of one width say together."""
    n = len(rows[0].ours)
    lines = [
        "# Equalization beside Brevitas'\n",
        f"{describe_machine().cpu}; `python benchmarks/equalization.py`; {version}; one scale a tensor, "
        f"weights alone, rounded by Brevitas both; {n} letters of fonts that training never saw; networks with a seed "
        f"learned {LEARNED} letters for {EPOCHS} epochs. Accuracy in per cent; how far ours is ahead in points, with "
        "Tango's interval of 95 %.\n",
        "| network | bits | float | rounded plainly | theirs | ours | ahead | interval |",
        "|---|---|---|---|---|---|---|---|",
        *(row.row() for row in rows),
    ]
    for bits in sorted({row.bits for row in rows}, reverse=True):
        ahead = [row.ahead for row in rows if row.bits == bits]
        if len(ahead) > 2:
            (low, high), won = mean_interval(ahead), sum(each > 0 for each in ahead)
            lines.append(
                f"\n{bits} bits, {len(ahead)} networks: ours is ahead by {statistics.fmean(ahead):+.2f} points in the "
                f"mean ({low:+.2f} to {high:+.2f}, Student's t), in {won} of them."
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draws, trains, measures and writes, a network at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", default=sys.executable, help="whose Python has Brevitas")
    parser.add_argument("--trained", type=int, default=8, help="networks with other seeds")
    parser.add_argument("--bits", type=int, nargs="+", default=[6])
    parser.add_argument("--letters", type=int, default=8000)
    parser.add_argument("--folder", type=Path, help="where letters and networks are kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        measured(given, given.folder or Path(passing))


def measured(given: argparse.Namespace, folder: Path) -> None:
    """Writes the page after each row."""
    theirs, rows = Theirs("brevitas", given.python), list[Right]()
    x, labels = drawn(folder, HELD_OUT_FONTS, given.letters, SEED + 1)
    for seed in range(given.trained + 1):
        network, model = (f"seed {seed}", trained(folder, seed)) if seed else (SHIPPED, qx.load("glyphs_mobilenet"))
        held = {model.proto().graph.input[0].name: x}
        for bits in given.bits:
            rows.append(judged(network, model, bits, theirs, held, labels))
            print(rows[-1].row(), flush=True)
            RESULT.write_text(page(rows, theirs.version))


if __name__ == "__main__":
    main()
