"""Files of weights as tensors, without running what they may hold; only ever called in a child process with limits."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.errors import ModelError
from qexplorer.load.weights.kinds import ALLOWED, WeightFile, kind_of, refused_pickle

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_weights"]

_INSIDE = ("state_dict", "model_state_dict", "model", "state_dict_ema", "net", "weights")
"""Where checkpoints keep the state_dict among epochs and optimizers."""
_MOST_TENSORS = 20_000


def read_weights(path: Path, where: str) -> dict[str, Tensor]:
    """The tensors of a file by name, in its order.

    Args:
        path: a private copy.
        where: what to call the file.

    Raises:
        ModelError: it is damaged, holds more than tensors, or could run code.
    """
    kind = kind_of(path, where)
    found = _safetensors(path, where) if kind is WeightFile.SAFETENSORS else _state_dict(path, where)
    if not found:
        raise ModelError("there are no tensors in it", where=where, allowed=ALLOWED, do="save the state_dict alone")
    if len(found) > _MOST_TENSORS:
        raise ModelError(f"it has {len(found):,} tensors", where=where, allowed=f"at most {_MOST_TENSORS:,}")
    return found


def _safetensors(path: Path, where: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        what = f"the safetensors file is damaged ({' '.join(str(error).split())[:100]})"
        raise ModelError(what, where=where, do="download it again") from None


def _state_dict(path: Path, where: str) -> dict[str, Tensor]:
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise refused_pickle(where, _asked_for(str(error))) from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged archive or pickle raises whatever it meets
        what = f"the file is damaged ({' '.join(str(error).split())[:100] or type(error).__name__})"
        raise ModelError(what, where=where, allowed=ALLOWED, do="save or download it again") from None
    if isinstance(found, Mapping):
        inner = next((found[key] for key in _INSIDE if isinstance(found.get(key), Mapping)), found)
        tensors = {str(name): value for name, value in inner.items() if isinstance(value, torch.Tensor)}
        if len(tensors) == len(inner) or inner is not found:
            return tensors
    raise ModelError(f"it holds {_described(found)}", where=where, allowed=ALLOWED, do="save the state_dict alone")


def _asked_for(message: str) -> str:
    """What the pickle wanted to call, from torch's message."""
    named = re.search(r"GLOBAL ([\w.]+)", message)
    return named[1] if named else "not tensors alone"


def _described(found: object) -> str:
    if isinstance(found, Mapping):
        return "more than tensors: " + ", ".join(sorted({type(value).__name__ for value in found.values()})[:4])
    return f"a {type(found).__name__}"
