"""The operators that torch can run, as data: one entry per operator and version.

How to add an operator: a function in ``kernels/`` that takes the node's settings and its inputs and returns its output
(or a tuple of outputs), decorated with the first operator-set version whose meaning it has::

    @operator("Squeeze", since=13, host=(1,))
    def squeeze(node: Node, x: Tensor, axes: Host | None = None) -> Tensor: ...

A version whose meaning did not change for a kernel needs no entry of its own. The same operator and version twice is an
error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Entry", "Host", "Kernel", "as_host", "entries", "find", "operator"]

Host = NDArray[Any]
"""A small value that lives in the processor's memory as NumPy: shapes, axes, sizes."""

Kernel = Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]
K = TypeVar("K", bound=Kernel)


@dataclass(frozen=True, slots=True)
class Entry:
    """An operator in the versions that one kernel computes.

    Attributes:
        op: operator type.
        domain: ``""`` for the default operator set.
        since: first operator-set version with this meaning.
        until: last version with it; None while it goes on (or a later entry takes over).
        host: positions of inputs that are read as NumPy values, not as tensors.
        kernel: computes it.
    """

    op: str
    domain: str
    since: int
    until: int | None
    host: tuple[int, ...]
    kernel: Kernel


_ENTRIES: dict[tuple[str, str], list[Entry]] = {}


def operator(
    *ops: str, since: int = 1, until: int | None = None, host: tuple[int, ...] = (), domain: str = ""
) -> Callable[[K], K]:
    """Registers a kernel for ``ops`` from version ``since`` on. ValueError if the same version is registered twice."""

    def register(kernel: K) -> K:
        for op in ops:
            known = _ENTRIES.setdefault((domain, op), [])
            if any(entry.since == since for entry in known):
                raise ValueError(f"operator {op} is registered twice for version {since}")
            known.append(Entry(op, domain, since, until, host, kernel))
            known.sort(key=lambda entry: entry.since)
        return kernel

    return register


def find(op: str, domain: str, opset: int) -> Entry | None:
    """The entry that computes ``op`` as operator set ``opset`` defines it, or None."""
    domain = "" if domain == "ai.onnx" else domain
    found = None
    for entry in _ENTRIES.get((domain, op), ()):
        if entry.since <= opset:
            found = entry
    if found is None or (found.until is not None and opset > found.until):
        return None
    return found


def entries() -> Iterator[Entry]:
    """Every entry, by operator name and version."""
    for key in sorted(_ENTRIES):
        yield from _ENTRIES[key]


def as_host(value: torch.Tensor | Host) -> Host:
    """A tensor's values as NumPy. On CUDA this waits for the device."""
    if isinstance(value, np.ndarray):
        return value
    found = value.detach().cpu()
    return np.asarray((found.to(torch.float32) if found.dtype is torch.bfloat16 else found).numpy())
