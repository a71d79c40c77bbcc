"""The two ends of a session with PyTorch: files and arrays in, arrays out, and what goes wrong in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import torch
from torch import Tensor

from qexplorer.core.dataset import Array, as_declared
from qexplorer.core.errors import BackendError, QExplorerError
from qexplorer.graph.walk import fed_inputs

if TYPE_CHECKING:
    import onnx

__all__ = ["Declared", "array_of", "checked_feeds", "declared_inputs", "guarded", "read_file", "tensor_of"]

_SOURCE_LINE = re.compile(r"^\[enforce fail at [^\]]*\] err == 0\. ")
_FOLDERS = re.compile(r"(?:/[\w.@+-]+)+/")


Declared = dict[str, "tuple[np.dtype[Any], tuple[int | None, ...] | None]"]
"""Type and shape of each input, None for an axis of any size; None where no shape is declared."""


def read_file(path: Path) -> onnx.ModelProto:
    """The model in the file at ``path``. Raises BackendError."""
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's, onnx's and the operating system's errors share no base class
        raise BackendError(f"it cannot be read as ONNX ({_sentence(error)})", where=path.name) from None
    if not model.graph.output:
        raise BackendError("it holds no ONNX graph with an output", where=path.name)
    return model


def declared_inputs(model: onnx.ModelProto) -> Declared:
    """What a model declares of its inputs, initializers left out."""
    from onnx import helper

    found: Declared = {}
    for item in fed_inputs(model.graph):
        tensor = item.type.tensor_type
        shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        found[item.name] = (kind, shape if tensor.HasField("shape") else None)
    return found


def checked_feeds(feeds: Mapping[str, Array], inputs: Declared, where: str) -> dict[str, Array]:
    """``feeds`` if they are what the model declares, in its order. Raises BackendError that names ``where``."""
    feeds = as_declared(feeds, {name: len(shape) for name, (_, shape) in inputs.items() if shape is not None})
    for name, (kind, shape) in inputs.items():
        given = feeds.get(name)
        if given is None:
            raise BackendError(f"no value was given for the input '{name}'", where=where)
        if given.dtype != kind or not _fits(given.shape, shape):
            sizes = "any" if shape is None else ", ".join("any" if d is None else str(d) for d in shape)
            what = f"the input '{name}' is {given.dtype} of shape {given.shape}"
            raise BackendError(what, where=where, allowed=f"{kind} of shape ({sizes})")
    unknown = sorted(set(feeds) - set(inputs))
    if unknown:
        raise BackendError(f"there is no input '{unknown[0]}'", where=where, allowed=", ".join(inputs))
    return {name: feeds[name] for name in inputs}


def _fits(given: tuple[int, ...], declared: tuple[int | None, ...] | None) -> bool:
    if declared is None:
        return True
    return len(given) == len(declared) and all(d in (None, n) for d, n in zip(declared, given, strict=True))


def tensor_of(array: Array, device: torch.device) -> Tensor:
    """An array on the device; on the processor it shares the array's memory where that can be written to."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16).to(device)
    if array.dtype.name in ("int4", "int2"):
        array = array.astype(np.int8)
    elif array.dtype.name in ("uint4", "uint2"):
        array = array.astype(np.uint8)
    elif not array.flags.writeable or any(step < 0 for step in array.strides):
        array = array.copy()
    return torch.from_numpy(array).to(device)


def array_of(value: Tensor | Array) -> Array:
    """A tensor (or a shape) as an array with its values one after the other."""
    if isinstance(value, np.ndarray):
        return value
    tensor = value.cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return np.asarray(tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    return np.asarray(tensor.numpy())


@contextmanager
def guarded(where: str) -> Iterator[None]:
    """Turns whatever PyTorch raises, running out of memory included, into a BackendError that names ``where``."""
    try:
        yield
    except BackendError:
        raise
    except QExplorerError as error:
        raise BackendError(error.sentence, where=where) from None
    except MemoryError:
        raise BackendError("Python ran out of memory", where=where, do="try a smaller batch") from None
    except RuntimeError as error:
        short = any(words in str(error) for words in ("allocate memory", "out of memory"))
        what = "ran out of memory" if short else "gave up"
        do = "try a smaller batch" if short else None
        raise BackendError(f"PyTorch {what} ({_sentence(error)})", where=where, do=do) from None
    except Exception as error:  # ValueError, IndexError ...: kernels raise what they like
        raise BackendError(f"PyTorch gave up ({_sentence(error)})", where=where) from None


def _sentence(error: BaseException) -> str:
    """The message's first line without this machine's folders and torch's source lines."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return _SOURCE_LINE.sub("", _FOLDERS.sub("", lines[0]))[:200].rstrip(" .") or type(error).__name__
