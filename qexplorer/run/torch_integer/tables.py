"""Tables of codes: an elementwise operator between quantizers is 256 codes, or 256 x 256 for two inputs.

The table is made once, by computing DequantizeLinear, the operator and QuantizeLinear in float32 on every code there
is, exactly as the graph writes them. Running it moves integers and computes nothing, so its answers are those of the
simulation, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["LEVELS", "Table", "all_codes", "make_table"]

LEVELS = 256


@dataclass(frozen=True, slots=True)
class Table:
    """A function of one or two tensors of 8-bit codes.

    Attributes:
        values: codes, shape ``(256,)`` or ``(65536,)``; the first input's code is the slow index.
        inputs: 1 or 2.
    """

    values: Tensor
    inputs: int

    @property
    def changes_nothing(self) -> bool:
        """Whether each code stands for itself."""
        return torch.equal(self.values, all_codes(self.values.dtype, self.values.device))

    def __call__(self, *codes: Tensor) -> Tensor:
        """Looks codes up; two inputs broadcast against each other."""
        place = _index(codes[0])
        if self.inputs == 2:
            place = place * LEVELS + _index(codes[1])
        if place.is_contiguous() or place.ndim < 2:
            return self.values.index_select(0, place.reshape(-1)).reshape(place.shape)
        # Memory order of activations is channels last: looked up in that order, and seen in the graph's order.
        order = sorted(range(place.ndim), key=lambda axis: place.stride()[axis], reverse=True)
        back = [order.index(axis) for axis in range(place.ndim)]
        inner = place.permute(order)
        return self.values.index_select(0, inner.reshape(-1)).reshape(inner.shape).permute(back)


def all_codes(dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
    """Every code of int8 or uint8, ascending."""
    low = 0 if dtype == torch.uint8 else -128
    return torch.arange(low, low + LEVELS, dtype=torch.int16, device=device).to(dtype)


def make_table(compute: Callable[..., Tensor], dtypes: tuple[torch.dtype, ...]) -> Table:
    """The table of ``compute``, which takes one tensor of codes per entry of ``dtypes`` and gives codes.

    Args:
        compute: works element by element and broadcasts.
        dtypes: one or two of int8 and uint8.
    """
    if len(dtypes) == 1:
        return Table(compute(all_codes(dtypes[0])).reshape(-1).contiguous(), 1)
    first, second = (all_codes(dtype) for dtype in dtypes)
    whole = compute(first.reshape(LEVELS, 1), second.reshape(1, LEVELS))
    return Table(whole.expand(LEVELS, LEVELS).reshape(-1).contiguous(), 2)


def _index(codes: Tensor) -> Tensor:
    place = codes.to(torch.int32)
    return place if codes.dtype == torch.uint8 else place.add_(128)
