"""What OpenVINO runs as integers on each class of processor: the tables of docs/backends/openvino.md as data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["CONVOLUTIONS", "FACTS", "LIMITS", "RECIPES", "Fact", "class_here", "class_of"]

CONVOLUTIONS = 11
"""Convolutions of digits_cnn, with which the facts were found."""
_SIGNED = "weights: {format: int8, granularity: channel}\nactivations: {format: int8"
RECIPES: Mapping[str, str] = {
    **{
        name: name
        for name in ("w8a8", "w4a8", "w2a8", "w4a4", "w8a8-dynamic", "w8", "w8-b32", "w4-b32", "w8a16", "bf16")
    },
    "signed": f"name: signed\n{_SIGNED}}}",
    "signed, symmetric": f"name: symmetric\n{_SIGNED}, symmetric: true}}",
    "unsigned": "name: unsigned\nweights: {format: uint8, symmetric: false, granularity: channel}\n"
    "activations: {format: uint8}",
}


class Fact(NamedTuple):
    """Quantized by ``recipe``, all convolutions run on ``kind``; ``labels`` counts other kernels of that kind."""

    recipe: str
    kind: str
    labels: Mapping[str, int] = {}


_EVERYWHERE = (
    Fact("w8a8", "integer"),
    Fact("w4a8", "integer"),
    Fact("w2a8", "integer"),
    Fact("w4a4", "integer"),
    Fact("unsigned", "float", {"FullyConnected (uint8 weights)": 1}),
    Fact("w8a8-dynamic", "float"),
    Fact("w8", "float"),
    Fact("w8-b32", "float", {"FullyConnected (int8 weights)": 1}),
    Fact("w4-b32", "float"),
    Fact("w8a16", "float"),
    Fact("bf16", "float"),
)
_WITHOUT_TILES = (*_EVERYWHERE, Fact("signed", "integer"), Fact("signed, symmetric", "integer"))

FACTS: Mapping[str, Sequence[Fact]] = {
    "AMX": (*_EVERYWHERE, Fact("signed", "float")),
    "AVX-512": _WITHOUT_TILES,
    "AVX2": _WITHOUT_TILES,
}
"""Class of processor -> what was seen on one of it (OpenVINO 2026.4). A class that is not here was not looked at."""
LIMITS: Mapping[str, str] = {"AVX-512": "AVX512_CORE_VNNI", "AVX2": "AVX2"}
"""Class -> the ``ONEDNN_MAX_CPU_ISA`` with which a processor that has more behaves as one of it."""
_BY_FEATURE = {"amx_int8": "AMX", "avx512bw": "AVX-512", "avx2": "AVX2"}
_MOST = {"AVX512_CORE_VNNI": "AVX-512", "AVX512_CORE": "AVX-512", "AVX2_VNNI": "AVX2", "AVX2": "AVX2"}


def class_of(features: Sequence[str] | None, limit: str = "") -> str | None:
    """The class of a processor with ``features``; None for one that no fact is known of.

    Args:
        features: as ``machine.cpu.cpu_features`` gives them.
        limit: ``ONEDNN_MAX_CPU_ISA`` where it is set.
    """
    if features is None:
        return None
    had = [name for feature, name in _BY_FEATURE.items() if feature in features]
    if limit:
        lower = _MOST.get(limit.upper())
        return lower if lower in had else None
    return had[0] if had else None


def class_here() -> str | None:
    """The class of the processor that runs this."""
    from qexplorer.machine.cpu import cpu_features

    return class_of(cpu_features(), os.environ.get("ONEDNN_MAX_CPU_ISA", ""))
