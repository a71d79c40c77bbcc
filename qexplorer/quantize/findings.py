"""What came out only as a model ran: magnitudes that a narrow float cannot hold, and layers that no file could have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from qexplorer.core.files import is_whole, read_sealed, write_sealed
from qexplorer.quantize.decide import Decision, keep_float

__all__ = ["NOTHING_FOUND", "Findings", "Written", "keep_refused_float", "read_written", "save_written"]


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


@dataclass(frozen=True, slots=True)
class Written:
    """What is kept beside a quantized file, so that the file is believed and its plan is found again.

    Attributes:
        sha256: the file's digest.
        refused: layers that had to stay in float, with the reason.
    """

    sha256: str
    refused: dict[str, str] = field(default_factory=dict)


def read_written(path: Path) -> Written | None:
    """What :func:`save_written` kept beside the quantized file at ``path``; None if there is nothing of it, or the file
    is gone or is not what was written."""
    kept = read_sealed(_record(path))
    written = None if kept is None else Written(**json.loads(kept))
    return written if written is not None and is_whole(path, written.sha256) else None


def save_written(written: Written, path: Path) -> None:
    """Keeps ``written`` beside the quantized file at ``path``, to be called before the file gets that name."""
    write_sealed(_record(path), json.dumps(asdict(written)).encode())


def _record(path: Path) -> Path:
    return path.with_suffix(".written.json")
