"""``qexplorer inspect MODEL``: what is in a model, and what can be quantized."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer import api
from qexplorer.cli.terminal import print_facts, print_json, print_table, say
from qexplorer.core.model import Layer, Model, TensorInfo
from qexplorer.report.words import bytes_text, count_text

__all__ = ["inspection", "run"]

_LAYER_FIELDS = ("name", "op", "quantizable", "reason", "parameters", "macs", "computes")


def run(order: argparse.Namespace) -> int:
    """Loads the model and prints its layers."""
    model = api.load(order.model, architecture=order.architecture)
    if order.json:
        print_json(inspection(model))
        return 0
    computing, folded = model.computing_layers, len(model.layers) - len(model.computing_layers)
    print_facts(
        {
            "model": model.name + (" (untrained: size and latency only)" if model.untrained else ""),
            "sha256": model.sha256,
            "opset": model.opset,
            "inputs": "; ".join(map(_tensor_text, model.inputs)),
            "outputs": "; ".join(map(_tensor_text, model.outputs)),
            "parameters": count_text(model.parameters),
            "macs": None if model.macs is None else f"{count_text(model.macs)} a sample",
            "file": _file_text(model),
            "quantizable": f"{sum(each.quantizable for each in computing)} of {len(computing)} layers",
        }
    )
    say()
    rows = [(each.name, each.op, count_text(each.parameters), count_text(each.macs), _able(each)) for each in computing]
    print_table(("layer", "operator", "parameters", "macs", "can be quantized"), rows)
    if folded:
        say(f"nodes that only move data or work on shapes: {folded} more (all of them: --json)")
    for note in model.notes:
        say(f"note: {note}")
    return 0


def inspection(model: Model) -> dict[str, Any]:
    """What ``inspect --json`` prints."""
    about = {k: getattr(model, k) for k in ("name", "sha256", "opset", "parameters", "macs", "untrained", "notes")}
    about |= {side: [_tensor(info) for info in getattr(model, side)] for side in ("inputs", "outputs")}
    about |= {"file_bytes": model.file_bytes, "given_bytes": model.given_bytes, "weight_bytes": model.weight_bytes}
    about |= {"classes": list(model.classes)}
    layers = [{field: getattr(layer, field) for field in _LAYER_FIELDS} for layer in model.layers]
    return {"model": about, "layers": layers}


def _file_text(model: Model) -> str:
    """The file as it was given, and as it runs here where that differs."""
    runs = bytes_text(model.file_bytes)
    given = bytes_text(model.given_bytes) if model.given_bytes else runs
    return runs if given == runs else f"{given} as given, {runs} in the form that runs here"


def _able(layer: Layer) -> str | None:
    return "yes" if layer.quantizable else layer.reason


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {"name": info.name, "dtype": info.dtype, "shape": list(info.shape)}


def _tensor_text(info: TensorInfo) -> str:
    sizes = " x ".join("?" if size is None else str(size) for size in info.shape)
    return f"{info.name} {info.dtype} {sizes}".rstrip()
