"""Where rounding four-bit weights to nearest loses much, what do better roundings lose?

A rounding is only worth its name if it holds on calibration data that it was not chosen for: each seed draws three
quarters of the calibration samples anew, for ranges, pre-treatment and rounding alike. Medians over the seeds, ONNX
Runtime on the CPU, whole evaluation part. Results go to ``benchmarks/results/four-bits.json`` and ``.md``.

    python benchmarks/four_bits.py [--seeds 3] [--models fashion_dscnn glyphs_mobilenet]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import qexplorer as qx
from benchmarks.winning_back import accuracy
from qexplorer.api.given import fitted
from qexplorer.api.quantizing import CALIBRATION_SAMPLES, made
from qexplorer.core.dataset import DataSet
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine

RESULTS = Path(__file__).parent / "results"
LADDER: dict[str, list[str]] = {
    "fashion_dscnn": [
        "w4a8-tensor",
        "w4a8-tensor-equalize",
        "w4a8-tensor-equalize-gptq",
        "w4a8-tensor-equalize-adaround",
        "w4a8",
        "w4a8-gptq",
        "w4a8-adaround",
    ],
    "glyphs_mobilenet": [
        "w4a8-tensor",
        "w4a8-tensor-equalize",
        "w4a8-tensor-equalize-gptq",
        "w4a8-tensor-equalize-adaround",
        "w3a8",
        "w3a8-gptq",
        "w3a8-adaround",
    ],
}


def main() -> int:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=list(LADDER), choices=list(LADDER))
    given = parser.parse_args()
    rows = [row for name in given.models for row in of_model(name, given.seeds)]
    machine = describe_machine().cpu
    (RESULTS / "four-bits.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    (RESULTS / "four-bits.md").write_text(page(machine, given.seeds, rows))
    return 0


def of_model(name: str, seeds: int) -> list[dict[str, Any]]:
    """A row for each recipe: accuracies by seed, median, points lost of float, seconds of the slowest."""
    model, data = qx.load(name), fitted(qx.load(name), None, "it is judged")
    best, rows = accuracy(model, data), []
    for text in LADDER[name]:
        found, slowest = [], 0.0
        for seed in range(seeds):
            start = time.perf_counter()
            quantized = made(model, Recipe.parse(text), drawn(data, seed), samples=CALIBRATION_SAMPLES)
            slowest = max(slowest, time.perf_counter() - start)
            found.append(accuracy(quantized, data))
        median = statistics.median(found)
        row = {"model": name, "float": best, "recipe": text, "accuracies": found, "median": median}
        rows.append(row | {"points_lost": 100 * (best - median), "seconds": slowest})
        print(f"{name} {text}: {median:.2%} of {best:.2%} ({', '.join(f'{each:.2%}' for each in found)})", flush=True)
    return rows


def drawn(data: DataSet, seed: int) -> DataSet:
    """The data with three quarters of its calibration samples."""
    n = data.calibration.n
    chosen = np.sort(np.random.default_rng(seed).permutation(n)[: 3 * n // 4])
    return replace(data, calibration=data.calibration.take(chosen), digest=f"{data.digest}/drawn-{seed}")


def page(machine: str, seeds: int, rows: list[dict[str, Any]]) -> str:
    """The rows as a table."""
    lines = [
        "# Four bits, rounded better\n",
        f"{machine}; ONNX Runtime on the CPU; medians of {seeds} draws of three quarters of the calibration samples.\n",
        "| model | float (%) | recipe | accuracy (%) | by draw | points lost |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        draws = ", ".join(f"{100 * each:.2f}" for each in row["accuracies"])
        figures = f"{100 * row['median']:.2f} | {draws} | {row['points_lost']:.2f}"
        lines.append(f"| {row['model']} | {100 * row['float']:.2f} | `{row['recipe']}` | {figures} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
