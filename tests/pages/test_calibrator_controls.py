"""A control for each type of option, drawn from the option's own model."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo
from streamlit.testing.v1 import AppTest

from qexplorer.core.plugin_kinds.calibrator import CalibratorOptions
from qexplorer.ui.calibrator_controls import _number, draw_option, option_label


class Options(CalibratorOptions):
    """One of each type."""

    part: float = Field(0.5, ge=0.25, le=1.0, description="Part.", json_schema_extra={"step": 0.05})
    rounds: int = Field(3, gt=0, lt=9, title="Rounds of search")
    both: bool = True
    side: Literal["left", "right"] = "left"
    note: str = "n"


def _page() -> None:
    import streamlit as st

    from tests.pages.test_calibrator_controls import Options, draw_option

    for name, field in Options.model_fields.items():
        st.session_state.setdefault(name, field.default)
        draw_option(name, field, key=name)


def test_each_type_has_its_control() -> None:
    """With the value that is there, the bounds that are allowed (exclusive ones a step within), and the help."""
    app = AppTest.from_function(_page, default_timeout=60).run()
    assert not app.exception
    part, rounds = app.number_input("part"), app.number_input("rounds")
    assert (part.value, part.min, part.max, part.step, part.help) == (0.5, 0.25, 1.0, 0.05, "Part.")
    assert (rounds.value, rounds.min, rounds.max, rounds.label) == (3, 1, 8, "Rounds of search")
    assert isinstance(rounds.value, int)
    assert app.toggle("both").value is True
    assert app.selectbox("side").options == ["left", "right"]
    assert app.text_input("note").value == "n"


def test_a_type_without_a_control_is_an_error() -> None:
    """No control is guessed, and the sentence names the option."""

    class Other(CalibratorOptions):
        many: tuple[int, ...] = ()

    with pytest.raises(TypeError, match="option 'many'"):
        draw_option("many", Other.model_fields["many"], key="many")


def test_a_label_is_the_title_or_the_name() -> None:
    """An option without a title is called by its name, in words."""
    fields: Any = Options.model_fields
    assert option_label("rounds", fields["rounds"]) == "Rounds of search"
    assert option_label("how_far", fields["part"]) == "How far"


@pytest.mark.parametrize(
    ("field", "step"),
    [
        (FieldInfo(default=0.01, annotation=float), 0.001),
        (FieldInfo(default=0.0005, annotation=float), 0.00001),
        (FieldInfo(default=0.5, annotation=float), 0.01),
        (FieldInfo(default=0.0, annotation=float), 0.01),
        (FieldInfo(default=0.01, annotation=float, json_schema_extra={"step": 0.005}), 0.005),
    ],
)
def test_a_step_is_a_tenth_of_a_small_default(field: FieldInfo, step: float) -> None:
    """A press of + or - moves a small number by a tenth of its place, unless its option says otherwise."""
    found = _number(field, float)
    assert found["step"] == pytest.approx(step)
    assert float(found["format"] % step) == pytest.approx(step)
