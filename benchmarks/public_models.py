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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECIPES = ("w8a8", "w8a8-dynamic")
BACKENDS = ("onnxruntime", "onnxruntime-unpacked", "openvino", "torch", "litert", "torch-inductor")


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
    """The figures of quality in words, the cosine only where there is no other; then how the graph is followed."""
    told = {title: text(*found) for title, found in run["figures"].items()}
    others = [f"{title} {value}" for title, value in told.items() if not title.startswith("cosine")]
    fidelity = run["fidelity"] or {}
    steps = fidelity.get("max_lsb")
    followed = "exact" if fidelity.get("exact") else f"{steps:.3g} step{'' if steps == 1 else 's'} off" if steps else ""
    quality = others or [f"{title} {value}" for title, value in told.items()] or ["as float"]
    return ", ".join([*quality[:2], *filter(None, [followed])])


def text(value: float, unit: str, form: str) -> str:
    """A number as the task writes it."""
    return f"{value * (100 if unit == '%' else 1):{form}} {unit}".rstrip()


def cell(found: dict[str, Any] | None, recipe: str) -> str:
    """What is said of one recipe on one backend; empty where it was not tried."""
    if found is None:
        return ""
    if "refused" in found:
        return f"not run: {found['refused'].removeprefix('qexplorer: error: ')}"
    run = next((run for run in found["runs"] if run["recipe"] == recipe), None)
    if run is None:
        return ""
    return figure(run) if run["status"] == "ok" else f"{run['status']}: {run['reason']}"


def table(found: dict[str, Any], recipes: Sequence[str] = RECIPES) -> str:
    """Markdown: a row for each model and recipe, a column for each backend; sentences stand below, once each."""
    lines = [
        "# Public models, from file to verdict",
        "",
        "`python benchmarks/public_models.py FOLDER`: `compare --quick` on inputs without labels; quality is similarity"
        " to the float model on the samples that judge, `exact` and steps are against the simulation of the same"
        " graph. An empty field was not tried. Nothing of these models is part of this project.",
        "",
        f"| model | recipe | {' | '.join(BACKENDS)} |",
        "|---" * (2 + len(BACKENDS)) + "|",
    ]
    sentences: dict[str, int] = {}
    for name, by_backend in found.items():
        for recipe in recipes:
            cells = [cell(by_backend.get(backend), recipe) for backend in BACKENDS]
            lines.append(f"| {name} | {recipe} | {' | '.join(_short(text, sentences) for text in cells)} |")
    lines += ["", *(f"{number}. {text}" for text, number in sentences.items())]
    return "\n".join(lines).rstrip() + "\n"


def _short(text: str, sentences: dict[str, int]) -> str:
    """A sentence by its first word and number."""
    first, colon, rest = text.partition(": ")
    return f"{first} ({sentences.setdefault(rest, len(sentences) + 1)})" if colon else text


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
            said = [f"{b} {r}: {cell(kept[b], r)}" for b in order.backends for r in order.recipes]
            print(name, *said, sep="\n   ", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
