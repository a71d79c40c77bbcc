"""Is the latency that qexplorer reports the latency of a bare ONNX Runtime loop?

Bar: the reported median within 5 % of the median of a plain ``session.run`` loop on the same file. Both are measured
in turn, several times, each in a fresh process pinned to the quietest core. A round counts if neither was disturbed:
qexplorer calls its own latency valid, and the bare loop had at least 95 % of its core. Disturbed rounds are kept in the
results and repeated, up to four times as many:

    python benchmarks/latency.py [--rounds 7] [--models digits_cnn resnet18]

What is compared is exactly what users see: ``p50`` of the timing child, float and INT8 interleaved, effort ``quick``,
against a loop that knows nothing of qexplorer. Results go to ``benchmarks/results/latency-<machine>.json``, their table
to the ``.md`` beside it.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.data import load_data
from qexplorer.load.fit import fit_to_model
from qexplorer.load.model import load_model
from qexplorer.measure.cpu import quiet_cpus
from qexplorer.measure.effort import PLANS, Effort
from qexplorer.measure.latency import MIN_SHARE, time_variants
from qexplorer.measure.machine import describe_machine
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Variant, float_variant, quantized_variant, subject_of
from qexplorer.observe.store import statistics_for
from qexplorer.quantize.quantize import quantize_model

RESULTS = Path(__file__).parent / "results"
BAR = 0.05

BARE = """
import gc, os, sys, time
import numpy as np, onnxruntime as ort
path, sample, name, core, seconds = sys.argv[1:6]
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(core)})
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
feeds = {name: np.ascontiguousarray(np.load(sample, mmap_mode="r")[:1])}
for _ in range(10):
    session.run(None, feeds)
gc.disable()
times, begin, cpu = [], time.perf_counter(), time.process_time()
while len(times) < 20 or time.perf_counter() - begin < float(seconds):
    start = time.perf_counter_ns()
    session.run(None, feeds)
    times.append(time.perf_counter_ns() - start)
share = (time.process_time() - cpu) / (time.perf_counter() - begin)
print(sorted(times)[len(times) // 2] / 1e6, share)
"""


def main() -> int:
    """Measures, prints a table, writes the results; 1 if a ratio is off by more than the bar, or could not be had."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7, help="undisturbed rounds wanted")
    parser.add_argument("--models", nargs="+", default=["digits_cnn", "resnet18"])
    given = parser.parse_args()
    rows = [row for name in given.models for row in measure_model(name, given.rounds)]
    machine = describe_machine()
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine.cpu}-{machine.logical_cpus}cpu".lower()).strip("-")
    value = {"machine": machine.to_json(), "bar": BAR, "rounds": given.rounds, "rows": rows}
    (RESULTS / f"latency-{name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    (RESULTS / f"latency-{name}.md").write_text(table(rows) + "\n", encoding="utf-8")
    print(table(rows))
    return int(any(row["ratio"] is None or abs(row["ratio"] - 1) > BAR for row in rows))


def measure_model(name: str, rounds: int) -> list[dict[str, Any]]:
    """One row for the float model and one for its w8a8."""
    model = load_model(name)
    data = fit_to_model(load_data(name), model)
    q = quantize_model(model, Recipe.parse("w8a8"), statistics_for(model, data, samples=32))
    variants = {"float": float_variant(model), "w8a8": quantized_variant(q)}
    found: dict[str, dict[str, list[Any]]] = {key: {"reported": [], "bare": [], "quiet": []} for key in variants}
    for _ in range(4 * rounds):
        one_round(model, data, variants, found)
        if min(sum(values["quiet"]) for values in found.values()) >= rounds:
            break
    return [row_of(name, key, values) for key, values in found.items()]


def one_round(
    model: Model, data: DataSet, variants: dict[str, Variant], found: dict[str, dict[str, list[Any]]]
) -> None:
    """What qexplorer reports, then a bare loop for each file."""
    subject = subject_of(model, data, 8)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        plan = PLANS[Effort.QUICK]
        for key, timed in time_variants(variants, "onnxruntime", subject, files, plan, reference="float").items():
            found[key]["reported"].append(timed.latency.p50)
            found[key]["quiet"].append(timed.latency.valid)
        (input_name, sample), *_ = files.items()
        for key, variant in variants.items():
            cores, _load = quiet_cpus(1)
            command = [sys.executable, "-c", BARE, str(variant.path), sample, input_name, str(cores[0]), "1.0"]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            bare, share = map(float, output.split())
            found[key]["bare"].append(bare)
            found[key]["quiet"][-1] &= share >= MIN_SHARE


def row_of(model: str, recipe: str, values: dict[str, list[Any]]) -> dict[str, Any]:
    """Medians over the quiet rounds, and the median of the rounds' own ratios; None where no round was quiet."""
    pairs = [
        (ours, bare)
        for ours, bare, quiet in zip(values["reported"], values["bare"], values["quiet"], strict=True)
        if quiet
    ]
    known = bool(pairs)
    return {
        "model": model,
        "recipe": recipe,
        "reported_ms": statistics.median(ours for ours, _ in pairs) if known else None,
        "bare_ms": statistics.median(bare for _, bare in pairs) if known else None,
        "ratio": statistics.median(ours / bare for ours, bare in pairs) if known else None,
        "quiet_rounds": len(pairs),
        "rounds": values,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| model | recipe | reported p50, ms | bare loop p50, ms | ratio | rounds counted quiet |"]
    lines.append("|---|---|---|---|---|---|")
    for row in rows:
        quiet = f"{row['quiet_rounds']} of {len(row['rounds']['quiet'])}"
        numbers = "too noisy | too noisy | -"
        if row["ratio"] is not None:
            numbers = f"{row['reported_ms']:.4f} | {row['bare_ms']:.4f} | {row['ratio']:.3f}"
        lines.append(f"| {row['model']} | {row['recipe']} | {numbers} | {quiet} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
