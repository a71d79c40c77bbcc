"""Every field of an order reaches the work that it is for, under its own name."""

from __future__ import annotations

import importlib
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kind import JOB_KINDS, JobKind
from qexplorer.jobs.kinds.train import ForetellOrder, TrainOrder, diary_of, foretell, train
from qexplorer.jobs.live import Side
from qexplorer.jobs.references import DataRef
from qexplorer.jobs.report import Report
from tests.jobs.orders import DATA, MODEL

RECIPE, OTHER, ORT = Recipe.parse("w8a8"), Recipe.parse("w4a8"), "onnxruntime"
MEASURE, SAMPLES = "qexplorer.measure", {"samples": 7}
ONE: dict[str, Any] = {"recipe": OTHER}
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "needed": (
        f"{MEASURE}.data_needed.measuring.data_needed",
        {"recipe": RECIPE, "tensor": "x"},
        ONE | {"tensor": "y", "draws": 7, "judged": 8},
    ),
    "observe": ("qexplorer.observe.collecting.store.statistics_for", {}, SAMPLES),
    "channels": ("qexplorer.observe.collecting.store.statistics_for", {"tensor": "x"}, SAMPLES),
    "compare": (
        "qexplorer.api.compare",
        {"recipes": (RECIPE,)},
        {"recipes": (OTHER,), "backends": ("torch",), "effort": "report", "samples": 7},
    ),
    "effects": (f"{MEASURE}.effects.effects.effects_of", {"recipe": RECIPE}, ONE | SAMPLES),
    "generate": (
        f"{MEASURE}.generation.generate.generate",
        {"recipes": (RECIPE,), "backend": ORT, "prompt": "a"},
        {"recipes": (OTHER,), "backend": "torch", "prompt": "b", "tokens": 7, "temperature": 0.7, "seed": 8},
    ),
    "ladder": (
        f"{MEASURE}.ladder.ladder.climb",
        {"recipe": RECIPE, "backends": (ORT,)},
        ONE | SAMPLES | {"backends": ("torch",)},
    ),
    "lesson": (
        f"{MEASURE}.lessons.making.lesson_of",
        {"recipe": RECIPE, "layer": "a"},
        ONE | {"layer": "b"},
    ),
    "quantize": ("qexplorer.api.quantize", {"recipe": RECIPE}, ONE | SAMPLES),
    "saturation": (f"{MEASURE}.arithmetic.saturation.saturation", {"recipe": RECIPE}, ONE | SAMPLES),
    "sums": (f"{MEASURE}.arithmetic.accumulators.accumulators", {"recipe": RECIPE}, ONE),
    "sensitivity": (
        "qexplorer.api.sensitivity",
        {"recipe": RECIPE},
        ONE | SAMPLES | {"rounded": ("weights",), "setups": ("cumulative",), "everything": True},
    ),
    "sweep": (
        f"{MEASURE}.timing.sweep.sweep",
        {"recipes": (RECIPE,), "backend": ORT},
        {"recipes": (OTHER,), "backend": "torch", "effort": "report"},
    ),
    "train": ("qexplorer.api.train", {"recipe": RECIPE}, ONE | SAMPLES | {"until": 7}),
    "foretell": ("qexplorer.api.foretell_training", {"recipe": RECIPE}, ONE | SAMPLES),
    "why": (
        f"{MEASURE}.why.explain.measure_why",
        {"recipe": RECIPE, "quantized": "a", "backend": ORT},
        ONE | {"quantized": "b", "backend": "torch", "threads": 7, "batch": 8},
    ),
    "live": (
        "qexplorer.jobs.live.begin",
        {"sides": {"a": Side(recipe="w8a8", backend=ORT)}},
        {"sides": {"b": Side(recipe="w8a8", backend=ORT)}, "rate": 7.0},
    ),
    "architecture": (
        "qexplorer.api.design",
        {},
        {"networks": 7, "rounds": 8, "epochs": 9, "rounded_epochs": 10, "judged": 11, "seed": 12, "pictures": 13},
    ),
    "joint": ("qexplorer.api.tune", {"recipe": RECIPE}, ONE | {"trials": 7, "seed": 8, "per_layer": False}),
    "mix": ("qexplorer.api.search", {"recipe": RECIPE}, ONE | {"most_drop": 0.07, "as_float": True}),
    "repair": ("qexplorer.api.repair", {"recipe": RECIPE}, ONE | {"train_each": True}),
}
"""What does the work of each kind, an order of it, and another value for each of its fields."""
ELSEWHERE = {"live": {"threads", "session"}, "sums": {"samples"}, "channels": {"tensor"}}
"""What is not asked of that function: the stream's own, one that has no use, one that is looked up in the answer."""

WITHOUT = {"quantize": {"model"}, "why": {"model"}, "live": set[str]()}
"""What is handed on where that is not model and data: samples are read there, or only where they must be."""


class _AskedError(Exception):
    """What would have been done."""


def _ask(*args: object, **named: object) -> None:
    raise _AskedError(args, named)


def _asked(kind: str, order: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What a job with this order asks for: the values in their order, and by name those of values with fields."""
    found = JOB_KINDS.get(kind)
    with pytest.raises(_AskedError) as asked:
        found.work(found.order(model=MODEL, data=DATA, **order), Report("trial-0123456789ab", lambda _: None))
    args, named = asked.value.args
    values = [each for each in args if not is_dataclass(each)]
    for each in args:
        if is_dataclass(each):
            named = named | {field.name: getattr(each, field.name) for field in fields(each)}
    return values, {name: each for name, each in named.items() if not callable(each) and name not in ("keeper", "path")}


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_arrives(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for differs by that field alone from what is asked for without it; no kind is left out here."""
    does, plain, changes = KINDS[kind]
    home, _, name = does.rpartition(".")
    monkeypatch.setattr(importlib.import_module(home), name, _ask)
    module = importlib.import_module(JOB_KINDS.get(kind).work.__module__)
    for loader in ("load_both", "load_pair"):
        monkeypatch.setattr(module, loader, lambda *_: ("model", "data"), raising=False)
    if kind == "why":
        monkeypatch.setattr(module, "open_quantized", lambda digest: digest)
        monkeypatch.setattr("qexplorer.run.batching.feeds_of", lambda *_: {})
        monkeypatch.setattr("qexplorer.measure.scratch.keep_samples", lambda *_: {})
        monkeypatch.setattr(module, "load_both", lambda *_: ("model", _Some()))
    values, named = _asked(kind, plain)
    assert _asked(kind, plain) == (values, named)
    assert WITHOUT.get(kind, {"model", "data"}) <= {each for each in (*values, *named.values()) if type(each) is str}
    for field, value in changes.items():
        others, told = _asked(kind, plain | {field: value})
        differ = {key for key in named if named[key] != told[key]}
        if field in named:
            assert (told[field], others, differ) == (value, values, {field} | ({"digest"} & differ)), field
        else:
            assert (others, told) != (values, named), field


@pytest.mark.parametrize(
    ("recipe", "data", "read"),
    [("w8a8", DATA, True), ("w4-gptq", DATA, True), ("fp16", DATA, True), ("w8", DATA, False), ("fp16", None, False)],
)
def test_data_is_loaded_for_a_quantized_file_where_its_recipe_looks_at_it(
    recipe: str, data: Any, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the model alone; progress begins with writing where no ranges are observed."""
    from qexplorer.jobs.kinds import quantize

    told: list[dict[str, Any]] = []
    monkeypatch.setattr("qexplorer.api.quantize", _ask)
    monkeypatch.setattr(quantize, "load_pair", lambda *_: ("model", "data"))
    monkeypatch.setattr(quantize, "load_ordered_model", lambda *_: "model")
    order = quantize.QuantizeOrder(model=MODEL, data=data, recipe=recipe)
    with pytest.raises(_AskedError) as asked:
        quantize.quantize(order, Report("trial-0123456789ab", told.append))
    assert asked.value.args[0] == ("model", order.recipe, "data" if read else None)
    assert [(each["step"], each["done"]) for each in told] == [("writing the quantized graph", 0.8)] * (
        not order.recipe.needs_statistics
    )
    told.clear()
    asked.value.args[1]["progress"](3, 4)
    asked.value.args[1]["progress"](4, 4)
    asked.value.args[1]["steps"]("gptq", 0.5)
    assert [each["done"] for each in told] == pytest.approx([0.65, 0.8, 0.85])
    assert [each["step"] for each in told][1:] == ["writing the quantized graph", "gptq"]


@pytest.mark.parametrize(("backends", "asked"), [((), None), (("torch",), ("torch",))])
def test_a_comparison_without_backends_is_on_the_usual_one(
    backends: tuple[str, ...], asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Python, where that is None."""
    monkeypatch.setattr("qexplorer.api.compare", _ask)
    monkeypatch.setattr("qexplorer.jobs.kinds.compare.load_both", lambda *_: ("model", "data"))
    assert _asked("compare", {"recipes": (RECIPE,), "backends": backends})[1]["backends"] == asked


@pytest.mark.parametrize(("everything", "passes"), [(False, -1.0), (True, None)])
def test_everything_is_evaluated_where_that_is_asked_for(
    everything: bool, passes: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else as much as is usual."""
    monkeypatch.setattr("qexplorer.api.sensitivity", _ask)
    monkeypatch.setattr("qexplorer.jobs.kinds.sensitivity.load_both", lambda *_: ("model", "data"))
    assert _asked("sensitivity", {"recipe": RECIPE, "everything": everything})[1]["passes"] == passes


def test_a_training_keeps_one_diary_wherever_it_is_stopped() -> None:
    """Another recipe, and other data, have one of their own."""
    order = TrainOrder(model=MODEL, data=DATA, recipe=RECIPE)
    assert diary_of(order) == diary_of(order.model_copy(update={"until": 3}))
    assert diary_of(order) != diary_of(order.model_copy(update={"recipe": OTHER}))
    assert diary_of(order) != diary_of(order.model_copy(update={"data": DataRef(sample="digits")}))


def test_steps_of_training_are_told_with_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Observing is the first part of what follows loading, training most of the rest; nothing learned is a sentence."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("qexplorer.jobs.kinds.train.load_both", lambda *_: ("model", "data"))
    monkeypatch.setattr("qexplorer.api.train", _ask)
    monkeypatch.setattr("qexplorer.api.foretell_training", lambda *_args, **_more: None)
    order = TrainOrder(model=MODEL, data=DATA, recipe=RECIPE)
    with pytest.raises(_AskedError) as asked:
        train(order, Report("trial-0123456789ab", told.append))
    named = asked.value.args[1]
    assert named["keeper"].path == diary_of(order)
    named["observing"](0, 0)
    named["steps"]("training, epoch 1", 0.0)
    shown = [(each["step"], each["seconds_left"]) for each in told]
    assert shown == [("observing sample 0 of 0", None), ("epoch 1", None)]
    assert [each["done"] for each in told] == pytest.approx([0.05, 0.05 + 0.95 * 0.1])
    with pytest.raises(RecipeError, match="by this recipe nothing learns"):
        foretell(ForetellOrder(model=MODEL, data=DATA, recipe=RECIPE), Report("trial-0123456789ab", told.append))


@pytest.mark.parametrize(
    ("name", "title", "page"), [("A b", "t", "p"), ("x" * 41, "t", "p"), ("a", "", "p"), ("a", "t", "")]
)
def test_a_kind_that_nobody_could_find_again_is_refused(name: str, title: str, page: str) -> None:
    """By its name, its title or its page."""
    with pytest.raises(ValueError, match="kind of job"):
        JobKind(name, title, page, TrainOrder, int, lambda *_: 0)


def test_work_that_times_keeps_its_priority_and_work_that_a_cluster_does_says_so() -> None:
    """Niceness would be inherited by what is timed; all other work makes way for the pages."""
    kinds = [JOB_KINDS.get(name) for name in JOB_KINDS.names()]
    timed = {"architecture", "compare", "live", "mix", "saturation", "sweep", "why"}
    assert {kind.name for kind in kinds if not kind.nice} == timed
    assert {kind.nice for kind in kinds if kind.name not in timed} == {5}
    in_tasks = {"compare", "sensitivity", "mix", "joint", "repair", "architecture"}
    assert {kind.name for kind in kinds if kind.sweeps} == in_tasks


def test_no_kind_and_no_field_is_left_out() -> None:
    """A new kind of job, or a new field of one, says here what it is to reach."""
    assert set(KINDS) == set(JOB_KINDS.names())
    for kind, (_, plain, changes) in KINDS.items():
        if kind in ("joint", "mix"):  # which are asked by name, see test_precision
            continue
        given = set(JOB_KINDS.get(kind).order.model_fields) - {"model", "data"}
        assert given == set(changes) | set(plain) | ELSEWHERE.get(kind, set()), kind


class _Some:
    """Data whose samples nobody looks at."""

    @property
    def evaluation(self) -> _Some:
        return self

    def head(self, _: int) -> _Some:
        return self
