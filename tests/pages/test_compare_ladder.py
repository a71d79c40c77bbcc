"""Sections Fidelity ladder and Saturation of page Compare: offering, the job, what is drawn, the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.workspace import workspace
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.records import write_json
from qexplorer.measure.arithmetic import saturation as saturation_module
from qexplorer.measure.arithmetic.accumulators import _path as sums_path
from qexplorer.measure.arithmetic.saturation import _path as saturation_path
from qexplorer.measure.ladder.ladder import _path as ladder_path
from qexplorer.ui.compare.saturation import here_sentence
from qexplorer.ui.quantize.recipe_changes import read_recipe
from tests.jobs.orders import DATA, MODEL
from tests.pages.app import open_app, texts, when_ended
from tests.report.comparisons import comparison, quantized_run
from tests.report.ladders import ladder, report

SESSION = "ladder-tests"
ORDER = CompareOrder(model=MODEL, data=DATA, recipes=("w8a8",), samples=40)


def kept(**choices: Any) -> AppTest:
    """The page with a kept comparison of float and w8a8 opened."""
    digest = quantized_run().digest
    found = comparison(recipes={digest: "w8a8"}, quantized={digest: "gone.onnx"})
    History().add(found, order=ORDER)
    choices = {"comparison": [found.id, "tumour_mlp"], **choices}
    write_json(workspace("sessions") / f"{SESSION}.json", {"model": "tumour_mlp", "data": "tumour", "choices": choices})
    return open_app("pages/compare.py", session=SESSION)


def write_kept(path: Path, value: Any) -> None:
    """A finding as the job keeps it."""
    write_sealed(path, json.dumps(value).encode())


def finished(kind: str, app: AppTest) -> None:
    """Waits until the session's job of this kind has ended well."""
    assert when_ended(app, kind).error is None


def test_the_ladder_is_offered_and_then_drawn() -> None:
    """Nothing is claimed before it was climbed; what was climbed stands there with its badge and its layers."""
    app = kept(behind="Fidelity ladder")
    assert not app.exception
    assert app.button("ladder_start").label == "Climb the ladder"
    assert "codes part" not in texts(app)
    digest = quantized_run().digest
    write_kept(ladder_path(digest, "d", 40, ["onnxruntime"]), ladder().to_json())
    app.run()
    assert not app.exception
    assert app.button("ladder_start").label == "Climb the ladder again"
    said = texts(app)
    assert "within 1 step" in said
    assert "codes part at 'b'" in said
    table = next(t.value for t in app.dataframe if "bit-exact" in t.value.columns)
    assert list(table["batch"]) == [32, 1]


def test_a_ladder_climbed_through_the_page() -> None:
    """One click climbs it in a job, with the model, data and samples of the comparison, and keeps it."""
    app = kept(behind="Fidelity ladder")
    app.button("ladder_start").click().run()
    assert not [b for b in app.button if b.key == "ladder_start"], "while it runs there is nothing to start"
    finished("ladder", app)
    (path,) = workspace("ladder").glob("*.json")
    assert '"n": 40' in path.read_text()


def test_saturation_is_offered_emulated_and_drawn() -> None:
    """The machine's own case is told first; the report has the table, both remedies and one click for the recipe."""
    app = kept(behind="Saturation")
    assert app.button("saturation_start").label == "Emulate saturating sums"
    assert here_sentence(saturation_module.saturates_here()) in "\n".join(str(i.value) for i in app.info).replace(
        "\\", ""
    )
    digest = quantized_run().digest
    write_kept(saturation_path(digest, "d", 40), report().to_json())
    app.run()
    assert not app.exception
    said = texts(app)
    assert "2 of 3 layers could saturate" in said
    assert "leave it off here" in said
    table = next(t.value for t in app.dataframe if "pairs at risk" in t.value.columns)
    assert list(table["layer"]) == ["a", "b", "c"]
    app.button("remedy_add").click().run()
    picked = [read_recipe(text) for text in app.session_state["qexplorer_state"].compare]
    assert any(recipe.weights is not None and recipe.weights.format == "int7" for recipe in picked)
    assert "is among what is compared" in texts(app)
    assert not [b for b in app.button if b.key == "remedy_add"]


def test_saturation_emulated_through_the_page() -> None:
    """One click runs the emulation in a job and keeps what it finds."""
    app = kept(behind="Saturation")
    app.button("saturation_start").click().run()
    finished("saturation", app)
    (path,) = workspace("saturation").glob("*.json")
    assert '"pair_bound"' in path.read_text()


def test_the_sums_of_a_layer_are_looked_at_through_the_page() -> None:
    """One click adds up in integers in a job; what is kept is drawn, layer by layer, with the bits that it needs."""
    app = kept(behind="Saturation")
    app.button("sums_start").click().run()
    finished("sums", app)
    (path,) = workspace("sums").glob("*.json")
    value = json.loads(read_sealed(path) or b"null")
    assert value is not None
    write_kept(sums_path(quantized_run().digest, "d"), value)
    app.run()
    assert not app.exception
    assert app.button("sums_start").label == "Look at the int32 sums again"
    layers = [layer["layer"] for layer in value["layers"]]
    choice = next(box for box in app.selectbox if box.label == "Layer")
    assert choice.options == layers
    choice.set_value(layers[-1]).run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "bits of 32 left" in frame.value.columns)
    assert list(table["layer"]) == layers


@pytest.mark.parametrize("section", ["Fidelity ladder", "Saturation"])
def test_without_a_quantized_run_the_section_says_so(section: str) -> None:
    """A comparison of nothing but float, or one that nobody's job made, explains itself."""
    found = comparison(recipes={}, comparison_id="c2")
    History().add(found, order=None)
    value = {
        "model": "tumour_mlp",
        "data": "tumour",
        "choices": {"comparison": ["c2", "tumour_mlp"], "behind": section},
    }
    write_json(workspace("sessions") / f"{SESSION}.json", value)
    app = open_app("pages/compare.py", session=SESSION)
    assert not app.exception
    assert "Nothing here is quantized" in texts(app)


@pytest.mark.parametrize(("saturates", "words"), [(True, "no VNNI"), (False, "exact here"), (None, "is not known")])
def test_the_machine_is_told_in_every_case(saturates: bool | None, words: str) -> None:
    """AVX2 alone, exact, and a system that does not tell."""
    assert words in here_sentence(saturates)
