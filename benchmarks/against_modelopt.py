"""Mixes of 4 and 8 bits, ours beside auto_quantize of nvidia-modelopt: same model, samples and budget, in one run.

    python benchmarks/against_modelopt.py --python /somewhere/bin/python [--only NAME ...] [--bits 4.8] [--json FILE]

Weights alone, a symmetric scale for each output channel, activations in float. ``--python`` has nvidia-modelopt, torch
and this project's dependencies beside it::

    python -m venv /somewhere && /somewhere/bin/pip install -c constraints.txt torch==2.13.0 nvidia-modelopt -e .

What each chose is judged by one evaluator on the same evaluation samples, which no search saw: as the recipe that the
choice is, quantized here; theirs as their own rounded weights too. Ours may take the bytes that theirs took. Seconds
are of the search alone, in a process that has loaded everything, model and data; ours as anyone runs it, and with the
formats foretold, no pairs and one mix measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx

import qexplorer as qx
from benchmarks.references.subjects import CALIBRATION, calibration, fed, scores, subject
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.machine.description import describe_machine
from qexplorer.observe.collecting.tap import open_session
from qexplorer.quantize.layerwise.streams import SIMULATED

ROOT = Path(__file__).parent.parent
CASES = ("glyphs_mobilenet", "digits_vit", "digits_cnn")
RULES = "name: mix\nweights: {format: int8, granularity: channel}\nlayers:\n"


class Missing(Exception):
    """The package is not there, with the reason."""


def theirs(python: str, model: Model, data: DataSet, bits: float) -> tuple[dict[str, Any], onnx.ModelProto]:
    """What auto_quantize chose, and its graph. Raises Missing."""
    draw = calibration_sample(data, CALIBRATION).split
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        onnx.save(model.proto(), folder / "float.onnx")
        np.savez(folder / "calibration.npz", labels=draw.labels, **calibration(model, data))  # type: ignore[arg-type]
        (folder / "settings.json").write_text(json.dumps({"effective_bits": bits}))
        order = [python, "-m", "benchmarks.modelopt_worker", str(folder)]
        ended = subprocess.run(order, cwd=ROOT, capture_output=True, text=True, check=False)
        if (folder / "missing.txt").exists():
            raise Missing((folder / "missing.txt").read_text())
        if ended.returncode:
            raise RuntimeError(f"auto_quantize failed:\n{ended.stderr[-3000:]}")
        return json.loads((folder / "chosen.json").read_text()), onnx.load(folder / "given.onnx")


def judged(model: Model, data: DataSet, path: Path | onnx.ModelProto) -> dict[str, float]:
    """Accuracy and error on all evaluation samples."""
    inputs = fed(model, data.evaluation)
    answers = []
    for each in (onnx.load(path) if isinstance(path, Path) else path, model.proto()):
        session = open_session(each.SerializeToString(), 1, model.name, settings=SIMULATED)
        total = len(next(iter(inputs.values())))
        rows = [session.run(None, {k: v[i : i + 64] for k, v in inputs.items()})[0] for i in range(0, total, 64)]
        answers.append(np.concatenate(rows))
    return scores(answers[0], answers[1], data)


def _treated(bits: int) -> str:
    return "float: true" if bits > 8 else f"weights: {{format: int{bits}}}"


def case(name: str, python: str, bits: float) -> dict[str, Any]:
    """One model: rows by who chose."""
    model, data = subject(name, 0)
    shown = replace(data, calibration=calibration_sample(data, CALIBRATION).split, digest=f"{data.digest}-shown")
    chosen, graph = theirs(python, model, shown, bits)
    rules = "".join(f"  - {{match: '{layer}', {_treated(width)}}}\n" for layer, width in chosen["bits"].items())
    rows: dict[str, Any] = {"float": judged(model, data, model.proto())}

    def row(recipe: Recipe, seconds: float) -> dict[str, Any]:
        made = qx.quantize(model, recipe, shown)
        sizes = [layer.weight_bytes for layer in made.plan.layers if layer.parameters]
        return {**judged(model, data, Path(made.path)), "weight_bytes": sum(sizes), "seconds": seconds}

    rows["modelopt, its own rounding"] = judged(model, data, graph) | {"seconds": chosen["seconds"]}
    rows["modelopt's choice"] = row(Recipe.parse(RULES + rules), chosen["seconds"])
    whole = row(Recipe.parse("w8"), 0.0)["weight_bytes"]
    share = rows["modelopt's choice"]["weight_bytes"] / whole
    quick: dict[str, Any] = {"pairs": 0, "verified": 1}
    for words, asked in (("ours", {}), ("ours, no pairs and one mix measured", quick)):
        anew = replace(shown, digest=f"{shown.digest}-{words}")  # what is kept of other searches is not found
        began = time.perf_counter()
        found = qx.search(model, anew, "w8", share=share, samples=CALIBRATION, **asked)
        seconds = time.perf_counter() - began
        assert found.best is not None
        rows[words] = row(Recipe.parse(found.best.recipe), seconds)
    rows["all int4"] = row(Recipe.parse("w4"), 0.0)
    return {"version": chosen["version"], "int8_bytes": whole, "bits": chosen["bits"], "rows": rows}


def table(found: dict[str, Any], bits: float) -> str:
    """All cases."""
    lines = [
        "# Mixed precision beside nvidia-modelopt\n",
        f"Weights of 4 and 8 bits at {bits:g} effective bits; {CALIBRATION} samples to search on; "
        f"{describe_machine().cpu}.\n",
        "| model | chosen by | weight bytes, of int8 | accuracy (%) | SQNR (dB) | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        for who, row in one["rows"].items():
            part = f"{row['weight_bytes'] / one['int8_bytes']:.3f}" if row.get("weight_bytes") else ""
            seconds = f"{row['seconds']:.1f}" if row.get("seconds") else ""
            words = who.replace("modelopt", f"modelopt {one['version']}", 1)
            lines.append(
                f"| {name} | {words} | {part} | {row['accuracy (%)']:.2f} | {row['SQNR (dB)']:.2f} | {seconds} |"
            )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measures, prints and keeps; 1 where ours is less accurate than what modelopt chose."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", default=sys.executable, help="whose Python has nvidia-modelopt")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--bits", type=float, default=4.8, help="effective bits of weights")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {}
    try:
        for name in given.only:
            found[name] = case(name, given.python, given.bits)
            print(table(found, given.bits), flush=True)
    except Missing as reason:
        print(f"skipped: {reason}")
        return 0
    if set(given.only) == set(CASES):
        (ROOT / "benchmarks" / "results" / "modelopt.md").write_text(table(found, given.bits))
    if given.json:
        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), "cases": found}, indent=1) + "\n")
    best = [(one["rows"]["ours"], one["rows"]["modelopt's choice"]) for one in found.values()]
    return int(any(mine["accuracy (%)"] < other["accuracy (%)"] for mine, other in best))


if __name__ == "__main__":
    sys.exit(main())
