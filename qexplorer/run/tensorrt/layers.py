"""What TensorRT's engine inspector says of each layer, read: its types, and the nodes that it computes.

The inspector's JSON holds, for an engine built with detailed verbosity, one object per layer with ``Name``,
``LayerType``, ``Inputs`` and ``Outputs`` (each with ``Format/Datatype``), ``TacticName`` and ``Metadata``, which names
the ONNX nodes as ``[ONNX Layer: name]``. Without detail a layer is a string. (TensorRT 8.6 to 10.16)
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qexplorer.core.results import Kernels
from qexplorer.run.protocol import Executed, KernelKind

__all__ = ["EngineLayer", "executed_layers", "kernels_of_layers", "read_layers"]

UNKNOWN = "types unknown"
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_CONVERTS = ("reformat", "quantize", "dequantize", "cast")
_MOVES = ("noop", "shuffle", "constant", "slice", "concat", "gather", "shape", "copy", "signal", "wait", "padding")
_FUSED = ("kgen", "myelin", "foreignnode", "pointwise")
_TYPES = (  # the first that a description holds; "fp16" before "float"
    ("int8", ("int8",)),
    ("int4", ("int4",)),
    ("fp8", ("fp8", "e4m3")),
    ("bf16", ("bf16", "bfloat16")),
    ("fp16", ("fp16", "half")),
    ("fp32", ("fp32", "float")),
)


@dataclass(frozen=True, slots=True)
class EngineLayer:
    """One layer of an engine.

    Attributes:
        name: what TensorRT calls it.
        op: its type, with the float type where that is not float32; says so if types are not told.
        kind: what it works on; None if TensorRT does not tell.
        nodes: names of the ONNX nodes in it.
    """

    name: str
    op: str
    kind: KernelKind | None
    nodes: tuple[str, ...]


def read_layers(text: str) -> list[EngineLayer]:
    """The layers of the inspector's JSON ``text``, in the order of execution."""
    return [_layer(entry) for entry in json.loads(text).get("Layers", [])]


def kernels_of_layers(layers: Sequence[EngineLayer]) -> Kernels:
    """Layers counted by what they work on; those whose types are not told are under ``other`` and say so."""
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    for layer in layers:
        computes = layer.kind in (KernelKind.INTEGER, KernelKind.FLOAT)
        counts[str(layer.kind) if computes else "other"][layer.op] += 1
    return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})


def executed_layers(
    layers: Sequence[EngineLayer], ms: Mapping[str, float], left_out: Collection[str]
) -> tuple[Executed, ...]:
    """Layers with their times.

    Args:
        layers: the engine's.
        ms: median milliseconds by layer name.
        left_out: nodes that are not told (quantizers).

    A layer whose types TensorRT does not tell counts as float, and its name of the operator says so.
    """
    found = []
    for layer in layers:
        computes = layer.kind in (KernelKind.INTEGER, KernelKind.FLOAT, None)
        nodes = tuple(node for node in layer.nodes if node not in left_out) if computes else ()
        found.append(Executed(layer.name, layer.op, layer.kind or KernelKind.FLOAT, ms.get(layer.name), nodes))
    return tuple(found)


def _layer(entry: Any) -> EngineLayer:
    if isinstance(entry, str):
        return EngineLayer(entry, f"layer ({UNKNOWN})", None, ())
    name, kind = str(entry.get("Name", "")), str(entry.get("LayerType", "layer"))
    nodes = tuple(dict.fromkeys(_NODE.findall(str(entry.get("Metadata", "")))))
    lower = kind.lower()
    if any(word in lower for word in _CONVERTS):
        return EngineLayer(name, kind, KernelKind.CONVERTS, nodes)
    if any(word in lower for word in _MOVES):
        return EngineLayer(name, kind, KernelKind.MOVES, nodes)
    inputs = [_type_of(str(item.get("Format/Datatype", ""))) for item in entry.get("Inputs", [])]
    first = inputs[0] if inputs else None
    if first is None or (first == "int8" and not _computes_on_codes(lower, str(entry.get("TacticName", "")))):
        return EngineLayer(name, f"{kind} ({UNKNOWN})", None, nodes)
    if first == "int8":
        return EngineLayer(name, kind, KernelKind.INTEGER, nodes)
    return EngineLayer(name, kind if first == "fp32" else f"{kind} ({first})", KernelKind.FLOAT, nodes)


def _computes_on_codes(layer_type: str, tactic: str) -> bool:
    """Whether a layer that reads int8 computes on it: a fused piece may dequantize first, unless its tactic tells."""
    if not any(word in layer_type for word in _FUSED):
        return True
    return any(word in tactic.lower() for word in ("i8i8", "int8", "s8s8"))


def _type_of(description: str) -> str | None:
    text = description.lower()
    return next((name for name, words in _TYPES if any(word in text for word in words)), None)
