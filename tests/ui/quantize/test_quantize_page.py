"""The rest of page Quantize: the recipe's text, its algorithms, what a refused plan leaves, and what to do next."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.quantize import QuantizeResult
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.quantize.plan_types import LayerPlan, Plan
from qexplorer.report.layer_charts.plan import PlanInfo
from qexplorer.ui.quantize import algorithms, controls, panel, plan, yaml_text
from qexplorer.ui.quantize.plan import draw_picture
from tests.jobs.orders import DATA, MODEL
from tests.ui.editing import EditedSession
from tests.ui.screens import Screen, screen_of

NET: Any = SimpleNamespace(name="net")
RUNNING = JobState("quantize-0", "quantize", "d", JobStatus.RUNNING, "writing", 0.5, None, None, 1.0)
DONE = JobState("quantize-1", "quantize", "d", JobStatus.DONE, "", 1.0, None, None, 1.0)


class _Session(EditedSession):
    """One with a screen of the rest of the page."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, text: str, *picked: str, **answers: Any) -> None:
        modules = (algorithms, controls, panel, yaml_text)
        super().__init__(monkeypatch, text, *picked, modules=modules, model="m", data=None)
        self.screen: Screen = screen_of(monkeypatch, controls, algorithms, panel, yaml_text, **answers)

    @property
    def refused(self) -> str:
        """Why the last change was not taken, and where it was asked for."""
        place, error = self.screen.session_state.get(controls._ERROR, ("", ""))
        return f"{place}: {error}"


def test_a_text_stays_until_the_recipe_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is refused; its file is called as the recipe is."""
    session = _Session(monkeypatch, "w8a8")
    kept = session.screen.session_state
    yaml_text.draw_yaml()
    first = kept["quantize_yaml"]
    assert first == session.recipe.to_yaml()
    kept["quantize_yaml"] = "weights: {format: none}\n"
    yaml_text._apply()
    yaml_text.draw_yaml()
    assert (kept["quantize_yaml"], session.now.recipe) == ("weights: {format: none}\n", "w8a8")
    kept["quantize_yaml"] = "weights: {format: int4}\n"
    yaml_text._apply()
    yaml_text.draw_yaml()
    assert kept["quantize_yaml"] == session.recipe.to_yaml() != first
    del kept["quantize_yaml"]
    yaml_text.draw_yaml()
    assert kept["quantize_yaml"] == session.recipe.to_yaml()
    assert session.screen.of("download_button")[0][0][1:3] == (first, "w8a8.yaml")


@pytest.mark.parametrize(
    ("data", "refused", "recipe"),
    [
        (None, ": ", "w8a8"),
        (b"w4a8", ": ", "w4a8"),
        (b"#" * 60_000 + b"\nweights: {format: int4}", ": ", "weights: {format: int4}"),
        (b"#" * 65_537, "yaml: file.yaml: too large to be a recipe", "w8a8"),
        (b"\xff\xfe", "yaml: file.yaml: not text in UTF-8", "w8a8"),
        (b"weights: 3", "yaml: ", "w8a8"),
    ],
)
def test_a_file_that_was_brought_is_the_recipe(
    data: bytes | None, refused: str, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is one, and of no more than 64 kB."""
    session = _Session(monkeypatch, "w8a8")
    file = None if data is None else SimpleNamespace(name="file.yaml", getvalue=lambda: data)
    session.screen.session_state["quantize_yaml_file"] = file
    yaml_text._brought()
    assert session.refused.startswith(refused)
    assert (session.refused == ": ") is (refused == ": ")
    assert session.recipe.digest == Recipe.parse(recipe).digest


def test_algorithms_are_drawn_with_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with a control for each of its options; none where nothing is quantized."""
    options: list[tuple[str, str, Any]] = []
    told = lambda name, _, *, key, on_change, args: options.append((name, key, (on_change, args)))  # noqa: E731
    monkeypatch.setattr(algorithms, "draw_option", told)
    session = _Session(monkeypatch, "float")
    algorithms.draw_algorithms()
    assert session.screen.calls == []
    session = _Session(monkeypatch, "weights: {format: int4}\nalgorithms: [gptq]\n")
    algorithms.draw_algorithms()
    assert session.screen.session_state["quantize_algorithms"] == ["gptq"]
    assert session.screen.said.splitlines()[0] == "**Algorithms**"
    assert "**GPTQ.** " in session.screen.said
    assert " Needs " in session.screen.said
    asked = session.recipe.algorithms[0]
    assert [name for name, *_ in options] == list(asked.algorithm.options.model_fields)
    for name, key, (on_change, args) in options:
        assert session.screen.session_state[key] == asked.options[name]
        session.screen.session_state[key] = None
        on_change(*args)
    assert (session.recipe.algorithms[0], session.refused) == (asked, ": ")
    box = session.screen.of("multiselect")[0][1]
    assert box["format_func"]("gptq") == "GPTQ"
    session.screen.session_state["quantize_algorithms"] = []
    box["on_change"]()
    assert session.recipe.algorithms == ()


def _next(session: _Session, made: Any, refused: RecipeError | None = None, own: JobState | None = None) -> list[Any]:
    """The jobs that were drawn."""
    jobs: list[Any] = []
    draw = lambda: session.screen.called("start_button", ("Start",), {})  # noqa: E731
    section: Any = SimpleNamespace(result=lambda: made, job=lambda: own, draw_job=jobs.append, draw_button=draw)
    panel._next(section, NET, session.recipe, refused)
    return jobs


@pytest.mark.parametrize(
    ("text", "picked", "refused", "label", "off"),
    [
        ("w8a8", (), False, "Add to comparison", False),
        ("w8a8", (), True, "Add to comparison", True),
        ("w8a8", ("w8a8",), False, "In the comparison", True),
        ("w8a8", ("w4a8",), False, "Add to comparison", False),
        ("float", (), False, "Add to comparison", True),
    ],
)
def test_a_recipe_is_added_once(
    text: str, picked: tuple[str, ...], refused: bool, label: str, off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing where nothing can be made of it."""
    session = _Session(monkeypatch, text, *picked)
    monkeypatch.setattr(panel, "latest_job", lambda _: None)
    assert _next(session, None, RecipeError("no") if refused else None) == []
    args, named = session.screen.of("button")[0]
    assert (args[0], named["disabled"]) == (label, off)
    named["on_click"](*named["args"])
    assert len(session.now.compare) == max(1, len(picked) + (label[0] == "A"))


@pytest.mark.parametrize(
    ("latest", "own", "shown"),
    [(None, None, []), (RUNNING, None, [RUNNING]), (DONE, None, []), (DONE, RUNNING, [RUNNING]), (None, DONE, [DONE])],
)
def test_how_another_recipes_job_ended_is_no_news(
    latest: JobState | None, own: JobState | None, shown: list[JobState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that runs is shown, whose ever it is."""
    session = _Session(monkeypatch, "w8a8")
    monkeypatch.setattr(panel, "latest_job", lambda _: latest)
    assert _next(session, None, own=own) == shown


@pytest.mark.parametrize(
    ("made", "kept", "labels", "said"),
    [
        (None, True, ["Start"], ""),
        (QuantizeResult("d", ()), False, ["Start"], ""),
        (QuantizeResult("d", (), "8 samples"), True, ["Download ONNX"], "The file's ranges are from 8 samples."),
    ],
)
def test_a_file_that_was_made_is_offered(
    made: Any, kept: bool, labels: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the button that makes it, also where it is not kept any more."""
    session = _Session(monkeypatch, "w8a8")
    monkeypatch.setattr(panel, "latest_job", lambda _: None)
    monkeypatch.setattr(panel, "kept_quantized", lambda _: Path("kept.onnx") if kept else None)
    _next(session, made)
    assert session.screen.labels[1:] == labels
    assert session.screen.said == said
    if kept and made is not None:
        assert session.screen.of("download_button")[0][0][2] == "net-w8a8.onnx"


@pytest.mark.parametrize(
    ("text", "refused", "job", "data", "lacks", "off", "ordered"),
    [
        ("w8a8", False, None, True, None, False, True),
        ("w8a8", True, None, True, None, True, True),
        ("w8a8", False, RUNNING, True, None, True, True),
        ("w8a8", False, DONE, True, None, False, True),
        ("w8a8", False, None, False, "its ranges come from samples", False, False),
        ("w8", False, None, False, None, False, True),
        (
            "{weights: {format: int4}, algorithms: [gptq]}",
            False,
            None,
            False,
            "its algorithms measure on",
            False,
            False,
        ),
        ("float", False, None, False, None, True, True),
    ],
)
def test_a_file_needs_data_only_where_its_recipe_does(
    text: str,
    refused: bool,
    job: JobState | None,
    data: bool,
    lacks: str | None,
    off: bool,
    ordered: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is made once at a time, and never of a recipe that was refused."""
    session = _Session(monkeypatch, text)
    monkeypatch.setattr(panel, "latest_job", lambda _: job)
    monkeypatch.setattr(panel, "model_reference", lambda: MODEL)
    monkeypatch.setattr(panel, "data_reference", lambda: DATA)
    monkeypatch.setattr(panel, "lacks_data", lambda why: None if data else f"Choose data: {why}.")
    section = panel._section(session.recipe, RecipeError("no") if refused else None)
    assert section.button.off is off
    assert (lacks or "") in (section.button.lacks or "")
    assert (section.button.lacks is None) is (lacks is None)
    assert (section.order is not None) is ordered
    if section.order is not None:
        assert (section.order.data is not None) is session.recipe.needs_calibration
    monkeypatch.setattr(panel, "model_reference", lambda: None)
    assert panel._section(session.recipe, None).order is None


def test_the_table_tells_what_algorithms_changed_once_the_file_is_made() -> None:
    """Before that, and where there are none, what the plan says."""
    layers = (LayerPlan("a", "Conv", "quantized", "int8", None, "by the recipe", 1, 4),)
    before = Plan((), {})
    for made, text, found in (
        (None, "algorithms", ()),
        (QuantizeResult("d", layers), "algorithms", layers),
        (QuantizeResult("d", layers), "none", ()),
    ):
        recipe = Recipe.parse("weights: {format: int4}\n" + ("algorithms: [gptq]\n" if text == "algorithms" else ""))
        section: Any = SimpleNamespace(result=lambda made=made: made)
        assert panel._as_made(section, before, recipe).layers == found


@pytest.mark.parametrize(
    ("float_bytes", "after", "ratio"), [(1000, 250, "0.25"), (0, 0, "1.00")], ids=["smaller", "nothing at all"]
)
def test_the_sum_of_a_plan_in_numbers(
    float_bytes: int, after: int, ratio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers in float are not counted as changed."""
    counts = {"quantized": 3, "weights only": 1, "float": 2}
    screen = screen_of(monkeypatch, plan)
    plan._numbers(PlanInfo("t", (), 0, {}, float_bytes, after, counts, "B", 1.0))
    values = [args[1] for args, _ in screen.of("metric")]
    assert values[2:] == [ratio, "4 of 6"]


@pytest.mark.parametrize(("bars", "pictures"), [((), ["plan_whole"]), ((1,), ["plan_whole", "plan_layers"])])
@pytest.mark.parametrize(("left_out", "notes"), [(0, ()), (3, ("a note",))])
def test_a_plan_without_weights_has_one_picture(
    bars: Any, pictures: list[str], left_out: int, notes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not drawn, and what is to be noted, is said."""
    info = PlanInfo("t", bars, left_out, {}, 4, 1, {"quantized": 1}, "B", 1.0)
    screen = screen_of(monkeypatch, plan)
    for name, made in (("plan_info", info), ("whole_spec", {}), ("layers_spec", {})):
        monkeypatch.setattr(plan, name, lambda *_, made=made: made)
    draw_picture(NET, Plan((), {}, notes=notes), Recipe.parse("w8a8"))
    assert [named["key"] for _, named in screen.of("draw_chart")] == pictures
    assert ("Not drawn: smaller layers (3)" in screen.said) is bool(left_out)
    assert (":material/info: a note" in screen.said) is bool(notes)


def test_a_choice_that_was_taken_away_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of presets, tables and options; one that was made changes the recipe."""
    session = _Session(monkeypatch, "w4-b32")
    kept = session.screen.session_state
    kept["quantize_preset"] = kept["quantize_tables"] = None
    controls._preset_chosen()
    controls._tables_edited()
    assert session.now.recipe == "w4-b32"
    kept["quantize_tables"] = next(name for name in controls.TABLES if name != controls.tables_of(session.recipe))
    controls._tables_edited()
    assert session.recipe.layers
    kept["quantize_preset"] = "w8a8"
    controls._preset_chosen()
    assert session.now.recipe == "w8a8"
    kept["quantize_name"] = "ours"
    controls._renamed()
    assert (session.recipe.name, session.refused) == ("ours", ": ")
    kept["quantize_name"] = "x" * 1000
    controls._renamed()
    assert session.recipe.name == "ours"
    assert session.refused.startswith("name: ")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("float", "float, as they are"),
        ("int8", "int8"),
        ("int5", "int5, carried by int8"),
        ("nf4", "nf4, decoded to float"),
        ("fp8_e4m3", "fp8_e4m3, decoded to float"),
        ("bf16", "bf16"),
    ],
)
def test_a_format_says_what_carries_it(name: str, label: str) -> None:
    """Where that is another one."""
    assert controls._format_label(name) == label


@pytest.mark.parametrize("part", ["weights", "activations"])
def test_eight_bits_come_before_all_others_and_floats_last(part: str) -> None:
    """What stays as it is comes first of all, and once."""
    names = controls._formats(part)
    assert names[0] == "float"
    assert names[1] in ("int8", "uint8")
    assert {*names[-2:]} == {"bf16", "fp16"}
    assert len({*names}) == len(names)
    assert "fp32" not in names


def test_a_recipe_that_is_none_any_more_has_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why, and a click starts again."""
    shown: list[Exception] = []
    for pressed in (False, True):
        session = _Session(monkeypatch, "no recipe", button=pressed)
        monkeypatch.setattr(panel, "show_error", shown.append)
        assert panel._recipe() is None
        assert (session.now.recipe, len(session.screen.of("rerun"))) == (("w8a8", 1) if pressed else ("no recipe", 0))
    assert len(shown) == 2
