"""How much of what rounding loses do the algorithms win back?

For each sample model and recipe: accuracy on the evaluation part (ONNX Runtime on the CPU), beside the float model's
and that of the plain recipe, the share of the loss that is won back, and the time that quantizing took. Recipes that
train are run with several seeds, and the median is shown; beside the accuracy of the written file stands what the
network in training itself has on the same samples, the seed where both differ most. Results go to
``benchmarks/results/winning-back.md``, with ``--only`` to a file of that name.

    python benchmarks/winning_back.py [--seeds 3] [--models glyphs_mobilenet digits_cnn] [--only qat] [--bases w4a4]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

import qexplorer as qx
from qexplorer.api.quantizing import CALIBRATION_SAMPLES, made
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.recipes import trained
from qexplorer.quantize.training.watching import Beginning, Unwatched, Watched

RESULTS = Path(__file__).parent / "results"

LADDER: dict[str, dict[str, list[str]]] = {
    "glyphs_mobilenet": {
        "w8a8-tensor": ["bias_correction", "equalize", "equalize-bias_correction", "equalize-absorb"],
        "w4a8": ["bias_correction", "hqq", "gptq", "adaround", "qat"],
        "w4a8-tensor": ["equalize", "equalize-gptq", "equalize-adaround", "qat"],
        "w3a8": ["bias_correction", "learned_scales", "gptq", "adaround", "brecq", "autoround", "qat"],
        "w3a8-mse": ["adaround", "brecq", "autoround"],
        "w2a8": ["gptq", "adaround", "brecq", "autoround", "qat"],
        "w4a4": ["learned_scales", "adaround", "brecq", "autoround", "qat"],
    },
    "digits_cnn": {
        "w4a8-tensor": ["equalize", "gptq", "adaround", "qat"],
        "w3a8": ["gptq", "adaround", "qat"],
        "w2a8": ["gptq", "adaround", "qat"],
        "w4a4": ["adaround", "qat"],
        "ternary": ["qat"],
        "binary": ["qat"],
    },
}
DATA = {"glyphs_mobilenet": "glyphs", "digits_cnn": "digits"}


@dataclass(frozen=True)
class Row:
    """One recipe: accuracies by seed, seconds of the slowest, and what the networks in training said."""

    base: str
    ends: str
    accuracies: list[float]
    seconds: float
    said: list[float] = field(default_factory=list)

    @property
    def apart(self) -> float | None:
        """The largest difference of a written file from the network in training, in points; None without training."""
        pairs = zip(self.accuracies, self.said, strict=True) if self.said else ()
        return max((100 * abs(one - other) for one, other in pairs), default=None)

    @property
    def median(self) -> float:
        """Of the seeds."""
        return statistics.median(self.accuracies)


def main() -> int:
    """Measures, prints and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3, help="for recipes that train")
    parser.add_argument("--models", nargs="+", default=list(LADDER), choices=list(LADDER))
    parser.add_argument("--only", help="recipes with this algorithm, and the plain ones")
    parser.add_argument("--bases", nargs="+", help="these recipes alone")
    given = parser.parse_args()
    where = f"{describe_machine().cpu}; ONNX Runtime on the CPU; {given.seeds} seeds where one trains."
    parts = [f"# What algorithms win back\n\n{where}\n"]
    for name in given.models:
        model, data = qx.load(name), qx.data(DATA[name])
        parts.append(table(name, *measured(name, model, data, given.seeds, given.only, given.bases)))
    text = "\n".join(parts)
    print(text)
    (RESULTS / f"winning-back{'-' + given.only if given.only else ''}.md").write_text(text)
    return 0


def measured(
    name: str, model: Model, data: DataSet, seeds: int, only: str | None, bases: list[str] | None
) -> tuple[float, list[Row]]:
    """The float model's accuracy, and a row for each recipe."""
    rows = []
    for base, algorithms in LADDER[name].items():
        if bases and base not in bases:
            continue
        for ends in ["", *(each for each in algorithms if only is None or only in each)]:
            if only is not None and not any(only in each for each in algorithms):
                continue
            row = one(base, ends, model, data, seeds)
            rows.append(row)
            print(f"{name} {base} {ends or '(plain)'}: {row.median:.1%} in {row.seconds:.1f} s", flush=True)
    return accuracy(model, data), rows


def one(base: str, ends: str, model: Model, data: DataSet, seeds: int) -> Row:
    """One recipe, with each seed where it trains."""
    row = Row(base, ends, [], 0.0)
    slowest = 0.0
    for seed in range(seeds if "qat" in ends else 1):
        recipe, seen = Recipe.parse(f"{base}-{ends}" if ends else base), Seen()
        if "qat" in ends:
            recipe = trained(recipe, seed=seed)
        start = time.perf_counter()
        quantized = made(model, recipe, data, samples=CALIBRATION_SAMPLES, watcher=seen)
        slowest = max(slowest, time.perf_counter() - start)
        row.accuracies.append(accuracy(quantized, data))
        if seen.network is not None:
            row.said.append(in_training(seen.network, data))
    return replace(row, seconds=slowest)


class Seen(Unwatched):
    """Remembers the network that is trained, which in the end has its best state."""

    network: QuantizedNetwork | None = None

    def begins(self, beginning: Beginning, network: Watched) -> None:  # noqa: ARG002
        """Remembers it."""
        assert isinstance(network, QuantizedNetwork)
        self.network = network


def in_training(network: QuantizedNetwork, data: DataSet) -> float:
    """Accuracy of the network in training on the evaluation part."""
    samples, labels, right = next(iter(data.evaluation.inputs.values())), data.evaluation.labels, 0
    assert labels is not None
    with torch.no_grad():
        for start in range(0, len(labels), 100):
            part = torch.from_numpy(np.ascontiguousarray(samples[start : start + 100], np.float32))
            right += int((network(part)[0].argmax(1).numpy() == labels[start : start + 100]).sum())
    return right / len(labels)


def accuracy(model: object, data: DataSet) -> float:
    """On the evaluation part."""
    run = qx.measure(model, data, backend="onnxruntime")  # type: ignore[arg-type]
    assert run.accuracy is not None
    assert run.accuracy.value is not None
    return run.accuracy.value


def table(name: str, best: float, rows: list[Row]) -> str:
    """One model's rows."""
    plain = {row.base: row.median for row in rows if not row.ends}
    lines = [
        f"## {name}, float {best:.1%}\n",
        "| recipe | algorithms | accuracy (%) | won back of the loss | seconds | in training, at most apart (points) |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lost = best - plain[row.base]
        share = f"{(row.median - plain[row.base]) / lost:.0%}" if row.ends and lost > 0.002 else ""
        apart = "" if row.apart is None else f"{row.apart:.2f}"
        spread = " to ".join(f"{each:.1%}" for each in sorted({min(row.accuracies), max(row.accuracies)}))
        shown = f"{row.median:.1%}" if len(row.accuracies) == 1 else f"{row.median:.1%} ({spread})"
        lines.append(f"| {row.base} | {row.ends or 'none'} | {shown} | {share} | {row.seconds:.1f} | {apart} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
