"""A joint search beside mixes that are solved exactly, at an equal number of evaluated recipes.

``python benchmarks/joint.py [--only NAME ...] [--seeds 3] [--samplers local nsga2 tpe] [--json FILE]``.

For each sample: ``search`` is run at five budgets, and every mix that it measured, pairs included, counts as an
evaluation. ``tune`` gets as many recipes less the one that its own look at the layers measured (row ``equal``), and the
60 that are usual, by each sampler. All fronts are then judged by the area that they dominate (share of int8's bytes,
and loss or its logarithm; the corner is the worst of the plain recipes in int8 and int4), on the samples that chose
them and on the evaluation part, which neither saw. A study that the workspace knows goes on: begin with a fresh one
(QEXPLORER_WORKSPACE).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

import qexplorer as qx
from qexplorer.api.given import fitted, load
from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.search.joint.finding import three_parts
from qexplorer.search.joint.fronts import front_of, hypervolume
from qexplorer.search.joint.trial import TrialBench, TrialOrder
from qexplorer.search.sensitivity.finding import yardstick_of

SAMPLES = ("digits_cnn", "glyphs_mobilenet")
SHARES = (0.9, 0.8, 0.7, 0.6, 0.55)
FORMATS = ("int8", "int4")
PAIRS = 4
Point = tuple[float, float]
Sampler = Literal["local", "nsga2", "tpe"]
SAMPLERS: tuple[Sampler, ...] = ("local", "nsga2", "tpe")


class Judge:
    """Cost and loss of recipes, all calibrated alike, on the samples that choose and on the evaluation part."""

    def __init__(self, name: str) -> None:
        self.model = load(name)
        data = fitted(self.model, None, "")
        seen, _, apart = three_parts(data)
        statistics, yard = statistics_for(self.model, seen), yardstick_of(self.model, apart)
        parts = {"choosing": apart.calibration, "evaluation": data.evaluation}
        self.benches = {key: TrialBench(self.model, seen, statistics, samples, yard) for key, samples in parts.items()}

    def point(self, recipe: Recipe, part: str) -> Point:
        """Bytes and loss."""
        bench = self.benches[part]
        found = bench.do(TrialOrder(recipe.to_yaml(), 0, bench.apart.n))
        return found.costs["weight_bytes"], float(np.mean(found.losses))


def areas(judge: Judge, recipes: Iterable[Recipe], part: str, plain: dict[str, Point]) -> dict[str, float]:
    """What the recipes, which are the front on the samples that chose, dominate."""
    points = [judge.point(recipe, part) for recipe in recipes]
    whole, corner = plain["w8a8"][0], max(judge.point(Recipe.parse(each), part)[1] for each in plain)
    log = [(cost / whole, math.log10(max(loss, 1e-9))) for cost, loss in points]
    return {
        "of loss": hypervolume([(cost / whole, loss / corner) for cost, loss in points], (1.0001, 1.0)),
        "of its logarithm": hypervolume(log, (1.0001, math.log10(corner))),
    }


def mixes(name: str) -> tuple[list[Recipe], int, float]:
    """Recipes that ``search`` measured and handed over, how many it evaluated in all, and its seconds."""
    start, found, evaluated = time.perf_counter(), dict[str, Recipe](), set[str]()
    for share in SHARES:
        try:
            report = qx.search(name, share=share, choices=FORMATS, pairs=PAIRS)
        except InputError:  # below the smallest mix
            continue
        recipes = [Recipe.parse(mix.recipe) for mix in report.verified]
        found |= {recipe.digest: recipe for recipe in recipes}
        evaluated |= {recipe.digest for recipe in recipes} | {
            f"pair {pair.first} {pair.second}" for pair in report.pairs
        }
    alone = PAIRS + 1  # each of them alone, and none
    return list(found.values()), len(evaluated) + alone + 1, time.perf_counter() - start


def case(name: str, seeds: int, samplers: Sequence[Sampler]) -> dict[str, Any]:
    """One sample."""
    judge = Judge(name)
    plain = {each: judge.point(Recipe.parse(each), "choosing") for each in ("w8a8", "w4a8")}
    plains = [Recipe.parse(each) for each in plain]
    found, evaluated, seconds = mixes(name)
    row: dict[str, Any] = {"evaluated": evaluated, "search_s": round(seconds, 1)}
    kept = [*plains, *found]
    points = [judge.point(recipe, "choosing") for recipe in kept]
    front = [kept[at] for at in front_of(points)]
    row["plain"] = {part: areas(judge, plains, part, plain) for part in judge.benches}
    row["search"] = {part: areas(judge, front, part, plain) for part in judge.benches}
    row["equal"] = [tuned(judge, name, evaluated - 1, "local", seed, plain) for seed in range(seeds)]
    for sampler in samplers:
        row[f"usual, {sampler}"] = [tuned(judge, name, 60, sampler, seed, plain) for seed in range(seeds)]
    return row


def tuned(judge: Judge, name: str, trials: int, sampler: Sampler, seed: int, plain: dict[str, Point]) -> dict[str, Any]:
    """A joint search."""
    start = time.perf_counter()
    report = qx.tune(name, formats=FORMATS, trials=trials, sampler=sampler, seed=seed)
    recipes = [report.recipe(trial) for trial in report.front]
    told = {part: areas(judge, recipes, part, plain) for part in judge.benches}
    return told | {"trials": len(report.trials), "seconds": round(time.perf_counter() - start, 1)}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(SAMPLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samplers", nargs="*", default=list(SAMPLERS), help="with 60 recipes; none: the equal alone")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = {}
    for name in given.only:
        rows[name] = case(name, given.seeds, given.samplers)
        print(name, json.dumps(rows[name], indent=1))
    if given.json:
        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
