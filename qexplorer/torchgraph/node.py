"""A node's settings, decoded once so that running it reads no protobuf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

__all__ = ["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """What a kernel may know of a node besides its inputs.

    Attributes:
        op: operator type.
        name: for messages; may be empty.
        opset: version of its operator set.
        outputs: how many outputs the graph asks for, counting unnamed ones before the last named one.
        attributes: values by name, as :func:`onnx.helper.get_attribute_value` returns them, text decoded.
        types: ONNX element types of the inputs, 0 where unknown. Narrow integers need them: torch carries them in int8.
    """

    op: str
    name: str
    opset: int
    outputs: int
    attributes: Mapping[str, Any]
    types: tuple[int, ...] = ()

    @classmethod
    def of(cls, proto: onnx.NodeProto, opset: int, types: Sequence[int] = ()) -> Node:
        """Decodes ``proto``."""
        from onnx.helper import get_attribute_value

        values = {attribute.name: _plain(get_attribute_value(attribute)) for attribute in proto.attribute}
        return cls(proto.op_type, proto.name, opset, len(proto.output), values, tuple(types))

    def whole(self, name: str, default: int) -> int:
        """An integer attribute."""
        return int(self.attributes.get(name, default))

    def number(self, name: str, default: float) -> float:
        """A float attribute."""
        return float(self.attributes.get(name, default))

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        return str(self.attributes.get(name, default))

    def wholes(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, or None if it is not given."""
        found = self.attributes.get(name)
        return None if found is None else tuple(int(value) for value in found)

    def has(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self.attributes

    def type_of(self, position: int) -> int:
        """ONNX element type of the input at ``position``, 0 if unknown."""
        return self.types[position] if position < len(self.types) else 0


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    return value
