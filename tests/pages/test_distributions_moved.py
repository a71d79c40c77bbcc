"""Page Distributions is moved by its editor and by links."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

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
    """Another width of the same tensor, and another tensor, are drawn below on the same ends; neither can be moved."""
    choices = {"look_closer": "Side by side", "tensor_weight": "hidden1.weight"}
    app = opened(workspace_folder, **choices)
    first, second = editor_data(app), editor_data(app, "grid_editor_beside")
    assert first["format"]["name"] == "int8"
    assert second["format"]["name"] != "int8"
    assert first["view"] == second["view"]
    assert (first["fixed"], second["fixed"]) == (False, True)
    control(app, "tensor_beside:hidden1.weight").set_value("hidden2.weight").run()
    assert not app.exception
    first, second = editor_data(app), editor_data(app, "grid_editor_beside")
    assert second["title"].startswith("hidden2.weight")
    assert first["view"] == second["view"]


def test_the_channel_that_spoils_one_scale_is_named(workspace_folder: Path) -> None:
    """The page says whether one does, and draws ranges and errors of all channels as heat maps."""
    for view in ("heat map", "error by channel"):
        app = opened(workspace_folder, channel_order=view)
        assert not app.exception
        assert any("one scale" in markdown.value for markdown in app.markdown)
        assert len(charts(app)) == 1
