"""Deliberately broken models repaired: is the injected layer found, and how much of the loss is won back?

    python benchmarks/repair.py [--only NAME ...] [--json FILE]

Faults: a channel of an activation a hundred times as large, unequal channels of a depthwise layer under one scale, a
Concat whose inputs differ a hundred times, and calibration on samples of one class (as they are, and a tenth as
bright). Each is put into two sample networks or more by ``broken_models.py``; a network still computes what it did.
``qx.repair`` is called as anyone would call it. Losses and metric are then judged on evaluation samples that neither
calibration nor the repair has seen, with ranges found on all calibration samples. The bar: the first diagnosis is the
injected layer, and nine tenths of the loss are won back. Where a fault costs no more than rounding does by itself
there is nothing to win, and the row says so (``has_effect``).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, installed or not

import qexplorer as qx
from benchmarks.at_work import machine_now
from benchmarks.broken_models import Channel, of_one_class, with_scaled_channel, with_split_input
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.samples.shelf import get_sample
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.repair.repair_types import Fault, RepairReport
from qexplorer.search.sensitivity.finding import yardstick_of
from qexplorer.search.set_apart import APART, LEAST

BAR = 0.9
_NOTHING = 0.002  # loss at which a repair takes a recipe for sound
CHANNELS = {
    "fashion_dscnn": Channel("fashion_dscnn", "block.1.depthwise.conv", ("block.1.pointwise.conv",)),
    "glyphs_mobilenet": Channel(
        "glyphs_mobilenet", "block.1.depthwise.conv", ("block.1.project",), "block.1.depthwise.relu"
    ),
    "digits_vit": Channel(
        "digits_vit", "block.1.norm1", tuple(f"block.1.attention.{each}" for each in ("query", "key", "value"))
    ),
    "tumour_mlp": Channel("tumour_mlp", "hidden1", ("hidden2",)),
}
BEHIND = {"fashion_dscnn": "block.1.depthwise.relu", "tumour_mlp": "relu1"}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One broken model, or one broken set of calibration samples.

    Attributes:
        model: the broken one, or the sample itself.
        data: the same.
        recipe: by which it is quantized.
        intact: the model that was broken, and its data.
        injected: layers at which the fault can be found; empty names: the whole model.
        classes: what it may be called.
    """

    model: Model
    data: DataSet
    recipe: str
    intact: tuple[Model, DataSet]
    injected: frozenset[str]
    classes: frozenset[Fault]


def _sample(name: str) -> tuple[Model, DataSet]:
    model = qx.load(name)
    return model, fit_to_model(qx.data(get_sample(name).data), model)


def _of_file(name: str, path: Path, injected: set[str], recipe: str, fault: Fault) -> Case:
    model = qx.load(path, name=f"{name}, broken")
    data = fit_to_model(qx.data(get_sample(name).data), model)
    return Case(model, data, recipe, _sample(name), frozenset(injected), frozenset({fault}))


def _channel(name: str, folder: Path, recipe: str, fault: Fault) -> Case:
    at = CHANNELS[name]
    path, _ = with_scaled_channel(at, _sample(name)[1], folder)
    touched = (
        {at.layer} if fault is Fault.DEPTHWISE else {at.layer, at.relu or BEHIND.get(name, ""), *at.readers} - {""}
    )
    return _of_file(name, path, touched, recipe, fault)


def outlier(name: str, folder: Path) -> Case:
    """A channel of an activation reaches a hundred times as far as it did."""
    return _channel(name, folder, "w8a8", Fault.OUTLIER)


def depthwise(name: str, folder: Path) -> Case:
    """A channel of a depthwise weight does, under one scale for all of it."""
    return _channel(name, folder, "w8a8-tensor", Fault.DEPTHWISE)


def concat(name: str, folder: Path) -> Case:
    """Half of what the classifier reads does, joined to the other half."""
    return _of_file(name, with_split_input(name, "classifier", folder), {"join"}, "w8a8", Fault.MISMATCHED)


def one_class(name: str, folder: Path, dim: float = 1.0) -> Case:  # noqa: ARG001 - nothing is written
    """Ranges from forty samples of one class."""
    model, intact = _sample(name)
    data = of_one_class(intact, 1, 40, dim=dim)
    return Case(model, data, "w8a8", (model, intact), frozenset({""}), frozenset({Fault.ONE_CLASS, Fault.UNLIKE}))


def dim_class(name: str, folder: Path) -> Case:
    """The same, a tenth as bright."""
    return one_class(name, folder, 0.1)


FAULTS: dict[str, tuple[Callable[[str, Path], Case], tuple[str, ...]]] = {
    "outlier channel": (outlier, tuple(CHANNELS)),
    "unequal depthwise channels": (depthwise, ("fashion_dscnn", "glyphs_mobilenet")),
    "mismatched Concat": (concat, ("fashion_dscnn", "glyphs_mobilenet", "digits_cnn")),
    "one class": (one_class, ("fashion_dscnn", "glyphs_mobilenet", "digits_cnn")),
    "one class, dim": (dim_class, ("fashion_dscnn", "glyphs_mobilenet", "digits_cnn")),
}


def unseen(data: DataSet, report: RepairReport) -> Split:
    """Evaluation samples that the repair has not looked at: all, but where it had to take some of them to decide."""
    split = data.evaluation
    if not any("evaluation samples" in note for note in report.notes):
        return split
    taken = np.random.default_rng(0).permutation(split.n)[: max(LEAST, int(APART * split.n))]
    assert len(taken) == report.n
    return split.take(np.setdiff1d(np.arange(split.n), taken))


def verifier_of(model: Model, data: DataSet, split: Split) -> Verifier:
    """Judges recipes on these samples, with ranges of all calibration samples."""
    apart = replace(data, calibration=split, digest=f"{data.digest}-unseen-{split.n}")
    return Verifier(model, data, statistics_for(model, data), split, yardstick_of(model, apart))


def judged(case: Case, report: RepairReport) -> dict[str, Any]:
    """Loss and metric before and after, on samples that nobody has seen, and the loss of the same without a fault."""
    split = unseen(case.data, report)
    verifier = verifier_of(case.model, case.data, split)
    before, after = (verifier.evaluated(Recipe.parse(text)) for text in (report.recipe, report.repaired))
    intact = verifier_of(*case.intact, split).evaluated(Recipe.parse(case.recipe))
    brought = max(before.loss - intact.loss, 1e-12)
    return {
        "unseen": split.n,
        "unit": verifier.yard.unit,
        "loss_intact": intact.loss,
        "loss_before": before.loss,
        "loss_after": after.loss,
        "won_back": 1 - after.loss / max(before.loss, 1e-12),
        "won_back_of_what_the_fault_brought": (before.loss - after.loss) / brought,
        "metric": report.metric_name,
        "metric_float": verifier.plain.value(verifier.yard),
        "metric_before": before.metric,
        "metric_after": after.metric,
    }


def has_effect(row: Mapping[str, Any]) -> bool:
    """Whether the fault costs more than rounding does by itself: what costs nothing cannot be won back."""
    return bool(row["loss_before"] > max(2 * row["loss_intact"], _NOTHING))


def repaired(case: Case) -> dict[str, Any]:
    """One repair, and what it came to."""
    start = time.perf_counter()
    report = qx.repair(case.model, case.recipe, case.data)
    seconds = time.perf_counter() - start
    first = report.diagnoses[0] if report.diagnoses else None
    found = first is not None and first.layer in case.injected and first.fault in case.classes
    return {
        "recipe": case.recipe,
        "injected": sorted(case.injected),
        "layer_found": None if first is None else first.layer,
        "class_found": None if first is None else first.fault.value,
        "found": found,
        "evidence": None if first is None else first.sentence,
        **judged(case, report),
        "sound_before": report.sound,
        "tried": sum(step.loss is not None for step in report.steps),
        "kept": [f"{step.layer or 'the whole model'}: {step.remedy}" for step in report.steps if step.kept],
        "notes": list(report.notes),
        "seconds": round(seconds, 1),
        "steps": [[s.layer, s.diagnosis.value, s.remedy, s.loss, s.kept, s.why] for s in report.steps],
    }


def main() -> None:
    """Breaks, repairs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    machine, rows = machine_now(), {}
    for fault in given.only:
        broken, models = FAULTS[fault]
        for name in models:
            if given.models and name not in given.models:
                continue
            with tempfile.TemporaryDirectory() as folder:
                row = repaired(broken(name, Path(folder)))
            rows[f"{fault}: {name}"] = row | {"has_effect": has_effect(row)}
            share, brought = row["won_back"], row["won_back_of_what_the_fault_brought"]
            told = "   SHORT OF THE BAR" if not row["found"] or share < BAR else ""
            told = told if has_effect(row) else "   THE FAULT COSTS NOTHING HERE"
            print(
                f"{fault}: {name}: {row['layer_found']!r} {row['class_found']}, loss {row['loss_before']:.4g} -> "
                f"{row['loss_after']:.4g} (intact {row['loss_intact']:.4g}), {100 * share:.1f} % won back, "
                f"{100 * brought:.1f} % of what the fault brought, {row['seconds']} s{told}",
                flush=True,
            )
            if given.json:
                given.json.write_text(json.dumps({"machine": machine, "bar": BAR, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
