"""Page Distributions is moved by its editor and by links."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.load.model import load_model
from qexplorer.load.store import find
from qexplorer.ui.distributions import together
from tests.pages.app import editor_data, open_app
from tests.pages.on_distributions import PAGE, charts, control, opened


def test_what_the_editor_sends_is_kept(workspace_folder: Path) -> None:
    """A range let go in the editor becomes the range by hand, with the value looked at and the outliers; a range that
    is upside down gives one sentence and changes nothing."""
    app = opened(workspace_folder, weight_bits=4)
    reach = editor_data(app)["clip"][1]
    sent = {"seq": 3, "clip": [-reach / 2, reach / 2], "value": reach / 3, "outlier": 1}
    app.session_state["grid_editor"] = {"state": sent}
    app.run()
    data = editor_data(app)
    assert not app.exception
    assert (data["seq"], data["value"], data["clip"]) == (3, reach / 3, [-reach / 2, reach / 2])
    assert control(app, "weight_range").value == "hand"
    app.session_state["grid_editor"] = {"state": sent | {"seq": 4, "outlier": 8}}
    app.run()
    assert editor_data(app)["outlier"] == 8
    app.session_state["grid_editor"] = {"state": sent | {"clip": [1, -1]}}
    app.run()
    assert [error.value for error in app.error if "upside down" in error.value]
    assert editor_data(app)["clip"] == [-reach / 2, reach / 2]


def _linked(**asked: str) -> AppTest:
    """The page as a link opens it, in a session that has nothing chosen."""
    app = open_app()
    for name, text in asked.items():
        app.query_params[name] = text
    return app.switch_page(PAGE).run()


def test_a_link_brings_the_view() -> None:
    """Model, grid, range, value and what is hidden come from the address, and stand in it again."""
    asked = {"model": "tumour_mlp", "bits": "3", "range": "hand", "low": "-0.2", "high": "0.2", "value": "0.11"}
    app = _linked(**asked, hide="curve,more")
    assert not app.exception
    assert not app.error
    data = editor_data(app)
    assert (data["format"]["name"], data["clip"], data["value"], data["hide"]) == ("int3", [-0.2, 0.2], 0.11, ["curve"])
    assert not charts(app)
    now = {name: "".join(app.query_params[name]) for name in asked}
    assert now == asked
    assert "".join(app.query_params["hide"]) == "curve,more"


def test_a_link_names_a_file_of_one_s_own_by_its_digest(workspace_folder: Path) -> None:
    """Where the file was loaded the model is found by it, elsewhere the sentence says what to load."""
    model = load_model("tumour_mlp")
    app = opened(workspace_folder, model=str(model.path), data=None)
    assert not app.exception
    assert "".join(app.query_params["digest"]) == model.source_sha256
    fresh = _linked(model="mine", digest=model.source_sha256, bits="4")
    assert not fresh.error
    assert editor_data(fresh)["format"]["name"] == "int4"
    lacking = _linked(model="mine", digest="0" * 64)
    (error,) = lacking.error
    assert f"digest '{'0' * 64}' (load the file of mine with this SHA-256 on page Model" in error.value


def test_a_model_whose_weights_lie_beside_it_is_found_by_its_link(workspace_folder: Path, tmp_path: Path) -> None:
    """The digest of its file alone finds nothing, as it says nothing of the weights; that of both together does."""
    file = tmp_path / "net.onnx"
    proto = onnx.load(load_model("tumour_mlp").path)
    onnx.save(proto, file, save_as_external_data=True, location="w", size_threshold=0)
    assert find(load_model(str(file)).source_sha256, None) is None
    app = opened(workspace_folder, model=str(file), data=None)
    assert not app.exception
    fresh = _linked(model="net", digest="".join(app.query_params["digest"]), bits="4")
    assert not fresh.error
    assert editor_data(fresh)["format"]["name"] == "int4"


def test_rubbish_in_a_link_gives_one_sentence() -> None:
    """Zero bits, HTML for a tensor and a number that is none are told together; what can be read is taken."""
    evil = "<img src=x onerror=alert(1)>"
    app = _linked(model="tumour_mlp", bits="0", tensor=evil, low="nan", range="mse", channel="-1")
    assert not app.exception
    (error,) = app.error
    for part in ("bits '0'", "onerror", "low 'nan'", "channel '-1'"):
        assert part in error.value
    assert editor_data(app)["format"]["name"] == "int8"
    assert control(app, "weight_range").value == "mse"


def test_two_stand_on_one_axis(workspace_folder: Path) -> None:
    """A second grid over the same tensor, or over another, has settings and handles of its own on the same ends."""
    choices = {"look_closer": "Side by side", "tensor_weight": "hidden1.weight"}
    app = opened(workspace_folder, **choices)
    first, second = editor_data(app), editor_data(app, "grid_editor_beside")
    assert (first["format"]["name"], second["format"]["name"]) == ("int8", "int4")
    assert first["view"] == second["view"]
    assert not first["fixed"]
    assert not second["fixed"]
    control(app, "beside_weight_bits").set_value(2)
    app.session_state["grid_editor_beside"] = {"state": {"seq": 1, "clip": [-0.1, 0.1], "value": 0.05, "outlier": 1}}
    app.run()
    assert not app.exception
    first, second = editor_data(app), editor_data(app, "grid_editor_beside")
    assert (second["format"]["name"], second["clip"]) == ("int2", [-0.1, 0.1])
    assert (first["format"]["name"], first["clip"][1] > 0.1, first["value"]) == ("int8", True, None)
    assert first["view"] == second["view"]
    app.button("beside_as_first").click().run()
    assert editor_data(app, "grid_editor_beside")["format"]["name"] == "int8"
    control(app, "tensor_beside:hidden1.weight").set_value("hidden2.weight").run()
    assert not app.exception
    first, second = editor_data(app), editor_data(app, "grid_editor_beside")
    assert second["title"].startswith("hidden2.weight")
    assert first["view"] == second["view"]


def test_the_second_of_two_is_told_from_bins_too(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a large weight under one share, beside the same weight: about, and value by value when asked."""
    monkeypatch.setattr(together, "_MANY", 100)
    own = {"beside_weight_granularity": "block", "beside_weight_range": "ratio"}
    app = opened(workspace_folder, look_closer="Side by side", tensor_weight="hidden1.weight", **own)
    assert "from bins of the values" not in editor_data(app)["said"]
    about = editor_data(app, "grid_editor_beside")
    assert about["said"].startswith(f"About {about['split']['sqnr']:.1f} dB, from bins of the values.")
    app.button("beside_exactly").click().run()
    assert not app.exception
    exact = editor_data(app, "grid_editor_beside")
    assert exact["said"].startswith("Signal to quantization noise")
    assert exact["split"]["sqnr"] == pytest.approx(about["split"]["sqnr"], abs=0.05)


def test_a_link_brings_both_of_two() -> None:
    """The second grid's controls stand beside the first one's, with the options of a calibrator that the link names."""
    asked = {"model": "tumour_mlp", "closer": "Side by side", "bits": "6", "b.bits": "3", "b.range": "percentile"}
    app = _linked(**asked, **{"b.percentile": "99"})
    assert not app.exception
    assert not app.error
    first, second = editor_data(app), editor_data(app, "grid_editor_beside")
    assert (first["format"]["name"], second["format"]["name"]) == ("int6", "int3")
    assert "Percentile 99" in second["grid"]
    assert {name: "".join(app.query_params[name]) for name in asked} == asked
    assert "".join(app.query_params["b.percentile"]) == "99"


def test_the_channel_that_spoils_one_scale_is_named(workspace_folder: Path) -> None:
    """The page says whether one does, and draws ranges and errors of all channels as heat maps."""
    for view in ("heat map", "error by channel"):
        app = opened(workspace_folder, channel_order=view)
        assert not app.exception
        assert any("one scale" in markdown.value for markdown in app.markdown)
        assert len(charts(app)) == 1


def test_a_link_brings_the_value_that_is_followed() -> None:
    """Its position and what stands there instead; a position that the weight has not is said."""
    asked = {"model": "tumour_mlp", "scale": "channel", "closer": "One value", "place": "7", "instead": "0.5"}
    app = _linked(**asked)
    assert not app.error
    steps = dict(app.dataframe[0].value.itertuples(index=False))
    assert steps["divide by the scale"].startswith("0.5 / ")
    assert {name: "".join(app.query_params[name]) for name in asked} == asked
    wrong = _linked(**(asked | {"place": "99999999"}))
    assert any("place" in each.value and "whole numbers" in each.value for each in wrong.error)
