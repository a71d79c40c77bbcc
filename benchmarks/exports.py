"""Are exports still the same? Digests of what every sample and recipe comes to, to be compared between two versions.

    python benchmarks/exports.py --out before.json            # in the one checkout
    python benchmarks/exports.py --out after.json             # in the other
    python benchmarks/exports.py --against before.json --out after.json    # exit code 1 where anything differs

Only the public surface is used, so that the same script runs on both. ``file`` is the SHA-256 of the whole file;
``graph`` leaves out the metadata, in which the recipe's text stands: nodes, codes, scales and zero points.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import onnx

import qexplorer as qx

MODELS = ("digits_cnn", "glyphs_mobilenet", "tumour_mlp", "resnet18")
RECIPES = (
    "w8a8",
    "w8a8-tensor",
    "w8a8-dynamic",
    "w8a8-sym",
    "w8a8-mse",
    "w8a8-kl",
    "w8a8-percentile",
    "w4a8",
    "w3a6-average",
    "w8a16",
    "w8-asym",
    "w4-b32",
    "w2-kl",
    "w4-mse",
    "w5-percentile",
    "fp16",
    "bf16",
)


def digests(content: bytes) -> dict[str, str]:
    """SHA-256 of a file of ONNX as it is, and without its metadata."""
    proto = onnx.load_from_string(content)
    del proto.metadata_props[:]
    proto.producer_version = ""
    graph = proto.SerializeToString(deterministic=True)
    return {"file": hashlib.sha256(content).hexdigest(), "graph": hashlib.sha256(graph).hexdigest()}


def exports() -> dict[str, dict[str, str]]:
    """Digests by ``model recipe``; what is refused has its sentence."""
    found: dict[str, dict[str, str]] = {}
    for name in MODELS:
        model = qx.load(name)
        for recipe in RECIPES:
            try:
                found[f"{name} {recipe}"] = digests(qx.quantize(model, recipe, samples=128).onnx)
            except Exception as error:
                found[f"{name} {recipe}"] = {"refused": str(error)}
            print(name, recipe, next(iter(found[f"{name} {recipe}"].values()))[:16], flush=True)
    return found


def main() -> int:
    """Writes the digests, and says what differs from an earlier file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--against", type=Path)
    order = parser.parse_args()
    found = exports()
    order.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if order.against is None:
        return 0
    before = json.loads(order.against.read_text(encoding="utf-8"))
    key = ("graph", "refused")
    differing = [n for n, d in found.items() if {k: d.get(k) for k in key} != {k: before[n].get(k) for k in key}]
    print(f"{len(found) - len(differing)} of {len(found)} are the same" + "".join(f"\ndiffers: {n}" for n in differing))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
