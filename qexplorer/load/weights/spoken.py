"""What a library says of a stranger's file, where it speaks to people and not of its own insides."""

from __future__ import annotations

import re

__all__ = ["spoken"]

_KINDS = (ValueError, LookupError, OSError, RuntimeError, ImportError, EOFError)
_FIELD = re.compile(r"[Ff]ield '(\w{1,60})' expected ([\w .|\[\],]{1,60}), got (\w{1,30})")
_INSIDES = re.compile(
    r"\b\w+Error\b|Traceback|NoneType|has no attribute|object is not|cannot be interpreted|<class|object at 0x"
)
_MOST = 150


def spoken(error: Exception) -> str | None:
    """The message of ``error`` as one short line; None where it is in words of Python, or there is none."""
    said = " ".join(str(error).split())
    field = _FIELD.search(said)
    if field is not None:  # as huggingface_hub says it of a dataclass
        return f"'{field[1]}' should be {field[2]} and is {field[3].replace('NoneType', 'nothing')}"
    return said[:_MOST] if said and isinstance(error, _KINDS) and not _INSIDES.search(said) else None
