"""How well latencies of mixes are foretold: predicted against measured, for mixes at random that the table never saw.

``python benchmarks/mix_latency.py [--models glyphs_mobilenet ...] [--backends onnxruntime openvino] [--mixes 10]
[--json FILE]``. For each model and backend the table of costs is measured as a search does; then mixes at random, in
stretches of layers, are timed beside int8 and float in turns, as comparisons are, twice. Told: Spearman's rank
correlation with the first time, and that of the first time with the second, which is what could be had; how many pairs
of mixes that were measured more than a twentieth apart are in the right order; and the mean relative error in units of
int8's latency beside them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

import qexplorer as qx
from qexplorer.api.given import fitted, load
from qexplorer.core.recipe import Recipe
from qexplorer.report.mix_charts.mix_words import latency_errors
from qexplorer.search.allocation.problem import Allocation
from qexplorer.search.costs.cost_kinds import LATENCY_MS, WEIGHT_BYTES
from qexplorer.search.mixing.candidates import point_of
from qexplorer.search.mixing.mix_types import MixReport, VerifiedMix
from qexplorer.search.mixing.recipes import recipe_in
from qexplorer.search.mixing.tables import problem_of
from qexplorer.search.mixing.timing_mixes import timed_mixes

CHOICES = ("w8a8", "w4a8", "float")
APART = 0.05  # of a latency, from which on two mixes are not alike


def at_random(report: MixReport, count: int) -> list[tuple[int, ...]]:
    """Mixes in stretches of layers; others than those that the table was made from."""
    rng = np.random.default_rng(77)
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        row, now, share = [], int(rng.integers(0, len(report.choices))), rng.uniform(0.1, 0.6)
        for _ in report.groups:
            if rng.random() < share:
                now = int(rng.integers(0, len(report.choices)))
            row.append(now)
        found.append(tuple(row))
    return found


def in_order(predicted: list[float], measured: list[float]) -> tuple[int, int]:
    """How many pairs of mixes that are not alike are foretold in the order that was measured, and of how many."""
    pairs = [(a, b) for a, b in permutations(range(len(measured)), 2) if measured[a] > measured[b] * (1 + APART)]
    return sum(predicted[a] > predicted[b] for a, b in pairs), len(pairs)


def case(name: str, backend: str, mixes: int) -> dict[str, Any]:
    """One model on one backend."""
    from scipy.stats import spearmanr

    report = qx.search(
        name, choices=CHOICES, budgets={WEIGHT_BYTES: 4.0}, backend=backend, pairs=0, verified=1, samples=32
    )
    assert report.plain is not None
    model = load(name)
    data = fitted(model, None, "")
    problem = problem_of(report.groups, (), report.edges)
    made, verified = {"int8": qx.quantize(model, "w8a8", data)}, list[VerifiedMix]()
    for choice in at_random(report, mixes):
        recipe = recipe_in(replace(report, verified=tuple(verified)), choice)
        made[recipe.name] = qx.quantize(model, Recipe.parse(recipe.to_yaml()), data)
        point = point_of(report, Allocation.of(problem, choice))
        verified.append(VerifiedMix(point, recipe.to_yaml(), recipe.name, "random", 0, report.plain))
    timed = timed_mixes(replace(report, verified=tuple(verified), chosen=None), model, data, made)
    predicted = [mix.point.costs[LATENCY_MS] for mix in timed.verified]
    measured, again = (
        [mix.latency.p50 for mix in each.verified if mix.latency is not None and mix.latency.p50 is not None]
        for each in (timed, timed_mixes(timed, model, data, made))
    )
    errors = latency_errors(timed)
    assert timed.clock is not None
    return {
        "form": timed.clock.form,
        "left_out_error": timed.clock.error,
        "spearman": float(spearmanr(predicted, measured)[0]),
        "spearman_of_two_times": float(spearmanr(measured, again)[0]),
        "in_order": in_order(predicted, measured),
        "mean_error": float(np.mean(np.abs(errors))),
        "worst_error": float(np.max(np.abs(errors))),
        "predicted_ms": predicted,
        "measured_ms": measured,
        "measured_again_ms": again,
        "valid": all(mix.latency is not None and mix.latency.valid for mix in timed.verified),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["glyphs_mobilenet", "digits_cnn"])
    parser.add_argument("--backends", nargs="+", default=["onnxruntime", "openvino"])
    parser.add_argument("--mixes", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = {}
    for name in given.models:
        for backend in given.backends:
            row = rows[f"{name}, {backend}"] = case(name, backend, given.mixes)
            print(
                name, backend, {key: row[key] for key in list(row)[:7]}, "" if row["valid"] else "(noisy)", flush=True
            )
    if given.json:
        from qexplorer.machine.description import describe_machine

        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
