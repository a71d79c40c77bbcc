"""A sweep on one and on two workers of a Dask cluster, and what a thousand evaluations cost.

``python benchmarks/cluster.py [--tasks 50] [--repeats 3] [--json FILE]``; needs the extra ``cluster`` and two
processors that do nothing else. A task quantizes a recipe of its own and runs it on samples kept apart, in the very way
in which a search for a mix measures one. Workers have an empty workspace each time, so nothing is known to them; they
have done a few tasks before the clock starts (what that took, imports included, is told beside). Bar: two workers take
at most 0.65 of the time of one. Evaluated sensitivity is timed beside: what its cut into tasks costs and gains.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import qexplorer as qx
from qexplorer.api.given import fitted
from qexplorer.core.recipe import LayerRule, Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import SweepTask
from qexplorer.search.mixing.elsewhere import lay_tasks

RATED = ("digits_cnn", "glyphs_mobilenet", "resnet18")
SAMPLES = 32


@contextmanager
def workers(count: int) -> Iterator[str]:
    """The address of a new cluster of single threads, whose workers share an empty workspace."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        before = dict(os.environ)
        os.environ |= {
            "QEXPLORER_WORKSPACE": f"{folder}/workspace",
            "QEXPLORER_PLACES": f"{folder}/places",
            "OMP_NUM_THREADS": "1",
        }
        try:
            with LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address=":0", local_directory=folder
            ) as cluster:
                os.environ.clear()
                os.environ |= before
                yield str(cluster.scheduler_address)
        finally:
            os.environ.clear()
            os.environ |= before


def tasks_of(name: str, count: int) -> list[SweepTask]:
    """Evaluations of so many different mixes of int8 and int4."""
    model = qx.load(name)
    data = fitted(model, _images() if name == "resnet18" else None, "it needs data")
    layers = [layer.name for layer in model.layers if layer.weight is not None and layer.quantizable]
    chosen = itertools.chain.from_iterable(itertools.combinations(layers, n) for n in itertools.count(1))
    recipes: list[Recipe] = []
    for narrow in itertools.islice(chosen, count):
        rules = tuple(LayerRule(match=layer, weights={"format": "int4"}) for layer in narrow)
        recipes.append(Recipe.parse("w8a8").model_copy(update={"layers": rules, "name": f"mix {len(recipes)}"}))
    return lay_tasks(model, data, data.calibration.take(np.arange(SAMPLES)), recipes)


def _images() -> Path:
    """Noise in the shape of pictures: what evaluating takes does not depend on what they show."""
    path = Path(tempfile.gettempdir()) / "qexplorer-noise-224.npz"
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(4 * SAMPLES, 3, 224, 224)).astype(np.float32), np.arange(4 * SAMPLES) % 10
    np.savez(path, x=images, y=labels)
    return path


def sweep_s(tasks: list[SweepTask], warm: list[SweepTask], count: int) -> dict[str, float]:
    """Seconds from the first task handed over to the last result, and what was done before."""
    with workers(count) as address, tempfile.TemporaryDirectory() as folder, _workspace(folder):
        start = time.perf_counter()
        _all_well(run_tasks(warm, scheduler=address))
        began = time.perf_counter()
        ends = _all_well(run_tasks(tasks, scheduler=address))
        took = time.perf_counter() - began
        assert not any(end.known for end in ends)
        return {"sweep_s": took, "first_s": began - start, "task_s": statistics.median(end.seconds for end in ends)}


def _all_well(ends: Any) -> list[Any]:
    found = list(ends)
    for end in found:
        end.result()
    return found


@contextmanager
def _workspace(folder: str) -> Iterator[None]:
    """An empty one for who asks, so that no result is known; inputs stay where they are."""
    before = os.environ.get("QEXPLORER_WORKSPACE")
    os.environ["QEXPLORER_WORKSPACE"] = folder
    try:
        yield
    finally:
        os.environ.pop("QEXPLORER_WORKSPACE") if before is None else os.environ.update(QEXPLORER_WORKSPACE=before)


def scaling(count: int, repeats: int) -> dict[str, Any]:
    """One worker against two, in turn."""
    tasks = tasks_of("digits_cnn", count + 4)
    rows = [{n: sweep_s(tasks[4:], tasks[:4], n) for n in (1, 2)} for _ in range(repeats)]
    ratios = [row[2]["sweep_s"] / row[1]["sweep_s"] for row in rows]
    return {"tasks": count, "ratio": statistics.median(ratios), "ratios": ratios, "rows": rows}


def rates(name: str, count: int) -> dict[str, float]:
    """What a thousand evaluations of a model take on one processor, and what is sent to each machine once."""
    tasks = tasks_of(name, count + 2)
    found = sweep_s(tasks[2:], tasks[:2], 1)
    sent = sum(file.path.stat().st_size for file in tasks[0].inputs.values())
    model = qx.load(name)
    each_s = found["sweep_s"] / count
    return {
        "parameters": model.parameters,
        "gmacs": (model.macs or 0) / 1e9,
        "samples": SAMPLES,
        "sent_bytes": sent,
        "first_s": found["first_s"],
        "task_s": found["task_s"],
        "each_s": each_s,
        "thousand_core_minutes": 1000 * each_s / 60,
    }


def evaluated_s(name: str, address: str) -> float:
    """Seconds of evaluating all layers in all ways, by a cluster or (``off``) by this process, a thread a processor."""
    began = [0.0]

    def told(step: str, done: float) -> None:  # noqa: ARG001 - the step says enough
        if step.startswith("evaluating layers, sample 0 "):
            began[0] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder, _workspace(folder), qx.on_cluster(address):
        rounded, setups = ("weights", "activations", "both"), ("alone", "all_but_one", "cumulative")
        qx.sensitivity(name, rounded=rounded, setups=setups, progress=told)
        return time.perf_counter() - began[0]


def evaluating(name: str, repeats: int) -> dict[str, Any]:
    """This process against one and two workers, in turn; the first evaluation of each cluster warms it up."""
    rows = []
    for _ in range(repeats):
        row = {"here_s": evaluated_s(name, "off")}
        for count in (1, 2):
            with workers(count) as address:
                evaluated_s("tumour_mlp", address)
                row[f"{count}_s"] = evaluated_s(name, address)
        rows.append(row)
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]} | {"rows": rows}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rated", nargs="*", default=list(RATED))
    parser.add_argument("--evaluations", type=int, default=10)
    parser.add_argument("--evaluated", nargs="*", default=["digits_cnn"], help="models whose layers are evaluated")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {"scaling": scaling(given.tasks, given.repeats) if given.repeats else None}
    print(json.dumps(found, indent=1), flush=True)
    found["rates"] = {}
    for name in given.rated:
        found["rates"][name] = rates(name, given.evaluations)
        print(name, json.dumps(found["rates"][name], indent=1), flush=True)
    found["evaluated"] = {}
    for name in given.evaluated:
        found["evaluated"][name] = evaluating(name, max(given.repeats, 1))
        print(name, json.dumps(found["evaluated"][name], indent=1), flush=True)
    if given.json:
        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
