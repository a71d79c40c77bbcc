"""Is the latency that qexplorer reports that of a bare loop over the runtime? And how much faster is INT8?

Bars: the reported median at most 2 % above the median of a plain loop on the same file, on every backend present; INT8
(w8a8) on resnet18 at 224 x 224, one thread, on a processor with 8-bit dot products: at least 2.5 times float on ONNX
Runtime, OpenVINO and LiteRT.

Reported and bare are measured in turn, several times, each in a fresh process pinned to the quietest core. A round
counts if neither was disturbed: qexplorer calls its own latency valid, and the bare loop had at least 95 % of its core.
Disturbed rounds are kept in the results and repeated, up to four times as many:

    python benchmarks/latency.py [--rounds 7] [--models digits_cnn resnet18] [--backends onnxruntime openvino ...]

What is compared is exactly what users see: ``p50`` of the timing child, float and INT8 interleaved, effort ``quick``,
looks at the hardware included, against loops that know nothing of qexplorer (``bare_loops.py``). Two copies of a model
differ by up to 2 % by where in memory they lie, and a bare loop has one copy: only the median of several rounds says
something about 2 %. Results go to ``benchmarks/results/latency-<machine>.json``, their tables to the ``.md`` beside it.
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
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.machine.cpu import quiet_cpus
from qexplorer.machine.description import describe_machine
from qexplorer.measure.effort import PLANS, Effort
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.timing.latency import time_variants
from qexplorer.measure.timing.latency_numbers import MIN_SHARE
from qexplorer.measure.variant import Variant, float_variant, quantized_variant, subject_of
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.registry import BACKENDS

RESULTS = Path(__file__).parent / "results"
BARE = Path(__file__).parent / "bare_loops.py"
LOOPED = ("onnxruntime", "openvino", "litert", "torch", "torch-inductor")
OWN = ("torch", "torch-inductor")
BAR = 0.02
SPEEDUP_BAR, SPEEDUP_MODEL, SPEEDUP_BACKENDS = 2.5, "resnet18", ("onnxruntime", "openvino", "litert")


def main() -> int:
    """Measures, prints tables, writes the results; 1 if a bar is missed, or something could not be had."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7, help="undisturbed rounds wanted")
    parser.add_argument("--models", nargs="+", default=["digits_cnn", "resnet18"])
    parser.add_argument("--backends", nargs="+", default=present(), help="all that are present")
    given = parser.parse_args()
    rows = [
        row for model in given.models for backend in given.backends for row in measure(model, backend, given.rounds)
    ]
    machine = describe_machine()
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine.cpu}-{machine.logical_cpus}cpu".lower()).strip("-")
    value = {"machine": machine.to_json(), "bar": BAR, "speedup_bar": SPEEDUP_BAR, "rounds": given.rounds, "rows": rows}
    (RESULTS / f"latency-{name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    text = "\n\n".join((overhead_table(rows), speedup_table(rows)))
    (RESULTS / f"latency-{name}.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(not all(map(good, rows)))


def present() -> list[str]:
    """The backends on the processor that can be used here and have a bare loop."""
    return [name for name in LOOPED if name in {b.name for b in BACKENDS if b.availability().available}]


def measure(name: str, backend: str, rounds: int) -> list[dict[str, Any]]:
    """One row for the float model and one for its w8a8."""
    model = load_model(name)
    data = fit_to_model(load_data(name), model)
    q = quantize_model(model, Recipe.parse("w8a8"), statistics_for(model, data, samples=32))
    variants = {"float": float_variant(model), "w8a8": quantized_variant(q)}
    empty: dict[str, list[Any]] = {"reported": [], "bare": [], "speedup": [], "quiet": []}
    found = {key: {column: list[Any]() for column in empty} for key in variants}
    for _ in range(4 * rounds):
        try:
            one_round(model, data, backend, variants, found)
        except RuntimeError as error:
            return [{"model": name, "backend": backend, "recipe": key, "failed": str(error)} for key in variants]
        if min(sum(values["quiet"]) for values in found.values()) >= rounds:
            break
    return [row_of(name, backend, key, values) for key, values in found.items()]


def one_round(
    model: Model, data: DataSet, backend: str, variants: dict[str, Variant], found: dict[str, dict[str, list[Any]]]
) -> None:
    """What qexplorer reports, then a bare loop for each file. Raises RuntimeError where the backend gives up."""
    subject = subject_of(model, data, 8)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        plan = PLANS[Effort.QUICK]
        for key, timed in time_variants(variants, backend, subject, files, plan, reference="float").items():
            if timed.failed:
                raise RuntimeError(timed.failed)
            found[key]["reported"].append(timed.latency.p50)
            found[key]["speedup"].append(timed.latency.speedup)
            found[key]["quiet"].append(timed.latency.valid)
        (input_name, sample), *_ = files.items()
        for key, variant in variants.items():
            cores, _load = quiet_cpus(1)
            file = runtime_file(backend, variant, subject.inputs)
            command = [sys.executable, str(BARE), backend, file, sample, input_name, str(cores[0]), "1.0"]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"the bare loop failed: {done.stderr.strip().splitlines()[-1:]}")
            bare, share = map(float, done.stdout.split())
            found[key]["bare"].append(bare)
            found[key]["quiet"][-1] &= share >= MIN_SHARE


def runtime_file(backend: str, variant: Variant, inputs: dict[str, Any]) -> str:
    """What the runtime loads: the ONNX file, or for LiteRT what it was converted to."""
    if backend != "litert":
        return str(variant.path)
    from qexplorer.graph.file_digest import file_digest
    from qexplorer.run.litert.cache import converted

    shapes = {name: (1, *array.shape[1:]) for name, array in inputs.items()}
    return str(converted(variant.path, file_digest(variant.path), shapes, free=True).path)


def row_of(model: str, backend: str, recipe: str, values: dict[str, list[Any]]) -> dict[str, Any]:
    """Medians over the quiet rounds, and the median of the rounds' own ratios; None where no round was quiet."""
    quiet = [i for i, good in enumerate(values["quiet"]) if good]
    ours, bare = ([values[column][i] for i in quiet] for column in ("reported", "bare"))
    speedups = [values["speedup"][i] for i in quiet if values["speedup"][i] is not None]
    return {
        "model": model,
        "backend": backend,
        "recipe": recipe,
        "reported_ms": statistics.median(ours) if quiet else None,
        "bare_ms": statistics.median(bare) if quiet else None,
        "ratio": statistics.median(a / b for a, b in zip(ours, bare, strict=True)) if quiet else None,
        "speedup": statistics.median(speedups) if speedups else None,
        "speedup_range": [min(speedups), max(speedups)] if speedups else None,
        "quiet_rounds": len(quiet),
        "rounds": values,
    }


def good(row: dict[str, Any]) -> bool:
    """Whether the row keeps the bars that it is under. Reported below bare is no overhead."""
    if row.get("ratio") is None or row["ratio"] - 1 > BAR:
        return False
    under = row["model"] == SPEEDUP_MODEL and row["backend"] in SPEEDUP_BACKENDS and row["recipe"] != "float"
    return not under or (row["speedup"] or 0.0) >= SPEEDUP_BAR


def overhead_table(rows: list[dict[str, Any]]) -> str:
    """Reported against bare, as Markdown."""
    lines = [
        f"Reported median against a bare loop, one thread; bar: at most {BAR:.0%} above. Loops of backends that are"
    ]
    lines[0] += f" qexplorer's own ({', '.join(OWN)}) are over its session.\n"
    lines += ["| model | backend | recipe | reported p50, ms | bare loop p50, ms | ratio | rounds counted quiet |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in rows:
        start = f"| {row['model']} | {row['backend']} | {row['recipe']} |"
        if "failed" in row:
            lines.append(f"{start} failed: {row['failed']} | | | |")
            continue
        numbers = "too noisy | too noisy | -"
        if row["ratio"] is not None:
            numbers = f"{row['reported_ms']:.4f} | {row['bare_ms']:.4f} | {row['ratio']:.3f}"
        lines.append(f"{start} {numbers} | {row['quiet_rounds']} of {len(row['rounds']['quiet'])} |")
    return "\n".join(lines)


def speedup_table(rows: list[dict[str, Any]]) -> str:
    """INT8 against float, as Markdown."""
    lines = [
        f"w8a8 against float, one thread, batch 1, interleaved, median of the quiet rounds; bar: {SPEEDUP_BAR} on "
        f"{SPEEDUP_MODEL} for {', '.join(SPEEDUP_BACKENDS)}.\n",
        "| model | backend | speed-up | from | to |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        if row["recipe"] != "float" and row.get("speedup"):
            low, high = row["speedup_range"]
            lines.append(f"| {row['model']} | {row['backend']} | {row['speedup']:.2f} | {low:.2f} | {high:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
