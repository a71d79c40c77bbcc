"""Values go through JSON and come back as they were."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.wire import Wire


class Colour(StrEnum):
    """A choice."""

    RED = "red"


@dataclass(frozen=True, slots=True)
class Part(Wire):
    """Something inside, whose name was once called a label."""

    name: str
    span: tuple[float, float] | None
    colour: Colour

    @classmethod
    def brought_up(cls, value: Any) -> Any:
        """Takes a label for a name."""
        if isinstance(value, dict) and "label" in value:
            return {**value, "name": value["label"]}
        return value


@dataclass(frozen=True, slots=True)
class Whole(Wire):
    """Something with all that values here are made of."""

    parts: tuple[Part, ...]
    by_batch: dict[int, Part]
    by_colour: dict[Colour, float]
    shape: tuple[int | str | None, ...]
    path: Path
    later: int = 3
    free: dict[str, Any] = field(default_factory=dict)


WHOLE = Whole(
    parts=(Part("a", (0.5, math.inf), Colour.RED), Part("b", None, Colour.RED)),
    by_batch={1: Part("c", (1.0, 2.0), Colour.RED), 32: Part("d", None, Colour.RED)},
    by_colour={Colour.RED: 1.5},
    shape=(1, "n", None),
    path=Path("some/where"),
    free={"list": [1, {"x": None}]},
)


def test_a_value_comes_back_from_json_as_it_was() -> None:
    """Tuples, enums, numbers as keys, paths, infinities and what is nested."""
    assert Whole.from_json(json.loads(json.dumps(WHOLE.to_json()))) == WHOLE


def test_what_has_a_default_may_be_missing_and_what_is_unknown_is_left_out() -> None:
    """Records of other versions are read as far as they go."""
    value = json.loads(json.dumps(WHOLE.to_json()))
    del value["later"]
    assert Whole.from_json({**value, "gone": 1}) == WHOLE


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("parts", [{"name": "a"}]), ("by_colour", {"blue": 1.0}), ("by_batch", {"x": None}), ("later", "three")],
)
def test_what_cannot_be_is_refused(name: str, wrong: object) -> None:
    """A missing field, a name that is no choice, a key that is no number, a word for a number: ValueError."""
    value = json.loads(json.dumps(WHOLE.to_json()))
    with pytest.raises(ValueError, match=name):
        Whole.from_json({**value, name: wrong})


def test_what_an_earlier_version_told_is_brought_up_wherever_it_stands() -> None:
    """Inside a tuple as by itself; a value that is one already stays as it is."""
    value = json.loads(json.dumps(WHOLE.to_json()))
    value["parts"][0] = {"label": "a", "span": [0.5, math.inf], "colour": "red"}
    assert Whole.from_json(value) == WHOLE
    assert Part.from_json({"label": "x", "span": None, "colour": "red"}) == Part("x", None, Colour.RED)
    assert Whole.from_json({**value, "parts": WHOLE.parts}) == WHOLE
