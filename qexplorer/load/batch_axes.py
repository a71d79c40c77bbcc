"""Which axis of each input is the batch, as far as the shapes in the file say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

__all__ = ["batch_names", "declared_shape", "stand_alone"]

Lengths = Sequence[int | str | None]


def declared_shape(value: onnx.ValueInfoProto) -> tuple[int | str | None, ...] | None:
    """The lengths that the file declares: a name or None where one is free; None if it declares no shape."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in kind.shape.dim)


def batch_names(shapes: Sequence[Lengths | None]) -> frozenset[str]:
    """Names that the first axes of inputs have: wherever they stand, that axis is the batch."""
    return frozenset(shape[0] for shape in shapes if shape and isinstance(shape[0], str))


def stand_alone(shapes: Sequence[Lengths | None]) -> tuple[bool, ...]:
    """Which inputs have no axis for the batch in front: single numbers, and those whose first length is fixed where the
    others' is free or another. Beside an input for one sample (first length 1) that input is the one that has it.

    Args:
        shapes: of every input; None where the file declares none.
    """
    firsts = [shape[0] for shape in shapes if shape]
    several = len(set(firsts)) > 1
    return tuple(shape is not None and (not shape or (several and _is_fixed(shape[0]))) for shape in shapes)


def _is_fixed(length: int | str | None) -> bool:
    return isinstance(length, int) and length != 1
