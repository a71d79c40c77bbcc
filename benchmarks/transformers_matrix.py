"""Small transformers as PyTorch exports them, by every recipe on every backend: what runs, and how far off.

    python benchmarks/transformers_matrix.py --out benchmarks/results/transformers.json
    python benchmarks/transformers_matrix.py --backends litert --opsets 17 --families bert vit --out litert.json

Needs nothing from the network: weights are random (``transformer_families.py``). For every model, recipe and backend
there is one number or one sentence: the signal-to-noise ratio of the answers against the float graph in ONNX Runtime,
that against the simulation of the same quantized graph, or why it does not run. Exports whose loaded graphs are the
same are measured once. A table in Markdown is written beside the JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qexplorer as qx
from benchmarks.transformer_families import EXPORTERS, FAMILIES, export, inputs_of
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import BACKENDS, reference

Arrays = dict[str, NDArray[Any]]
RECIPES = ("float", "w8a8", "w8a8-dynamic", "w8", "w4-b32", "fp16")
BACKEND_NAMES = ("onnxruntime", "openvino", "torch", "litert", "torch-inductor")
OPSETS = (13, 17, 18, 21)
N_CALIBRATION, N = 64, 32


def sqnr_db(found: NDArray[Any], expected: NDArray[Any]) -> float | None:
    """Signal-to-noise ratio in dB; None where nothing differs."""
    noise = float(np.square(found.astype(np.float64) - expected).sum())
    signal = float(np.square(expected.astype(np.float64)).sum())
    return None if noise == 0 else round(10 * float(np.log10(signal / noise)), 1)


def answers(backend: str, path: Path, feeds: Arrays, model: Model, mode: Mode) -> list[NDArray[Any]]:
    """Outputs for all samples: two batches, or one by one where the batch is fixed."""
    session = BACKENDS.get(backend).load(path, SessionOptions(mode))
    size = model.fixed_batch or N // 2
    parts = [session.run({k: v[i : i + size] for k, v in feeds.items()}) for i in range(0, N, size)]
    return [np.concatenate(found) for found in zip(*parts, strict=True)]


def one_cell(backend: str, path: Path, feeds: Arrays, model: Model, known: dict[str, Any]) -> dict[str, Any]:
    """What one graph comes to on one backend."""
    try:
        found = answers(backend, path, feeds, model, Mode.NATIVE)
    except Exception as error:  # what a backend says is the result
        return {"refused": " ".join(str(error).split()), "kind": type(error).__name__}
    if any(a.shape != b.shape for a, b in zip(found, known["float"], strict=True)):
        return {"refused": f"shapes {[a.shape for a in found]}", "kind": "wrong"}
    return {
        "to_float": sqnr_db(found[0], known["float"][0]),
        "to_simulation": sqnr_db(found[0], known["simulated"][0]) if known["simulated"] is not None else None,
    }


def one_model(source: Path, feeds: Arrays, data: Path, recipes: list[str], backends: list[str]) -> dict[str, Any]:
    """All recipes and backends of one exported file."""
    model = qx.load(source)
    able, counted = sum(layer.quantizable for layer in model.computing_layers), len(model.computing_layers)
    facts: dict[str, Any] = {"macs": model.macs, "layers": f"{able} of {counted}", "notes": list(model.notes)}
    given = fit_to_model(qx.data(data), model)
    known: dict[str, Any] = {"float": answers(reference().name, source, feeds, model, Mode.NATIVE), "simulated": None}
    facts["results"] = {name: one_recipe(name, model, given, feeds, backends, known) for name in recipes}
    return facts


def survives(path: Path) -> bool:
    """Whether a process lives on that opens the file in ONNX Runtime with its defaults."""
    code = f"import onnxruntime; onnxruntime.InferenceSession({str(path)!r})"
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode >= 0


def one_recipe(
    name: str, model: Model, data: DataSet, feeds: Arrays, backends: list[str], known: dict[str, Any]
) -> dict[str, Any]:
    """One recipe on all backends."""
    try:
        path = model.path if name == "float" else qx.quantize(model, name, data, samples=N_CALIBRATION).path
    except Exception as error:  # what the quantizer says is the result
        return {"all": {"refused": " ".join(str(error).split()), "kind": type(error).__name__}}
    if not survives(path):
        return {"all": {"refused": "ONNX Runtime crashes while it loads the file", "kind": "crash"}}
    try:
        known["simulated"] = answers(reference().name, path, feeds, model, Mode.SIMULATED)
    except Exception:  # said by the backend's own cell
        known["simulated"] = None
    return {backend: one_cell(backend, path, feeds, model, known) for backend in backends}


def graph_digest(model: Model) -> str:
    """SHA-256 of a loaded graph without names."""
    proto = model.proto()
    names: dict[str, str] = {}

    def new(name: str) -> str:
        return names.setdefault(name, str(len(names))) if name else ""

    digest = hashlib.sha256()
    weights = {item.name: item for item in proto.graph.initializer}
    for node in proto.graph.node:
        reads = [weights[n].SerializeToString() if n in weights else new(n).encode() for n in node.input]
        settings = sorted(a.SerializeToString() for a in node.attribute)
        for part in (node.op_type.encode(), *reads, *(new(n).encode() for n in node.output), *settings):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def cases(order: argparse.Namespace) -> list[tuple[str, str, int, bool]]:
    """Family, exporter, opset, and whether the batch is free: fixed as well for the second opset."""
    found = []
    for family in order.families:
        for exporter in order.exporters:
            for opset in order.opsets:
                found += [(family, exporter, opset, True)] + [(family, exporter, opset, False)] * (opset in order.fixed)
    return found


def run(order: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that was asked for, by the name of the export."""
    found: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for family, exporter, opset, free in cases(order):
        name = f"{family} {exporter} {opset} {'free' if free else 'fixed'}"
        source, data = folder / f"{name.replace(' ', '_')}.onnx", folder / f"{family}.npz"
        feeds = inputs_of(family, N, seed=1)
        kept = inputs_of(family, N_CALIBRATION, seed=2)
        arrays: dict[str, Any] = {f"{k}_calibration": v for k, v in kept.items()} | feeds
        np.savez(data, **arrays)
        try:
            export(family, exporter, opset, source, dynamic=free)
        except Exception as error:  # the exporter's own limits
            found[name] = {"not_exported": str(error).strip().splitlines()[0][:160]}
            continue
        digest = graph_digest(qx.load(source)) + str(free)
        if digest in seen:
            found[name] = {"same_as": seen[digest]}
        else:
            seen[digest] = name
            found[name] = one_model(source, feeds, data, order.recipes, order.backends)
        order.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, _short(found[name]), flush=True)
    return found


def _short(value: dict[str, Any]) -> str:
    if "results" not in value:
        return str(value)
    parts = [f"{value['layers']} layers, {value['macs']} MACs"]
    for recipe, row in value["results"].items():
        parts.append(f"{recipe}: " + ", ".join(f"{b} {_cell(c)}" for b, c in row.items()))
    return "\n   ".join(parts)


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    if "refused" in cell:
        return f"refused ({cell['refused']})"
    texts = ["exact" if cell[key] is None else f"{cell[key]:.1f}" for key in ("to_float", "to_simulation")]
    return " / ".join(texts)


def table(found: dict[str, Any]) -> str:
    """The results as Markdown: a row for each export and recipe."""
    backends = list(dict.fromkeys(b for v in found.values() for row in v.get("results", {}).values() for b in row))
    lines = [
        "# Small transformers as PyTorch exports them",
        "",
        "`python benchmarks/transformers_matrix.py`: SQNR in dB against float / against the simulation.",
        f"{N_CALIBRATION} samples to calibrate, {N} to judge; random weights. Exports that load to the same graph are"
        " measured once.",
        "",
        f"| export | MACs | recipe | {' | '.join(backends)} |",
        "|---" * (3 + len(backends)) + "|",
    ]
    for name, value in found.items():
        for recipe, row in value.get("results", {}).items():
            cells = [_cell(row.get(b)).replace("|", "/") for b in backends]
            lines.append(f"| {name} | {value['macs']} | {recipe} | {' | '.join(cells)} |")
    same = [f"{name} = {v['same_as']}" for name, v in found.items() if "same_as" in v]
    lines += ["", "The same graph: " + "; ".join(same) + "."] if same else []
    lines += ["", *(f"- {n} is not exported: {v['not_exported']}" for n, v in found.items() if "not_exported" in v)]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Runs what is asked for and writes JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--exporters", nargs="+", default=list(EXPORTERS), choices=EXPORTERS)
    parser.add_argument("--opsets", nargs="+", type=int, default=list(OPSETS))
    parser.add_argument("--fixed", nargs="*", type=int, default=[18], help="opsets exported with a fixed batch as well")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--backends", nargs="+", default=list(BACKEND_NAMES))
    order = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        found = run(order, Path(folder))
    order.out.with_suffix(".md").write_text(table(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
