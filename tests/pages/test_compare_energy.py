"""The section Energy of page Compare, drawn from a kept comparison."""

from __future__ import annotations

from typing import Any

import pytest

import qexplorer as qx
from qexplorer.jobs.history import History
from qexplorer.ui.compare.controls import SHOWN
from tests.pages.app import open_app, texts
from tests.report.comparisons import comparison, float_run, quantized_run


@pytest.fixture
def kept() -> str:
    """A comparison of digits_cnn whose files are there."""
    model = qx.load("digits_cnn")
    made = qx.quantize(model, "w8a8", "digits", samples=16)
    whole = comparison(
        float_run(),
        quantized_run(),
        model={"name": "digits_cnn", "sha256": model.sha256},
        quantized={quantized_run().digest: str(made.path)},
    )
    History().add(whole)
    return whole.id


def shown(kept: str) -> Any:
    """Page Compare with the section open."""
    app = open_app()
    app.button[0].click().run()
    now = app.session_state["qexplorer_state"]
    now.choices |= {SHOWN: [kept, "digits_cnn"], "behind": "Energy"}
    return app.switch_page("pages/compare.py").run(timeout=60)


def test_estimates_are_called_estimates_and_assumptions_can_be_changed(kept: str) -> None:
    """Without a meter the section says so first; a larger battery gives more inferences."""
    app = shown(kept)
    assert not app.exception
    assert "everything in this section is an estimate" in texts(app)
    table = next(frame.value for frame in app.dataframe if "inferences per charge" in frame.value.columns)
    before = list(table["inferences per charge"])
    app.number_input(key="keep:wh").set_value(30.0).run()
    table = next(frame.value for frame in app.dataframe if "inferences per charge" in frame.value.columns)
    assert before == ["about 90 million", "about 200 million"]
    assert list(table["inferences per charge"]) == ["about 200 million", "about 400 million"]


def test_the_price_in_silicon_falls_with_the_bits(kept: str) -> None:
    """The quantized model's arithmetic is named int8 and costs less than float's."""
    app = shown(kept)
    table = next(frame.value for frame in app.dataframe if "MACs" in frame.value.columns)
    assert [text.split()[0] for text in table["MACs"]] == ["fp32", "int8"]
    assert table["all, estimated (mJ)"][1] < table["all, estimated (mJ)"][0]


def test_files_that_are_gone_are_said(kept: str) -> None:
    """A comparison about another model keeps its battery view, and says why the chip's view is missing."""
    other = comparison(comparison_id="c2", model={"name": "other", "sha256": "1" * 64})
    History().add(other)
    assert kept != other.id
    app = shown(other.id)
    assert not app.exception
    assert "The files of this comparison are gone" in texts(app)
