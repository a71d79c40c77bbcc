"""Files of weights as tensors, without running what they may hold; only ever called in a child process with limits."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.errors import ModelError
from qexplorer.load.weights.kinds import ALLOWED, WeightFile, kind_of, refused_pickle
from qexplorer.load.weights.spoken import spoken

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_weights"]

_INSIDE = ("state_dict", "model_state_dict", "model", "state_dict_ema", "net", "weights")
"""Where checkpoints keep the state_dict among epochs and optimizers."""
_MOST_TENSORS = 20_000
_MOST_TIMES = 16
"""That tensors may be larger than their file: some share values, as tied weights do."""


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
    for name, tensor in found.items():
        _check_plain(name, tensor, where)
    declared, held = sum(tensor.nbytes for tensor in found.values()), path.stat().st_size
    if declared > _MOST_TIMES * held:
        what = f"its tensors come to {declared / 2**20:,.0f} MB, which the file of {held / 2**20:,.1f} MB does not hold"
        raise ModelError(what, where=where, do="save the state_dict with tensors of their own (tensor.contiguous())")
    return found


def _check_plain(name: str, tensor: Tensor, where: str) -> None:
    """Raises ModelError for a tensor that is no array of numbers: sparse, quantized, nested, or without values."""
    import torch

    nested, layout = tensor.is_nested, str(tensor.layout).removeprefix("torch.")
    if nested or tensor.is_quantized or tensor.is_meta or tensor.is_complex() or tensor.layout is not torch.strided:
        forms = {"nested": nested, "quantized": tensor.is_quantized, "without values": tensor.is_meta}
        form = next((form for form, is_so in forms.items() if is_so), "complex" if tensor.is_complex() else layout)
        what = f"the tensor '{name}' is {form}"
        raise ModelError(what, where=where, allowed="dense tensors of real numbers", do="save it as float32")


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
        said = spoken(error)
        what = f"the file is damaged ({said})" if said else "the file is damaged"
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
