"""Public models from file to verdict: one command of ``compare`` for each, and what came out on each backend.

    python benchmarks/public_models.py FOLDER --out benchmarks/results/public_models.json
    python benchmarks/public_models.py FOLDER --out ... --models pfld d00t --backends litert torch-inductor

``FOLDER`` holds ``name.onnx``, and beside it ``name.npz`` with inputs, the first axis the samples; labels are not
needed. For every model, recipe and backend there is a figure of quality (the task's first metric, else similarity to
float) or the sentence that refuses it. What is in ``--out`` stays, so that backends that compile for long can be added
later; a table in Markdown is written beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RECIPES = ("w8a8", "w8a8-dynamic")
BACKENDS = ("onnxruntime", "openvino", "torch", "litert", "torch-inductor")


def compared(path: Path, order: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What one command says of one model: its runs, or its last line where it gives up."""
    command = [sys.executable, "-m", "qexplorer", "compare", str(path), "--data", str(path.with_suffix(".npz"))]
    command += ["--recipe", *order.recipes, "--backend", *order.backends, "--quick", "--json"]
    command += ["--samples", str(order.samples)]
    start = time.monotonic()
    written = folder / "out.json"
    try:
        with written.open("wb") as out:
            done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, timeout=order.timeout, check=False)
    except subprocess.TimeoutExpired:
        return {"refused": f"not done after {order.timeout} s"}
    said = " ".join(done.stderr.decode(errors="replace").split())
    try:
        found = json.loads(written.read_text(encoding="utf-8"))
    except ValueError:
        return {"refused": said or f"nothing was written (exit {done.returncode})"}
    runs = [row(run) for run in found["runs"]]
    return {"runs": runs, "seconds": round(time.monotonic() - start), "task": found["data"]["task"]}


def row(run: dict[str, Any]) -> dict[str, Any]:
    """The part of a run that the table needs."""
    judged = [run["accuracy"], *run["metrics"]] if run["accuracy"] else list(run["metrics"])
    figures = {m["title"]: [m["value"], m["unit"], m["form"]] for m in judged if m["value"] is not None}
    kept = {key: run[key] for key in ("recipe", "backend", "status", "reason")}
    return kept | {"figures": figures, "fidelity": run["fidelity"], "notes": run.get("notes", [])}


def figure(run: dict[str, Any]) -> str:
    """The first figure of quality in words; a dash for the run that the others are compared with."""
    for title, (value, unit, form) in run["figures"].items():
        factor = 100 if unit == "%" else 1
        return f"{title} {value * factor:{form}} {unit}".rstrip()
    exact = run["fidelity"] and run["fidelity"]["exact"]
    return "the same answers" if exact else "no figure"


def cell(run: dict[str, Any] | None) -> str:
    """One field of the table."""
    if run is None:
        return ""
    if run["status"] != "ok":
        return f"{run['status']}: {run['reason']}".replace("|", "/")
    return figure(run)


def table(found: dict[str, Any]) -> str:
    """Markdown: a row for each model and recipe, a column for each backend."""
    lines = [
        "# Public models, from file to verdict",
        "",
        "`python benchmarks/public_models.py FOLDER`: `compare --quick` on inputs without labels; quality is similarity"
        " to the float model on the samples that judge. Nothing of these models is part of this project.",
        "",
        f"| model | recipe | {' | '.join(BACKENDS)} |",
        "|---" * (2 + len(BACKENDS)) + "|",
    ]
    for name, by_backend in found.items():
        recipes = dict.fromkeys(run["recipe"] for value in by_backend.values() for run in value.get("runs", ()))
        refused = [f"{value['refused']}" for value in by_backend.values() if "refused" in value]
        for recipe in recipes:
            if recipe == "float":
                continue
            cells = [cell(run_of(by_backend, backend, recipe)) for backend in BACKENDS]
            lines.append(f"| {name} | {recipe} | {' | '.join(cells)} |")
        empty = " |" * (len(BACKENDS) - 1)
        lines += [f"| {name} | | {text.replace('|', '/')} |{empty}" for text in dict.fromkeys(refused)]
    return "\n".join(lines) + "\n"


def run_of(by_backend: dict[str, Any], backend: str, recipe: str) -> dict[str, Any] | None:
    """The run of ``recipe`` on ``backend``; the float one where that failed, as the others then were not tried."""
    runs = by_backend.get(backend, {}).get("runs", ())
    return next((run for run in runs if run["recipe"] == recipe), None)


def main() -> int:
    """Runs what is asked for, keeps the rest, writes JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", nargs="+", help="names without .onnx (all that have inputs)")
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS), choices=BACKENDS)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one model")
    order = parser.parse_args()
    models = order.models or sorted(p.stem for p in order.folder.glob("*.onnx") if p.with_suffix(".npz").exists())
    found = json.loads(order.out.read_text(encoding="utf-8")) if order.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in models:
            value = compared(order.folder / f"{name}.onnx", order, Path(folder))
            kept = found.setdefault(name, {})
            for backend in order.backends:
                runs = [run for run in value.get("runs", ()) if run["backend"] == backend]
                kept[backend] = value | {"runs": runs} if "runs" in value else value
            order.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            order.out.with_suffix(".md").write_text(table(found), encoding="utf-8")
            said = [f"{run['backend']} {run['recipe']}: {cell(run)}" for run in value.get("runs", ())]
            print(name, value.get("seconds"), value.get("refused", ""), *said, sep="\n   ", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
