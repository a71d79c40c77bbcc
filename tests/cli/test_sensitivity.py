"""``qexplorer sensitivity``: the fields that other programs read."""

from __future__ import annotations

import json

import pytest

from qexplorer.cli.main import main


def test_layers_have_the_fields_that_are_promised(capsys: pytest.CaptureFixture[str]) -> None:
    """Each layer has what was foretold, what was evaluated, and the SQNR; the format is that of the option."""
    assert main(["sensitivity", "tumour_mlp", "--data", "tumour", "--format", "int4", "--samples", "48", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe_name"] == "w4a8"
    assert found["n"] == 48
    assert len(found["layers"]) == 3
    for layer in found["layers"]:
        assert {"name", "gradient", "exact", "sqnr_db"} <= layer.keys()
        assert layer["exact"] == layer["evaluated"]["alone"]["both"]["loss"] > 0
        assert layer["gradient"] == layer["foretold"]["both"]["loss"] > 0


def test_a_format_without_scale_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A float format cannot be put into a recipe of integers: one sentence, exit code 2."""
    assert main(["sensitivity", "tumour_mlp", "--format", "fp16"]) == 2
    assert "no scale" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--passes", "nan"], "'nan' is no number of passes; allowed: 0 or more"),
        (["--passes", "-5"], "'-5' is no number of passes"),
        (["--passes", "2", "--all-samples"], "--all-samples: not allowed with argument --passes"),
        (["--gradient-only", "--all-samples"], "--all-samples: not allowed with argument --gradient-only"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """How much work evaluating may cost is said once, as a number."""
    assert main(["sensitivity", "tumour_mlp", *options]) == 2
    assert said in capsys.readouterr().err
