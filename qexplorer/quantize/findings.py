"""What came out only as a model ran: magnitudes that a narrow float cannot hold, and layers that no file could have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from qexplorer.core.files import write_atomically
from qexplorer.quantize.decide import Decision, keep_float

__all__ = ["NOTHING_FOUND", "Findings", "keep_refused_float", "load_refused", "save_refused"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a model beyond its graph and its statistics.

    Attributes:
        largest: the largest magnitude that was met on data, by tensor.
        refused: layers that have to stay in float because a file with them in another form does not open or run, with
            the reason.
    """

    largest: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


NOTHING_FOUND = Findings()


def keep_refused_float(decisions: dict[str, Decision], refused: Mapping[str, str]) -> dict[str, Decision]:
    """``decisions`` with the layers in ``refused`` in float, their weights too."""
    kept = {n: replace(keep_float(decisions[n], why), weight=None) for n, why in refused.items() if n in decisions}
    return decisions | kept


def load_refused(path: Path) -> dict[str, str]:
    """What :func:`save_refused` wrote beside the file; nothing if it wrote nothing."""
    if not path.exists():
        return {}
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def save_refused(refused: Mapping[str, str], path: Path) -> None:
    """Keeps ``refused``, so that the plan of a file that is there is found again."""
    write_atomically(path, json.dumps(dict(refused)).encode())
