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
from qexplorer.ui import own_recipes
from qexplorer.ui.model import weights_panel
from qexplorer.ui.quantize import algorithms, controls, panel, plan, yaml_text
from qexplorer.ui.quantize.plan import draw_picture
from tests.jobs.orders import DATA, MODEL
from tests.ui.screens import Screen, screen_of

NET: Any = SimpleNamespace(name="net")
RUNNING = JobState("quantize-0", "quantize", "d", JobStatus.RUNNING, "writing", 0.5, None, None, 1.0)
DONE = JobState("quantize-1", "quantize", "d", JobStatus.DONE, "", 1.0, None, None, 1.0)


class _Session:
    """A session whose recipe is being edited, on a page that only remembers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, text: str, *picked: str, **answers: Any) -> None:
        self.now = SimpleNamespace(recipe=text, compare=list(picked), choices={}, model="m", data=None)
        self.screen: Screen = screen_of(monkeypatch, controls, algorithms, panel, yaml_text, **answers)
        for module in (algorithms, controls, own_recipes, panel, yaml_text):
            monkeypatch.setattr(module, "current_recipe", lambda: self.recipe)
        for module in (controls, own_recipes, panel):
            monkeypatch.setattr(module, "state", lambda: self.now)
        monkeypatch.setattr(own_recipes, "keep", lambda _: None)

    @property
    def recipe(self) -> Recipe:
        """As it is now."""
        return Recipe.parse(self.now.recipe)

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
    assert session.recipe.algorithms[0] == asked
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


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ([], []),
        (["config.json"], []),
        (["a.safetensors"], [0]),
        (["a.safetensors", "Config.JSON"], [0, 1]),
        (["config.json", "a.pt", "other.json", "b.pt"], [3, 2]),
    ],
)
def test_the_latest_weights_and_settings_are_meant(names: list[str], places: list[int]) -> None:
    """Settings alone are nothing yet."""
    assert weights_panel.meant(names, [True] * len(names)) == places


@pytest.mark.parametrize(
    ("architecture", "waits"), [("transformers:bert", True), ("timm:resnet", False), ("own", False), (None, False)]
)
def test_refused_weights_wait_for_their_settings(architecture: str | None, waits: bool) -> None:
    """Those of transformers alone have some."""
    assert weights_panel._waits(architecture)("a.safetensors") is waits


@pytest.mark.parametrize(
    ("name", "stem", "shown"),
    [("net.safetensors", "net", "net.safetensors"), ("C:\\w\\net.pt", "net", None), ("", "weights", "")],
)
def test_a_model_is_called_as_its_weights(
    name: str, stem: str, shown: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the folder, of whatever system it came from; settings go along where there are some."""
    from qexplorer.load.weights import load

    asked: list[dict[str, Any]] = []
    made = SimpleNamespace(path=Path("made.onnx"), name=stem)
    monkeypatch.setattr(load, "load_weights", lambda *_, **named: asked.append(named) or made)
    monkeypatch.setattr(weights_panel, "choose_model", lambda *args, **named: asked.append({"chosen": args} | named))
    files: list[Any] = [SimpleNamespace(path=Path("a"), name=name), SimpleNamespace(path=Path("b"), name="c.json")]
    for given, config in ((files[:1], None), (files, Path("b"))):
        weights_panel._load_all(given, "own")
        loaded, chosen = asked[-2:]
        assert (loaded["name"], loaded["config"]) == (stem, config)
        assert shown is None or loaded["shown"] == shown
        assert chosen == {"chosen": ("made.onnx", None), "name": stem}
