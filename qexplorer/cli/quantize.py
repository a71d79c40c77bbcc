"""``qexplorer quantize MODEL --recipe R -o OUT.onnx``: a quantized ONNX file, and what became of each layer."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.terminal import ProgressLine, print_facts, print_json, print_table, say
from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.room import check_room
from qexplorer.core.errors import InputError, RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.measure.effects.effect_types import EffectReport
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.report.effect_charts.effect_table import EFFECT_HEADER, effect_cells, effect_sentence, plain_effects
from qexplorer.report.words import bytes_text, carried_text

__all__ = ["run", "writable"]


def run(order: argparse.Namespace) -> int:
    """Quantizes and writes the file; it is there as a whole, or not at all."""
    target = writable(order.output)
    recipe = Recipe.parse(order.recipe)
    model = api.load(order.model, architecture=order.architecture)
    data = data_of(order, model)
    check_room(target.absolute().parent, model.file_bytes, "quantizing")
    line = ProgressLine(quiet=order.quiet)

    def show(done: int, samples: int) -> None:
        line.show("observing ranges", done / max(samples, 1))

    try:
        quantized = api.quantize(model, recipe, data, samples=order.samples, progress=show, steps=line.show)
    except RecipeError as error:  # which of several files it was is known here alone
        where = ", ".join(dict.fromkeys(part for part in (str(order.recipe), error.where) if part))
        raise RecipeError(error.what, where=where, allowed=error.allowed, do=error.do) from None
    finally:
        line.end()
    quantized.save(target)
    report = _explained(quantized, data, order) if order.explain else None
    if order.json:
        print_json(_plain(quantized, target) | ({} if report is None else {"algorithms": plain_effects(report)}))
    else:
        _print(quantized, target)
        if report is not None:
            _print_effects(report)
    return 0


def _explained(quantized: QuantizedModel, data: DataSet | None, order: argparse.Namespace) -> EffectReport | None:
    """What the algorithms changed; None for a recipe without any."""
    if not quantized.recipe.algorithms:
        return None
    line = ProgressLine(quiet=order.quiet)
    try:
        given = (quantized.model, quantized.recipe, data)
        return api.explain_algorithms(*given, samples=order.samples, progress=line.show)
    finally:
        line.end()


def _print_effects(report: EffectReport) -> None:
    for effect in report.algorithms:
        say()
        say(effect_sentence(effect))
        print_table(EFFECT_HEADER, effect_cells(effect))


def writable(path: str, *, ending: str = ".onnx", kind: str = "an ONNX file") -> Path:
    """The output file, checked before any work is done."""
    target = Path(path)
    if target.suffix != ending:
        raise InputError(f"is not the name of {kind}", where=path, allowed=f"a name that ends in {ending}")
    if target.is_dir():
        raise InputError("is a folder", where=path, do=f"name a file that ends in {ending}")
    if not target.absolute().parent.is_dir():
        raise InputError("cannot be written, as its folder does not exist", where=path, do="create the folder first")
    check_room(target.absolute().parent, 0, "quantizing")
    return target


def _plain(quantized: QuantizedModel, target: Path) -> dict[str, Any]:
    return {
        "output": str(target),
        "model": {"name": quantized.model.name, "sha256": quantized.model.sha256},
        "recipe": quantized.recipe.name,
        "digest": quantized.digest,
        "calibration": quantized.calibration,
        "size": asdict(quantized.size),
        "plan": quantized.plan.to_json(),
    }


def _print(quantized: QuantizedModel, target: Path) -> None:
    plan, kept = quantized.plan, quantized.weight_bytes / max(quantized.model.weight_bytes, 1)
    shown = [each for each in plan.layers if each.computes]
    counted = Counter(layer.treatment for layer in shown)
    print_facts(
        {
            "written": target,
            "model": quantized.model.name,
            "recipe": quantized.recipe.name,
            "weights": f"{bytes_text(quantized.weight_bytes)}, {kept:.3g} of float{carried_text(quantized.size)}",
            "file": bytes_text(quantized.size.file_bytes),
            **({} if quantized.calibration is None else {"ranges from": quantized.calibration}),
            "layers": ", ".join(f"{n} {treatment}" for treatment, n in counted.most_common()),
        }
    )
    say()
    rows = [(each.name, each.op, each.treatment, each.weights, each.activations, each.reason) for each in shown]
    print_table(("layer", "operator", "treatment", "weights", "activations", "why"), rows)
    for note in plan.notes:
        say(f"note: {note}")
