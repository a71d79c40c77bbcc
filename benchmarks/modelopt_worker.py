"""Runs auto_quantize of nvidia-modelopt on one model, in whichever Python this is started with.

    python -m benchmarks.modelopt_worker FOLDER

Reads ``float.onnx``, ``calibration.npz`` (inputs by name, and ``labels``) and ``settings.json`` (``effective_bits``)
in FOLDER; writes ``chosen.json`` (bits of each layer's weight, seconds of the search by clock and
processor, version) and ``given.onnx``, the float graph with the values that its codes stand for.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from benchmarks.references.as_torch import TorchModel

__all__ = ["main"]

_BATCH = 8


def _weights_in(bits: int) -> dict[str, Any]:
    """A scale for each output channel, symmetric, the largest value at its end; activations in float."""
    rules = [
        {"quantizer_name": "*", "enable": False},
        {"quantizer_name": "*weight_quantizer", "enable": True, "cfg": {"num_bits": bits, "axis": 0}},
    ]
    return {"quant_cfg": rules, "algorithm": "max"}


def main(folder: Path) -> int:
    """0; 3 where the package is missing, with the reason in ``missing.txt``."""
    try:
        import modelopt.torch.quantization as mtq
    except ImportError as error:
        (folder / "missing.txt").write_text(str(error).splitlines()[0])
        return 3
    settings = json.loads((folder / "settings.json").read_text())
    with np.load(folder / "calibration.npz") as held:
        given = {name: torch.from_numpy(held[name]) for name in held.files}
    labels = given.pop("labels").long()
    model = TorchModel(onnx.load(folder / "float.onnx"))
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    names = list(model.input_names)
    starts = range(0, len(labels), _BATCH)
    batches = [(*(given[n][i : i + _BATCH] for n in names), labels[i : i + _BATCH]) for i in starts]

    def answered(network: Any, batch: Any) -> torch.Tensor:
        found: torch.Tensor = network(*batch[:-1])
        return found

    def loss(output: torch.Tensor, batch: Any) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(output, batch[-1])

    began, worked = time.perf_counter(), time.process_time()
    found, _ = mtq.auto_quantize(
        model,
        constraints={"effective_bits": settings["effective_bits"]},
        quantization_formats=[_weights_in(4), _weights_in(8)],
        data_loader=batches,
        forward_step=answered,
        loss_func=loss,
        num_calib_steps=len(batches),
        num_score_steps=len(batches),
        disabled_layers=[],
    )
    took = {"seconds": time.perf_counter() - began, "processor_s": time.process_time() - worked}
    chosen = {}
    for node, layer in zip(found.layer_names, found.layers.all, strict=True):
        quantizer = layer.weight_quantizer
        chosen[node] = int(quantizer.num_bits) if quantizer.is_enabled else 32
    with torch.no_grad():
        proto = found.with_weights(lambda layer: layer.weight_quantizer(layer.weight))
    onnx.save(proto, folder / "given.onnx")
    version = importlib.metadata.version("nvidia-modelopt")
    (folder / "chosen.json").write_text(json.dumps({"bits": chosen, "version": version} | took))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
