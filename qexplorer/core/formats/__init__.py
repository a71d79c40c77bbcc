"""Number formats: what each can hold, how values become codes and codes values, how ONNX stores it, what it takes.

One file an entry or a family; the protocol, which is the how-to, is in ``protocol.py``.
"""

from __future__ import annotations

from qexplorer.core.formats.protocol import Fitted, Float32, Float64, Format, Granularity, Int32, Role, Storage
from qexplorer.core.registry import Registry

__all__ = [
    "FORMATS",
    "Fitted",
    "Float32",
    "Float64",
    "Format",
    "Granularity",
    "Int32",
    "Role",
    "Storage",
    "get_format",
    "in_role",
    "not_a_format",
    "on_a_grid",
]

FORMATS: Registry[Format] = Registry("number format", home="qexplorer.core.formats")


def get_format(name: str) -> Format:
    """The format called ``name``; raises UnknownName with the known names."""
    return FORMATS.get(name)


def not_a_format(name: str) -> str:
    """What to say to whoever asks for a format called ``name``, which there is none."""
    if name in ("int1", "uint1"):
        other = "-1" if name == "int1" else "1"
        return (
            f"'{name}' would have the levels 0 and {other}, on one side of zero alone; one bit a weight is 'binary', "
            "minus and plus a scale"
        )
    return f"'{name}' is not a number format; allowed: {', '.join(FORMATS.names())}"


def in_role(name: str, role: Role) -> Format:
    """The format called ``name``; ValueError if ``role`` cannot have it, UnknownName if there is none."""
    found = get_format(name)
    if role not in found.roles:
        allowed = ", ".join(item.name for item in FORMATS if role in item.roles)
        raise ValueError(f"'{name}' is not a format of {role}s; allowed: {allowed}")
    return found


def on_a_grid(role: Role) -> tuple[str, ...]:
    """Names of the formats with a scale that ``role`` can have: evenly spaced ones first, as they are registered."""
    found = [item for item in FORMATS if item.has_scale and role in item.roles]
    return tuple(item.name for item in sorted(found, key=lambda item: not item.is_uniform))
