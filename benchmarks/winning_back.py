"""How much of what rounding loses do the algorithms win back?

For each sample model and recipe: accuracy on the evaluation part (ONNX Runtime on the CPU), beside the float model's
and that of the plain recipe, the share of the loss that is won back, and the time that quantizing took. Recipes that
train are run with several seeds, and the median is shown. Results go to ``benchmarks/results/winning-back.md``.

    python benchmarks/winning_back.py [--seeds 3] [--models glyphs_mobilenet digits_cnn] [--only qat]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import qexplorer as qx
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine

RESULTS = Path(__file__).parent / "results"

LADDER: dict[str, dict[str, list[str]]] = {
    "glyphs_mobilenet": {
        "w8a8-tensor": ["bias_correction", "equalize", "equalize-bias_correction"],
        "w4a8": ["bias_correction", "hqq", "gptq", "adaround", "qat"],
        "w4a8-tensor": ["equalize", "equalize-gptq", "equalize-adaround", "qat"],
        "w3a8": ["gptq", "adaround", "qat"],
        "w2a8": ["gptq", "adaround", "qat"],
        "w4a4": ["adaround", "qat"],
    },
    "digits_cnn": {
        "w4a8-tensor": ["equalize", "gptq", "adaround", "qat"],
        "w3a8": ["gptq", "adaround", "qat"],
        "w2a8": ["gptq", "adaround", "qat"],
        "w4a4": ["adaround", "qat"],
    },
}
DATA = {"glyphs_mobilenet": "glyphs", "digits_cnn": "digits"}
EPOCHS = {"glyphs_mobilenet": 20, "digits_cnn": 5}


@dataclass(frozen=True)
class Row:
    """One recipe: accuracies by seed, and seconds of the slowest."""

    base: str
    ends: str
    accuracies: list[float]
    seconds: float

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
    given = parser.parse_args()
    where = f"{describe_machine().cpu}; ONNX Runtime on the CPU; {given.seeds} seeds where one trains."
    parts = [f"# What algorithms win back\n\n{where}\n"]
    for name in given.models:
        model, data = qx.load(name), qx.data(DATA[name])
        parts.append(table(name, *measured(name, model, data, given.seeds, given.only)))
    text = "\n".join(parts)
    print(text)
    (RESULTS / "winning-back.md").write_text(text)
    return 0


def measured(name: str, model: Model, data: DataSet, seeds: int, only: str | None) -> tuple[float, list[Row]]:
    """The float model's accuracy, and a row for each recipe."""
    rows = []
    for base, algorithms in LADDER[name].items():
        for ends in ["", *(each for each in algorithms if only is None or only in each)]:
            row = one(name, base, ends, model, data, seeds)
            rows.append(row)
            print(f"{name} {base} {ends or '(plain)'}: {row.median:.1%} in {row.seconds:.1f} s", flush=True)
    return accuracy(model, data), rows


def one(name: str, base: str, ends: str, model: Model, data: DataSet, seeds: int) -> Row:
    """One recipe, with each seed where it trains."""
    found, slowest = [], 0.0
    for seed in range(seeds if "qat" in ends else 1):
        recipe = Recipe.parse(f"{base}-{ends}" if ends else base)
        if "qat" in ends:
            options = f"{{epochs: {EPOCHS[name]}, seed: {seed}}}"
            recipe = Recipe.parse(recipe.to_yaml().replace("- qat", f"- qat: {options}"))
        start = time.perf_counter()
        quantized = qx.quantize(model, recipe, data)
        slowest = max(slowest, time.perf_counter() - start)
        found.append(accuracy(quantized, data))
    return Row(base, ends, found, slowest)


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
        "| recipe | algorithms | accuracy (%) | won back of the loss | seconds |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        lost = best - plain[row.base]
        share = f"{(row.median - plain[row.base]) / lost:.0%}" if row.ends and lost > 0.002 else ""
        spread = " to ".join(f"{each:.1%}" for each in sorted({min(row.accuracies), max(row.accuracies)}))
        shown = f"{row.median:.1%}" if len(row.accuracies) == 1 else f"{row.median:.1%} ({spread})"
        lines.append(f"| {row.base} | {row.ends or 'none'} | {shown} | {share} | {row.seconds:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
