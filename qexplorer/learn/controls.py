"""What a lesson lets one change. A control knows its values as text too, so that a link can hold a whole lesson."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Bits", "Choice", "Entries", "LessonControl", "Only", "Settings", "Slider", "Switch", "starts"]

Settings = Mapping[str, Any]
"""A value for each control, by the control's name."""

Only = tuple[str, tuple[str, ...]] | None
"""Another control, and the values of it at which one is drawn."""

_LETTERS = 400  # of a value in a link


class LessonControl(Protocol):
    """One control of a lesson.

    Attributes:
        name: its name in links, unique within a lesson.
        label: what stands beside it.
        start: its value at first.
        only: another control and the values of it at which this one is drawn; None: always.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - told above
    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def start(self) -> Any: ...  # noqa: D102
    @property
    def only(self) -> Only: ...  # noqa: D102

    def read(self, text: str) -> Any:
        """The value that a link says. Raises ValueError that says what is allowed, for one that it cannot have."""
        ...

    def write(self, value: Any) -> str:
        """The value for a link; ``read`` gives it back."""
        ...


@dataclass(frozen=True, slots=True)
class Slider:
    """A number between two ends, in steps; whole numbers where ``step`` is one."""

    name: str
    label: str
    low: float
    high: float
    step: float
    start: float
    help: str = ""
    only: Only = None

    @property
    def whole(self) -> bool:
        """Whether its values are integers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step, self.start))

    def read(self, text: str) -> float:
        """A number within the ends, moved to the nearest step."""
        try:
            value = float(text[:_LETTERS])
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:  # not a number, too
            raise ValueError(f"allowed: {self.low:g} to {self.high:g}")
        steps = round((value - self.low) / self.step)
        near = min(self.low + steps * self.step, self.high)
        return round(near) if self.whole else round(near, 9)

    def write(self, value: Any) -> str:
        """As short as it can be."""
        return f"{value:.9g}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several; ``options`` are what links say and what people read."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    start: str
    help: str = ""
    only: Only = None

    def title(self, value: str) -> str:
        """What people read for a value."""
        return dict(self.options)[value]

    def read(self, text: str) -> str:
        """One of the options."""
        names = [name for name, _ in self.options]
        if text not in names:
            raise ValueError(f"allowed: {', '.join(names)}")
        return text

    def write(self, value: Any) -> str:
        """The option's name."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    name: str
    label: str
    start: bool = False
    help: str = ""
    only: Only = None

    def read(self, text: str) -> bool:
        """``on`` or ``off``."""
        if text not in ("on", "off"):
            raise ValueError("allowed: on, off")
        return text == "on"

    def write(self, value: Any) -> str:
        """``on`` or ``off``."""
        return "on" if value else "off"


@dataclass(frozen=True, slots=True)
class Bits:
    """The bits of one code, clicked one by one; the value is the code.

    Attributes:
        parts: what the bits are, from the highest: name and number of each part, such as sign, exponent, mantissa.
    """

    name: str
    label: str
    parts: tuple[tuple[str, int], ...]
    start: int
    help: str = ""
    only: Only = None

    @property
    def count(self) -> int:
        """How many bits."""
        return sum(bits for _, bits in self.parts)

    def read(self, text: str) -> int:
        """The code as zeros and ones, or as hexadecimal behind 0x."""
        if re.fullmatch(f"[01]{{{self.count}}}", text):
            return int(text, 2)
        if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", text) and int(text, 16) < 1 << self.count:
            return int(text, 16)
        raise ValueError(f"allowed: {self.count} zeros and ones")

    def write(self, value: Any) -> str:
        """Zeros and ones."""
        return f"{value:0{self.count}b}"


@dataclass(frozen=True, slots=True)
class Entries:
    """A small matrix of integers that one can edit; the value is a tuple of rows."""

    name: str
    label: str
    low: int
    high: int
    start: tuple[tuple[int, ...], ...]
    help: str = ""
    only: Only = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.start), len(self.start[0])

    def read(self, text: str) -> tuple[tuple[int, ...], ...]:
        """Rows behind ``;``, entries behind ``,``."""
        rows, columns = self.shape
        allowed = f"allowed: {rows} rows of {columns} integers, {self.low} to {self.high}, as in 1,2;3,4"
        try:
            found = tuple(tuple(int(v) for v in row.split(",")) for row in text[:_LETTERS].split(";"))
        except ValueError:
            raise ValueError(allowed) from None
        inside = all(self.low <= v <= self.high for row in found for v in row)
        if len(found) != rows or any(len(row) != columns for row in found) or not inside:
            raise ValueError(allowed)
        return found

    def write(self, value: Any) -> str:
        """As ``read`` takes it."""
        return ";".join(",".join(str(v) for v in row) for row in value)


def starts(controls: tuple[LessonControl, ...]) -> dict[str, Any]:
    """The values that all controls have at first."""
    return {control.name: control.start for control in controls}
