"""Choosing a calibrator by name: which there are for a grid, and the options that stand beside its name in a recipe.

Options are written flat, ``{calibrator: percentile, percentile: 99.9}``. Which are allowed is said by the calibrator's
own model, so that a recipe holds any calibrator's options without knowing them.

Earlier versions had one option, ``percentile``, and wrote it beside every calibrator, where it meant nothing. What they
wrote is still read: a specification that gives every field of its own, as they did and no person does, may also give
an option of ``once_beside_all``; it is left out. In any other specification another calibrator's option is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import Format
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator import Calibrator, CalibratorOptions, Role
from qexplorer.core.plugins import CALIBRATORS

__all__ = [
    "DEFAULT_CALIBRATOR",
    "by_default_first",
    "chosen",
    "known_option",
    "needs_options",
    "not_offered",
    "option_names",
    "options_among",
    "short_calibrators",
    "starting_options",
    "with_options",
    "without_foreign",
]

DEFAULT_CALIBRATOR = "minmax"


def by_default_first() -> tuple[Calibrator[Any], ...]:
    """All calibrators, the default before the others."""
    return tuple(sorted(CALIBRATORS, key=lambda each: each.name != DEFAULT_CALIBRATOR))


def chosen(name: str, format: Format, granularity: Granularity, role: Role) -> Calibrator[Any]:
    """The calibrator called ``name``.

    Raises:
        UnknownName: there is none.
        RecipeError: it refuses such a grid.
    """
    calibrator = CALIBRATORS.get(name)
    reason = calibrator.refuses(format, granularity, role)
    if reason is not None:
        refused = not_offered(format, granularity, role)
        allowed = ", ".join(each.name for each in by_default_first() if each.name not in refused)
        where = "weights.calibrator" if role == "weight" else "activations.calibrator"
        others = (other for other in format.granularities if role == "weight" and other is not granularity)
        helps = any(calibrator.refuses(format, other, role) is None for other in others)
        do = "or choose another granularity" if helps else None
        raise RecipeError(f"the calibrator '{name}' {reason}", where=where, allowed=allowed, do=do)
    return calibrator


def not_offered(format: Format, granularity: Granularity, role: Role) -> dict[str, str]:
    """The calibrators that need not be offered for such a grid, each with its reason."""
    found = {c.name: c.refuses(format, granularity, role) or c.adds_nothing(role) for c in by_default_first()}
    return {name: reason for name, reason in found.items() if reason is not None}


def needs_options(calibrator: Calibrator[Any]) -> bool:
    """Whether it has an option without a default."""
    return any(field.is_required() for field in calibrator.options.model_fields.values())


def starting_options(calibrator: str) -> dict[str, Any]:
    """Values for the options that must be given, until a person says otherwise: the lower bound, or the first choice.

    Raises:
        UnknownName: there is no such calibrator.
        TypeError: an option has neither.
    """
    fields = CALIBRATORS.get(calibrator).options.model_fields
    return {name: _starting(name, field) for name, field in fields.items() if field.is_required()}


def _starting(name: str, field: FieldInfo) -> Any:
    bounds = [rule.ge for rule in field.metadata if getattr(rule, "ge", None) is not None]
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    for value in (*bounds, *choices):
        return value
    raise TypeError(f"the option '{name}' must be given and has neither a default, a lower bound (ge) nor choices")


def short_calibrators() -> tuple[str, ...]:
    """The calibrators whose name alone says everything: those of short names."""
    return tuple(each.name for each in by_default_first() if not needs_options(each))


def option_names(calibrator: str) -> tuple[str, ...]:
    """Names of the options that ``calibrator`` takes; raises UnknownName."""
    return tuple(CALIBRATORS.get(calibrator).options.model_fields)


def known_option(name: str) -> bool:
    """Whether any calibrator has an option of that name."""
    return any(name in each.options.model_fields for each in CALIBRATORS)


def options_among(calibrator: str, fields: Mapping[str, Any]) -> CalibratorOptions:
    """The options of ``calibrator`` that are among ``fields``, the others by default, as its model.

    Raises:
        UnknownName: there is no such calibrator.
        ValidationError: a value is out of bounds, or one that must be given is not.
    """
    model: type[CalibratorOptions] = CALIBRATORS.get(calibrator).options
    return model.model_validate({name: fields[name] for name in model.model_fields if name in fields})


def without_foreign(fields: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """``fields`` without the options that their calibrator does not take; ``own`` are the specification's fields."""
    kept = {*own, *option_names(fields.get("calibrator", DEFAULT_CALIBRATOR))}
    return {name: value for name, value in fields.items() if name in kept}


def with_options(fields: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """The fields of a specification with every option of its calibrator, checked.

    Args:
        fields: as given, options flat among them.
        own: names of the specification's own fields.

    Raises:
        ValidationError: a name is neither a field nor an option of the calibrator; see also :func:`options_among`.
    """
    name = fields.get("calibrator", DEFAULT_CALIBRATOR)
    if not isinstance(name, str) or name not in CALIBRATORS:
        return dict(fields)  # the check of the field itself says what is wrong
    takes = option_names(name)
    foreign = [key for key in fields if key not in own and key not in takes]
    if foreign and not _written_by_earlier_versions(foreign, fields, own):
        raise _foreign(foreign[0], fields[foreign[0]], name, [*own, *takes])
    return without_foreign(fields, own) | options_among(name, fields).model_dump(mode="json")


def _written_by_earlier_versions(foreign: list[str], fields: Mapping[str, Any], own: Collection[str]) -> bool:
    once = frozenset[str]().union(*(each.options.once_beside_all for each in CALIBRATORS))
    return set(foreign) <= once and set(own) <= set(fields)


def _foreign(key: Any, value: Any, calibrator: str, allowed: list[str]) -> ValidationError:
    owners = " and ".join(f"'{each.name}'" for each in CALIBRATORS if key in each.options.model_fields)
    what = f"an option of {owners}, not of" if owners else "neither a field nor an option of"
    text = f"{what} the calibrator '{calibrator}'; allowed: {', '.join(allowed)}"
    error = PydanticCustomError("foreign_option", "{text}", {"text": text})
    return ValidationError.from_exception_data(calibrator, [{"type": error, "loc": (str(key),), "input": value}])
