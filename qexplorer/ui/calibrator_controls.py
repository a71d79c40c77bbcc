"""Controls of a calibrator, drawn from what it says of itself: its title, what it refuses, and its options."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from qexplorer.core.formats import Format
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator import Role
from qexplorer.core.plugin_kinds.calibrator_choice import by_default_first, not_offered
from qexplorer.core.plugins import CALIBRATORS

__all__ = [
    "draw_option",
    "draw_refused",
    "help_on_all",
    "names_offered",
    "option_fields",
    "option_label",
    "title_of",
]

_BOUNDS = {"ge": 0, "gt": 1, "le": 0, "lt": -1}  # steps from an exclusive bound to the nearest value that is allowed


def names_offered(format: Format, granularity: Granularity, role: Role) -> list[str]:
    """The calibrators for such a grid, the default first."""
    left_out = not_offered(format, granularity, role)
    return [each.name for each in by_default_first() if each.name not in left_out]


def title_of(name: str) -> str:
    """What a person reads for the calibrator called ``name``."""
    return CALIBRATORS.get(name).title


def help_on_all(format: Format, granularity: Granularity, role: Role) -> str:
    """What each calibrator does, or why it is not offered for such a grid; Markdown, one a line."""
    left_out = not_offered(format, granularity, role)
    lines = (f"- **{each.title}**: {left_out.get(each.name, each.description)}" for each in by_default_first())
    return "\n".join(["How the range is chosen from the values: all of them, or cut where that costs least.\n", *lines])


def draw_refused(format: Format, granularity: Granularity, role: Role) -> None:
    """Says which calibrators have no range for such a grid, and why; nothing where all have."""
    reasons: dict[str, list[str]] = {}
    for each in by_default_first():
        reason = each.refuses(format, granularity, role)
        if reason is not None:
            reasons.setdefault(reason, []).append(each.title)
    if reasons:
        st.caption("Not offered: " + "; ".join(f"{', '.join(titles)} ({why})" for why, titles in reasons.items()) + ".")


def option_fields(calibrator: str) -> dict[str, FieldInfo]:
    """The options of ``calibrator`` by name; each wants a control."""
    return dict(CALIBRATORS.get(calibrator).options.model_fields)


def option_label(name: str, field: FieldInfo) -> str:
    """What stands beside the control of an option."""
    return field.title or name.replace("_", " ").capitalize()


def draw_option(name: str, field: FieldInfo, **widget: Any) -> Any:
    """The control of one option, whose value already stands in the session state under ``widget["key"]``.

    Args:
        name: of the option.
        field: its type, bounds, title and description; a number's ``step`` from ``json_schema_extra``.
        widget: key and callback.

    Raises:
        TypeError: there is no control for the option's type.
    """
    label, kind = option_label(name, field), field.annotation
    widget["help"] = field.description
    if kind is bool:
        return st.toggle(label, **widget)
    if kind is int:
        return st.number_input(label, **_number(field, int), **widget)
    if kind is float:
        return st.number_input(label, **_number(field, float), **widget)
    if get_origin(kind) is Literal:
        return st.selectbox(label, get_args(kind), **widget)
    if kind is str:
        return st.text_input(label, **widget)
    raise TypeError(f"the option '{name}' is a {kind}, for which there is no control; allowed: bool, int, float, str")


def _number(field: FieldInfo, kind: type[int] | type[float]) -> dict[str, Any]:
    """Step, bounds and digits of a number's control, all of the number's own type."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    step = kind(extra.get("step", 1 if kind is int else _step_of(field.default)))  # type: ignore[arg-type]
    found: dict[str, Any] = {"step": step}
    for rule in field.metadata:
        for bound, inward in _BOUNDS.items():
            value = getattr(rule, bound, None)
            if value is not None:
                found["min_value" if bound[0] == "g" else "max_value"] = kind(value + inward * step)
    if kind is float:
        found["format"] = f"%.{max(1 - math.floor(math.log10(step)), 0)}f"
    return found


def _step_of(default: object) -> float:
    """A hundredth, or a tenth of the place of the default's first digit where that is less: 0.001 for 0.01."""
    if not isinstance(default, float) or default <= 0:
        return 0.01
    return min(0.01, 10.0 ** (math.floor(math.log10(default)) - 1))
