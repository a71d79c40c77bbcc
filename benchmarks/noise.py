"""A model against itself: how often is a difference in speed shown that cannot be there?

Bar: at least 95 of 100 comparisons show no difference, which is when the interval of the speed-up holds 1.

    python benchmarks/noise.py [--times 100] [--models digits_cnn glyphs_mobilenet resnet18] [--loads 10] [--busy 2]

The same file is timed as two variants by the timing child that every comparison uses, each time in a fresh process with
another order of turns. The plan is that of effort ``quick``, shortened where it does not bear on the interval: 1.2 s
instead of 1.8 s for latency, next to nothing for throughput, nothing for energy; loadings, rounds and calls are those
of ``quick``. ``--busy 2`` has two busy loops
beside it. Every comparison counts, also those on a machine that qexplorer itself calls busy.

``--loads 1`` times one loading of each, to see what a copy's place in memory does: the standard deviation of the ratio
is what ``PLACEMENT`` in ``paired.py`` was set from. Last, the cost of one look at the hardware is measured, as
looks are taken while a comparison is timed. Results go to ``benchmarks/results/noise-<machine>.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.machine.description import describe_machine
from qexplorer.machine.usage_watch import EVERY_S, UsageSampler
from qexplorer.measure.effort import PLANS, Effort, TimingPlan
from qexplorer.measure.metrics.statistics import wilson_interval
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.timing.latency import time_variants
from qexplorer.measure.variant import float_variant, subject_of

RESULTS = Path(__file__).parent / "results"
BAR = 0.95


def main() -> int:
    """Measures, prints a table, writes the results; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=100, help="comparisons for each model")
    parser.add_argument("--models", nargs="+", default=["digits_cnn", "glyphs_mobilenet", "resnet18"])
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--busy", type=int, default=0, help="busy loops beside it")
    parser.add_argument("--loads", type=int, default=PLANS[Effort.QUICK].loads, help="loadings in one comparison")
    given = parser.parse_args()
    plan = replace(PLANS[Effort.QUICK], budget_s=1.2, throughput_s=0.02, energy_s=0.0, loads=given.loads)
    with busy_loops(given.busy):
        rows = [compare(name, given.backend, given.times, plan) for name in given.models]
    machine, look_ms = describe_machine(), look_cost_ms()
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine.cpu}-{machine.logical_cpus}cpu".lower()).strip("-")
    stem = f"noise-{name}" + ("" if given.loads == PLANS[Effort.QUICK].loads else f"-{given.loads}-loads")
    stem += f"-{given.busy}-busy" if given.busy else ""
    value = {"machine": machine.to_json(), "bar": BAR, "loads": given.loads, "busy_loops": given.busy}
    value |= {"look_ms": look_ms, "rows": rows}
    (RESULTS / f"{stem}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    text = f"{table(rows)}\n\n{look_text(look_ms)}"
    (RESULTS / f"{stem}.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(any(row["same"] < BAR * row["times"] for row in rows))


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Processes that do nothing but keep a processor each busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def compare(name: str, backend: str, times: int, plan: TimingPlan) -> dict[str, Any]:
    """``times`` comparisons of one model with itself."""
    model = load_model(name)
    subject = replace(subject_of(model, fit_to_model(load_data(name), model), 8), batches=(1,))
    one = float_variant(model)
    variants = {"a": one, "b": replace(one, digest="b")}
    found: list[dict[str, Any]] = []
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        for seed in range(times):
            timed = time_variants(variants, backend, subject, files, plan, reference="a", seed=seed)["b"]
            if timed.failed:
                raise SystemExit(f"{name}: {timed.failed}")
            took = timed.latency
            found.append({"ratio": took.speedup, "ci95": took.speedup_ci95, "valid": took.valid, "load": took.load})
            print(f"{name} {seed + 1} of {times}", end="\r", file=sys.stderr, flush=True)
    known = [each for each in found if each["ci95"] is not None]
    same = sum(each["ci95"][0] <= 1 <= each["ci95"][1] for each in known)
    halves = [(each["ci95"][1] - each["ci95"][0]) / 2 for each in known]
    ratios = [each["ratio"] for each in known if each["ratio"] is not None]  # None: the interval said nothing
    return {
        "model": name,
        "backend": backend,
        "times": len(known),
        "same": same,
        "same_ci95": wilson_interval(same, len(known)),
        "valid": sum(each["valid"] for each in found),
        "half_width": statistics.median(halves),
        "said_something": len(ratios),
        "spread": statistics.stdev(map(math.log, ratios)) if len(ratios) > 1 else None,
        "comparisons": found,
    }


def look_cost_ms() -> float:
    """Processor time of one look at the hardware, milliseconds, over 200 looks."""
    sampler = UsageSampler(os.getpid())
    sampler.sample()
    begin = time.process_time()
    for _ in range(200):
        sampler.sample()
    return (time.process_time() - begin) / 200 * 1e3


def look_text(look_ms: float) -> str:
    """What looking costs, in words."""
    share = look_ms / 1e3 / EVERY_S
    return f"One look at the hardware takes {look_ms:.3f} ms of the parent's time: {share:.3%} of one processor."


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| model, against itself | backend | no difference shown | 95 % interval | quiet "
        "| interval that says anything | half of the speed-up's interval, median | standard deviation of the ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["same_ci95"]
        spread = "" if row["spread"] is None else f"{row['spread']:.2%}"
        lines.append(
            f"| {row['model']} | {row['backend']} | {row['same']} of {row['times']} | {low:.1%} to {high:.1%} "
            f"| {row['valid']} | {row['said_something']} | {row['half_width']:.2%} | {spread} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
