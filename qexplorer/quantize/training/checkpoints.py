"""The state of a training run on disk: what it needs to go on to the very same end."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.quantize.training.seen import Epoch, Trained

__all__ = ["Held", "digest_of_state", "load_state", "save_state"]

_SCHEMA = 3
_BEFORE = 2  # chose by the loss, and named no device


@dataclass(frozen=True, slots=True)
class Held:
    """What was kept.

    Attributes:
        trained: the epochs so far.
        best: the best state so far.
        device: where they were trained: ``cpu`` or ``cuda``; None: nobody wrote it down.
    """

    trained: Trained
    best: dict[str, Tensor]
    device: str | None


def save_state(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    trained: Trained,
    best: dict[str, Tensor],
    device: str,
) -> None:
    """Writes everything, whole or not at all. Values alone, so that reading runs nobody's code."""
    buffer = io.BytesIO()
    head: dict[str, Any] = {"epochs": [asdict(each) for each in trained.epochs], "best": trained.best}
    head |= {"chosen_by": trained.chosen_by, "device": device}
    parts = {"schema": _SCHEMA, "now": network.state_dict(), "best": best, "optimizer": optimizer.state_dict()}
    torch.save(parts | {"head": head}, buffer)
    write_sealed(path, buffer.getvalue())


def load_state(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> Held | None:
    """Puts network and optimizer where they were; None, and neither is touched, if there is no such file, or it is
    damaged or another's."""
    content = read_sealed(path)
    if content is None:
        return None
    first = {name: value.detach().clone() for name, value in network.state_dict().items()}
    try:
        parts: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        if parts["schema"] not in (_SCHEMA, _BEFORE):
            return None
        head = parts["head"]
        trained = Trained([Epoch(**each) for each in head["epochs"]], head["best"], head.get("chosen_by"))
        network.load_state_dict(parts["now"])
        optimizer.load_state_dict(parts["optimizer"])
    except (OSError, LookupError, TypeError, ValueError, RuntimeError, EOFError, UnpicklingError, zipfile.BadZipFile):
        network.load_state_dict(first)
        return None
    return Held(trained, parts["best"], head.get("device"))


def digest_of_state(network: nn.Module) -> str:
    """SHA-256 of everything that a network holds before it learns: weights, and grids by what calibration gave."""
    found = hashlib.sha256()
    for name, value in network.state_dict().items():
        found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
