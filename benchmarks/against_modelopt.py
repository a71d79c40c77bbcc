"""Mixes of 4 and 8 bits, ours beside auto_quantize of nvidia-modelopt: same model, samples and budget, in one run.

    python benchmarks/against_modelopt.py --python /somewhere/bin/python [--only NAME ...] [--bits 4.8] [--draws 5]
        [--json FILE]

Weights alone, a symmetric scale for each output channel, activations in float. ``--python`` has nvidia-modelopt, torch
and this project's dependencies beside it::

    python -m venv /somewhere && /somewhere/bin/pip install -c constraints.txt torch==2.13.0 nvidia-modelopt -e .

Both search on the same 128 samples, in each draw others. What each chose is judged by one evaluator on the same
evaluation samples, which no search saw, and on many more that are made for this: as the recipe that the choice is,
quantized here; theirs as their own rounded weights too. Ours may take the bytes that theirs took. Seconds are of the
search alone, in a process that has loaded everything, model and data: by the clock, and of the processor; ours as
anyone runs it, and with no pairs and one mix measured. Accuracies are compared sample by sample, over all draws.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

import qexplorer as qx
from benchmarks.equalization import drawn as letters
from benchmarks.references.subjects import CALIBRATION, calibration, fed, scores, subject
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.machine.description import describe_machine
from qexplorer.measure.metrics.statistics import student_half
from qexplorer.observe.collecting.tap import open_session
from qexplorer.quantize.layerwise.streams import SIMULATED
from qexplorer.search.sensitivity.float_answers import FloatAnswers
from sample_models.glyphs_mobilenet.glyphs import HELD_OUT_FONTS

ROOT = Path(__file__).parent.parent
CASES = ("glyphs_mobilenet", "digits_vit", "digits_cnn")
OURS, THEIRS = "ours", "modelopt's choice"
LETTERS, MOVES, SEED = 8000, 12, 3
RULES = "name: mix\nweights: {format: int8, granularity: channel}\nlayers:\n"


class Missing(Exception):
    """The package is not there, with the reason."""


def theirs(python: str, model: Model, data: DataSet, bits: float) -> tuple[dict[str, Any], onnx.ModelProto]:
    """What auto_quantize chose, and its graph. Raises Missing."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        onnx.save(model.proto(), folder / "float.onnx")
        np.savez(folder / "calibration.npz", labels=data.calibration.labels, **calibration(model, data))  # type: ignore[arg-type]
        (folder / "settings.json").write_text(json.dumps({"effective_bits": bits}))
        order = [python, "-m", "benchmarks.modelopt_worker", str(folder)]
        ended = subprocess.run(order, cwd=ROOT, capture_output=True, text=True, check=False)
        if (folder / "missing.txt").exists():
            raise Missing((folder / "missing.txt").read_text())
        if ended.returncode:
            raise RuntimeError(f"auto_quantize failed:\n{ended.stderr[-3000:]}")
        return json.loads((folder / "chosen.json").read_text()), onnx.load(folder / "given.onnx")


@cache
def many(name: str) -> DataSet:
    """With more to judge on than the evaluation part has: fresh letters from its fonts, or each of its digits moved.

    A digit is turned by at most 12 degrees, scaled by at most 12 % and shifted by at most a tenth of its width.
    """
    data = subject(name, 0)[1]
    if name == "glyphs_mobilenet":
        images, labels = letters(Path(tempfile.gettempdir()), HELD_OUT_FONTS, LETTERS, SEED)
        return replace(data, evaluation=Split({"": images}, labels))
    pictures, classes = np.asarray(data.evaluation.inputs[""]), data.evaluation.labels
    assert classes is not None
    rng, width = np.random.default_rng(SEED), pictures.shape[-1]
    middle = (width - 1) / 2

    def moved(picture: NDArray[Any]) -> NDArray[Any]:
        turn, scale, *shift = rng.uniform(-1, 1, 4) * [np.radians(12), 0.12, 0.1 * width, 0.1 * width]
        cos, sin = np.cos(turn) * (1 + scale), np.sin(turn) * (1 + scale)
        at = np.array([[cos, -sin], [sin, cos]])
        offset = middle - at @ [middle, middle] + shift
        return np.asarray(affine_transform(picture, at, offset, order=1, mode="nearest"))

    rows = [moved(each[0])[None] for _ in range(MOVES) for each in pictures]
    return replace(data, evaluation=Split({"": np.stack(rows).astype(np.float32)}, np.tile(classes, MOVES)))


def judged(name: str, path: Path | onnx.ModelProto) -> dict[str, Any]:
    """What :func:`answered` says on the evaluation part, and under ``many`` on what is made for this."""
    model, data = subject(name, 0)
    return answered(model, data, path) | {"many": answered(model, many(name), path)}


def answered(model: Model, data: DataSet, path: Path | onnx.ModelProto) -> dict[str, Any]:
    """Accuracy, error, divergence from float (nats) and ``right`` of each sample, on all evaluation samples."""
    inputs = fed(model, data.evaluation)
    answers = []
    for each in (onnx.load(path) if isinstance(path, Path) else path, model.proto()):
        session = open_session(each.SerializeToString(), 1, model.name, settings=SIMULATED)
        total = len(next(iter(inputs.values())))
        rows = [session.run(None, {k: v[i : i + 64] for k, v in inputs.items()})[0] for i in range(0, total, 64)]
        answers.append(np.concatenate(rows))
    right = answers[0].argmax(-1) == data.evaluation.labels
    apart = FloatAnswers.of([answers[1]], (0,), 1, probabilities=False).divergence(answers[0])
    return scores(answers[0], answers[1], data) | {"divergence": float(apart.mean()), "right": right.tolist()}


def drawn(data: DataSet, number: int) -> DataSet:
    """With 128 of the calibration samples: the usual draw, or another one."""
    split = calibration_sample(data, CALIBRATION).split
    if number:
        rows = np.random.default_rng(number).permutation(data.calibration.n)[:CALIBRATION]
        split = data.calibration.take(rows)
    return replace(data, calibration=split, digest=f"{data.digest}-draw {number}")


def _treated(bits: int) -> str:
    return "float: true" if bits > 8 else f"weights: {{format: int{bits}}}"


def case(name: str, python: str, bits: float, draw: int) -> dict[str, Any]:
    """One model and one draw: rows by who chose."""
    model, data = subject(name, 0)
    shown = drawn(data, draw)
    chosen, graph = theirs(python, model, shown, bits)
    rules = "".join(f"  - {{match: '{layer}', {_treated(width)}}}\n" for layer, width in chosen["bits"].items())
    took = {key: chosen[key] for key in ("seconds", "processor_s")}
    rows: dict[str, Any] = {"float": judged(name, model.proto())}

    def row(recipe: Recipe, seconds: dict[str, float]) -> dict[str, Any]:
        made = qx.quantize(model, recipe, shown)
        sizes = [layer.weight_bytes for layer in made.plan.layers if layer.parameters]
        return {**judged(name, Path(made.path)), "weight_bytes": sum(sizes), "recipe": recipe.to_yaml(), **seconds}

    rows["modelopt, its own rounding"] = judged(name, graph) | took
    rows[THEIRS] = row(Recipe.parse(RULES + rules), took)
    whole = row(Recipe.parse("w8"), {})["weight_bytes"]
    share = rows[THEIRS]["weight_bytes"] / whole
    quick: dict[str, Any] = {"pairs": 0, "verified": 1}
    for words, asked in ((OURS, {}), (f"{OURS}, no pairs and one mix measured", quick)):
        anew = replace(shown, digest=f"{shown.digest} for {words}")  # what is kept of other searches is not found
        began, worked = time.perf_counter(), time.process_time()
        found = qx.search(model, anew, "w8", share=share, samples=CALIBRATION, **asked)
        seconds = {"seconds": time.perf_counter() - began, "processor_s": time.process_time() - worked}
        assert found.best is not None
        rows[words] = row(Recipe.parse(found.best.recipe), seconds)
    rows["all int4"] = row(Recipe.parse("w4"), {})
    return {"version": chosen["version"], "int8_bytes": whole, "bits": chosen["bits"], "rows": rows}


def beside(name: str, draws: list[dict[str, Any]]) -> tuple[float, float, int, int]:
    """Accuracy on :func:`many` of ours less that of theirs in points, half the width of its 95 % interval over letters,
    or over digits however each was moved, and how many answers ours alone and theirs alone has right, in all draws."""
    ours, other = (np.array([each["rows"][who]["many"]["right"] for each in draws], int) for who in (OURS, THEIRS))
    mean = 100.0 * (ours - other).mean(0)
    if name != "glyphs_mobilenet":
        mean = mean.reshape(MOVES, -1).mean(0)
    return float(mean.mean()), student_half(mean), int((ours > other).sum()), int((ours < other).sum())


def table(found: dict[str, list[dict[str, Any]]], bits: float) -> str:
    """All cases, in the mean of their draws."""
    draws = len(next(iter(found.values())))
    lines = [
        "# Mixed precision beside nvidia-modelopt\n",
        f"Weights of 4 and 8 bits at {bits:g} effective bits; {CALIBRATION} samples to search on, means of {draws} "
        f"draws of them; judged on the evaluation part, and on many more: {LETTERS:,} fresh letters from its fonts, or "
        f"its digits moved in {MOVES} ways; {describe_machine().cpu}.\n",
        "| model | chosen by | weight bytes, of int8 | accuracy (%) | of many (%) | SQNR (dB) | of many (dB) "
        "| divergence (nats) | of many (nats) | seconds | processor seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        for who in each[0]["rows"]:
            rows = [one["rows"][who] | {"int8": one["int8_bytes"]} for one in each]

            def mean(key: str, text: str, rows: list[dict[str, Any]] = rows) -> str:
                return format(np.mean([row[key] for row in rows]), text) if key in rows[0] else ""

            part = f"{np.mean([r['weight_bytes'] / r['int8'] for r in rows]):.3f}" if "weight_bytes" in rows[0] else ""
            words = who.replace("modelopt", f"modelopt {each[0]['version']}", 1)
            measures = (("accuracy (%)", ".2f"), ("SQNR (dB)", ".2f"), ("divergence", ".2e"))
            wide = [row["many"] for row in rows]
            cells = [text for key, form in measures for text in (mean(key, form), mean(key, form, wide))]
            cells += [mean("seconds", ".1f"), mean("processor_s", ".1f")]
            lines.append(f"| {name} | {words} | {part} | {' | '.join(cells)} |")
    lines += ["", f"Accuracy of {OURS} less that of {THEIRS}, sample by sample over all draws:", ""]
    for name, each in found.items():
        points, half, better, worse = beside(name, each)
        n = len(each[0]["rows"][OURS]["many"]["right"])
        lines.append(
            f"- {name}: {points:+.3f} ± {half:.3f} points ({n} samples, {len(each)} draws; right where the other is "
            f"wrong: {better}, wrong where it is right: {worse})"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measures, prints and keeps; 1 where ours is told to be less accurate than what modelopt chose."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", default=sys.executable, help="whose Python has nvidia-modelopt")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--bits", type=float, default=4.8, help="effective bits of weights")
    parser.add_argument("--draws", type=int, default=5, help="of the samples to search on")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    for module in ("torch", "scipy.optimize", "qexplorer.torchgraph.executor", "qexplorer.search.mixing.finding"):
        importlib.import_module(module)  # a search is timed without what it takes to import
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for name in given.only:
            found[name] = []
            for draw in range(given.draws):
                found[name].append(case(name, given.python, given.bits, draw))
                if given.json:  # now, as all of it takes long
                    facts = {"machine": describe_machine().to_json(), "cases": found}
                    given.json.write_text(json.dumps(facts, indent=1) + "\n")
            print(table(found, given.bits), flush=True)
    except Missing as reason:
        print(f"skipped: {reason}")
        return 0
    if set(given.only) == set(CASES):
        (ROOT / "benchmarks" / "results" / "modelopt.md").write_text(table(found, given.bits))
    return int(any(sum(beside(name, each)[:2]) < 0 for name, each in found.items()))


if __name__ == "__main__":
    sys.exit(main())
