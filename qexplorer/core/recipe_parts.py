"""The parts of a recipe that say how values are quantized: weights, and activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from qexplorer.core.formats import FORMATS, Granularity, in_role, not_a_format
from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions
from qexplorer.core.plugin_kinds.calibrator_choice import (
    DEFAULT_CALIBRATOR,
    known_option,
    options_among,
    with_options,
)
from qexplorer.core.plugins import CALIBRATORS

__all__ = ["ActivationSpec", "CalibratedPart", "RecipePart", "WeightSpec", "is_option"]


class RecipePart(BaseModel):
    """Part of a recipe: unknown fields are refused, and nothing changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _known_format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(not_a_format(name))
    return name


def _known_calibrator(name: str) -> str:
    if name not in CALIBRATORS:
        raise ValueError(f"'{name}' is not a calibrator; allowed: {', '.join(CALIBRATORS.names())}")
    return name


class CalibratedPart(RecipePart):
    """A part with a calibrator, whose options stand flat beside its name, checked and complete.

    They are extra fields of this model: which are allowed is said by the calibrator (see ``calibrator_choice``, also
    for what earlier versions wrote).
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    if TYPE_CHECKING:  # each part declares it as its last field, so that the options follow it where it is written
        calibrator: str

    check_calibrator = field_validator("calibrator", check_fields=False)(_known_calibrator)

    @model_validator(mode="before")
    @classmethod
    def _options_of_the_calibrator(cls, given: Any) -> Any:
        return with_options(given, tuple(cls.model_fields)) if isinstance(given, dict) else given

    @property
    def options(self) -> CalibratorOptions:
        """The calibrator's options, typed."""
        return options_among(self.calibrator, self.model_extra or {})

    def with_calibrator(self, name: str, **options: Any) -> Self:
        """The same with another calibrator and its options: those of this one are no longer meant."""
        own = self.model_dump(include=set(type(self).model_fields))
        return type(self).model_validate({**own, "calibrator": name, **options})


class WeightSpec(CalibratedPart):
    """How weights are quantized.

    Attributes:
        format: a number format's name.
        granularity: how many weights share a scale.
        block: values per scale along the input axis (granularity ``block`` only).
        symmetric: zero point fixed at zero.
        calibrator: how the range is chosen from the values; its options are further fields.
    """

    format: str = "int8"
    granularity: Granularity = Granularity.CHANNEL
    block: int = Field(32, ge=8, le=4096)
    symmetric: bool = True
    calibrator: str = DEFAULT_CALIBRATOR

    check_format = field_validator("format")(_known_format)

    @model_validator(mode="before")
    @classmethod
    def _blocks_of_the_format(cls, given: Any) -> Any:
        """A format whose blocks share a scale has them where nothing is said."""
        name = given.get("format") if isinstance(given, dict) else None
        block = FORMATS.get(name).default_block if isinstance(name, str) and name in FORMATS else None
        if block is None or given.get("granularity", Granularity.BLOCK) != Granularity.BLOCK:
            return given
        return {"granularity": Granularity.BLOCK, "block": block, **given}

    @model_validator(mode="after")
    def _format_allows(self) -> WeightSpec:
        found = in_role(self.format, "weight")
        if found.has_scale and self.granularity not in found.granularities:
            allowed = ", ".join(found.granularities)
            raise ValueError(f"{found.name} cannot have a scale per {self.granularity}; allowed: {allowed}")
        if found.has_scale and not (self.symmetric or found.has_zero_point):
            raise ValueError(f"{found.name} has no zero point, so that its grid is symmetric")
        return self


class ActivationSpec(CalibratedPart):
    """How activations are quantized.

    Attributes:
        format: a number format's name.
        mode: ``static`` (ranges from calibration data) or ``dynamic`` (range of each tensor as it comes).
        symmetric: zero point fixed in the middle of the codes.
        calibrator: how the range is chosen from the observed values (static only); its options are further fields.
    """

    format: str = "uint8"
    mode: Literal["static", "dynamic"] = "static"
    symmetric: bool = False
    calibrator: str = DEFAULT_CALIBRATOR

    check_format = field_validator("format")(_known_format)

    @model_validator(mode="before")
    @classmethod
    def _symmetric_without_a_zero_point(cls, given: Any) -> Any:
        """A format that has a scale and no zero point is symmetric where nothing is said."""
        name = given.get("format") if isinstance(given, dict) else None
        found = FORMATS.get(name) if isinstance(name, str) and name in FORMATS else None
        return given if found is None or not found.has_scale or found.has_zero_point else {"symmetric": True, **given}

    @model_validator(mode="after")
    def _format_allows(self) -> ActivationSpec:
        found = in_role(self.format, "activation")
        if found.has_scale and not (self.symmetric or found.has_zero_point):
            raise ValueError(f"{found.name} has no zero point, so that its grid is symmetric")
        return self


def is_option(spec: type[CalibratedPart], name: str) -> bool:
    """Whether ``name`` is no field of ``spec``, but an option of some calibrator."""
    return name not in spec.model_fields and known_option(name)
