"""What each number format is, in one row: its bits, its levels, and which backends compute on its codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.core.formats import FORMATS, Format, Storage
from qexplorer.core.wire import Wire

if TYPE_CHECKING:
    from qexplorer.run.protocol import Capabilities

__all__ = ["FormatFacts", "formats"]

MOST_LEVELS = 256
"""Levels of wider formats are not listed."""


@dataclass(frozen=True, slots=True)
class FormatFacts(Wire):
    """One registered format.

    Attributes:
        name: what a person types.
        bits: of one packed code.
        levels: all finite values at scale 1, ascending; None where there are more than 256, or where they are learned.
        count: how many there are; None for float32.
        runs_on: backends that declare kernels which compute on its codes, or in that type if it is a 16-bit float
            (where the processor decides that, on this one); float32 runs on all.
        roles: what it can be asked for: ``weight``, ``activation``.
        granularities: how its scales can be shared; none without a scale.
        stored: the ONNX type that stores a code.
        simulated: whether it is decoded or cast to float wherever it runs.
    """

    name: str
    bits: int
    levels: tuple[float, ...] | None
    count: int | None
    runs_on: tuple[str, ...]
    roles: tuple[str, ...]
    granularities: tuple[str, ...]
    stored: str
    simulated: bool


def formats() -> tuple[FormatFacts, ...]:
    """Every registered format, in the order of lists."""
    return tuple(_facts(each) for each in sorted(FORMATS, key=lambda item: not item.is_uniform))


def _facts(found: Format) -> FormatFacts:
    from qexplorer.run.registry import BACKENDS

    levels = found.levels()
    listed = None if levels is None or len(levels) > MOST_LEVELS else tuple(map(float, levels))
    whole = found.storage is Storage.CAST and found.bits == 32
    names = [
        each.name
        for each in BACKENDS
        if whole or found.name in _computed(each.capabilities, half=found.storage is Storage.CAST)
    ]
    return FormatFacts(
        found.name,
        found.bits,
        listed,
        None if levels is None else len(levels),
        tuple(names),
        tuple(sorted(found.roles)),
        tuple(map(str, found.granularities)),
        found.carrier,
        not names,
    )


def _computed(declared: Capabilities, *, half: bool) -> frozenset[str]:
    return declared.halves() if half else declared.weight_formats | declared.activation_formats
