"""Outputs that stay on a GPU until somebody looks at them: a timed call copies nothing to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qexplorer.core.dataset import Array

__all__ = ["OnGpu"]


class OnGpu(Sequence[Array]):
    """Outputs on the GPU, each copied to the host whenever it is looked at.

    Args:
        values: the runtime's own objects, one an output.
        to_host: copies one of them.
    """

    def __init__(self, values: Sequence[Any], to_host: Callable[[Any], Array]) -> None:
        self._values, self._to_host = values, to_host

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._to_host(value) for value in self._values[index]]
        return self._to_host(self._values[index])
