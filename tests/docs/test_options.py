"""The pages of algorithms give the bounds and defaults that their options have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from qexplorer.core.plugins import ALGORITHMS, CALIBRATORS
from qexplorer.quantize.algorithms.qat import QatOptions
from qexplorer.quantize.training.options import TrainingOptions

PAGES = Path(__file__).parents[2] / "docs" / "algorithms"
NUMBERS = re.compile(r"(above )?([\d.e-]+) (?:up )?to ([\d.e-]+) \(([\d.e-]+)\)")
WORDS = re.compile(r"((?:`?\w+`?(?:, | or )?)+) \(`?(\w+)`?\)")


def _rows(page: str) -> dict[str, str]:
    """Option -> what the page's table says of it."""
    found = re.findall(r"^\| `(\w+)` \| (.*) \|$", page.split("| option | values |")[1].split("\n\n")[0], re.MULTILINE)
    return dict(found)


def _bounds(field: Any) -> tuple[bool, float | None, float | None]:
    """Whether the lower bound is no value itself, and both bounds."""
    given = {name: getattr(each, name) for each in field.metadata for name in ("ge", "gt", "le") if hasattr(each, name)}
    return "gt" in given, given.get("gt", given.get("ge")), given.get("le")


@pytest.mark.parametrize("name", [name for name in ALGORITHMS.names() if ALGORITHMS.get(name).options.model_fields])
def test_a_page_gives_bounds_and_defaults_as_they_are(name: str) -> None:
    """Every option has a row; where a row has numbers or a default, they are the option's own."""
    fields, rows = ALGORITHMS.get(name).options.model_fields, _rows((PAGES / f"{name}.md").read_text("utf-8"))
    assert rows.keys() == fields.keys()
    for option, row in rows.items():
        field = fields[option]
        if numbers := NUMBERS.match(row):
            above, low, high, default = numbers.groups()
            assert (*_bounds(field), field.default) == (bool(above), float(low), float(high), float(default)), option
        elif words := WORDS.match(row):
            assert words[2] == str(field.default).lower(), option
            if get_origin(field.annotation) is Literal:
                assert set(re.findall(r"\w+", words[1])) - {"or"} == set(get_args(field.annotation)), option
        assert numbers or words or option == "stages", f"{option} has neither"


def test_pages_of_calibrators_give_bounds_and_defaults_as_they_are() -> None:
    """``percentile`` (99.99 by default, 50 to 100), and likewise whatever else has an option."""
    for name in CALIBRATORS.names():
        page = (PAGES.parent / "calibrators" / f"{name}.md").read_text("utf-8")
        for option, field in CALIBRATORS.get(name).options.model_fields.items():
            default, low, high = re.findall(rf"`{option}` .*\(([\d.]+) by default, ([\d.]+) to ([\d.]+)\)", page)[0]
            assert (*_bounds(field), field.default) == (False, float(low), float(high), float(default)), name


def test_training_starts_as_its_algorithm_does() -> None:
    """What a network is trained by without being told is what the algorithm's options say."""
    asked, plain = QatOptions().model_dump(), TrainingOptions()
    same = {name: getattr(plain, name) for name in TrainingOptions.__dataclass_fields__ if name != "stages"}
    assert same == {name: asked[name] for name in same}
    assert (asked["stages"], plain.stages) == ("", ())
