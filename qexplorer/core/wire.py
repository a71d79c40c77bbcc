"""Values that cross a process or a file: a frozen dataclass as plain data and back, checked by its own annotations.

A value that inherits :class:`Wire` can be sent as JSON and read again. The reading is pydantic's: lists become tuples,
names become enums, keys of mappings become what they were, a missing field or a wrong type is refused. Nothing about a
field is written down a second time.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Wire"]


class Wire:
    """What a dataclass inherits to be sent. Annotations of its fields must be importable at run time."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data; :meth:`from_json` reads it back, also after JSON."""
        return {name: _plain(value) for name, value in asdict(self).items()}  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The value that :meth:`to_json` told; fields that it does not have are left out.

        Raises:
            ValueError: a field is missing, or holds what it cannot hold.
        """
        found: Self = _adapter(cls).validate_python(value)  # type: ignore[arg-type]
        return found

    @classmethod
    def brought_up(cls, value: Any) -> Any:
        """Plain data that an earlier version told, as this one reads it; anything else as it is."""
        return value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Also a value inside another is brought up before it is read."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(cls.brought_up, handler(source))


def _plain(value: Any) -> Any:
    from pathlib import Path

    return str(value) if isinstance(value, Path) else value


@lru_cache(maxsize=64)
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
