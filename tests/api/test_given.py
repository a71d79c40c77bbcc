"""What the verbs take as a model and as data, and which data a recipe has them read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer import api
from qexplorer.api import given, quantizing
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import InputError, ModelError, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe

MODEL = Model("digits_cnn", Path("net.onnx"), "own", "as given", 21, (), (), (), 1, None, 1, 1)
PART = Split({"": np.zeros((2, 1), np.float32)}, None)
DATA = DataSet("points", PART, PART, held_out=True, classes=(), digest="d", task="similarity")


def _asked(*args: object, **named: object) -> tuple[object, ...]:
    return args, named


@pytest.fixture(autouse=True)
def fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data is told apart by what it was asked for; nothing is read."""
    monkeypatch.setattr("qexplorer.load.datasets.fit.fit_to_model", lambda data, model: (data, model))
    monkeypatch.setattr("qexplorer.load.datasets.load.load_data", lambda source, **_: f"read {source}")
    shelf = [SimpleNamespace(name=name, sha256=digest, data=f"data of {name}") for name, digest in SHELF.items()]
    monkeypatch.setattr("qexplorer.load.samples.shelf.list_samples", lambda: shelf)


SHELF = {"other": "own", "digits_cnn": "sample's"}


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({"sha256": "sample's"}, True),
        ({"source_sha256": "sample's"}, True),
        ({"untrained": True}, True),
        ({}, False),
        ({"name": "another", "sha256": "sample's"}, False),
        ({"name": "another", "untrained": True}, False),
    ],
)
def test_a_sample_model_brings_its_own_data(changes: dict[str, Any], own: bool) -> None:
    """By its name and its bytes, as given or as it runs here; a stranger's file of that name is none, and says so."""
    model = replace(MODEL, **changes)
    if own:
        assert given.fitted(model, None, "why") == ("read data of digits_cnn", model)
        return
    with pytest.raises(InputError, match=rf"^{model.name}: it needs data; allowed: a sample's name, .*; name a data"):
        given.fitted(model, None, "it needs data")


def test_data_that_is_named_goes_before_the_samples_own() -> None:
    """Also for a model that needs none named."""
    sample = replace(MODEL, sha256="sample's")
    assert given.fitted(sample, "mine.npz", "") == ("read mine.npz", sample)
    assert given.fitted(sample, DATA, "") == (DATA, sample)


@pytest.mark.parametrize("task", [None, "similarity"])
def test_data_that_was_read_is_itself(task: str | None) -> None:
    """For the task that it was read for; another task asks to read it again."""
    assert api.data(DATA, task=task) is DATA
    with pytest.raises(InputError, match=r"^points: .* the task similarity; read it with task='regression'$"):
        api.data(DATA, task="regression")


def test_a_model_that_was_loaded_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else is given is loaded with its example inputs and its name, and weights with their architecture."""
    monkeypatch.setattr("qexplorer.load.model.load_model", _asked)
    monkeypatch.setattr("qexplorer.load.weights.load.load_weights", _asked)
    assert api.load(MODEL) is MODEL
    found: Any = api.load("net.onnx", "inputs", name="mine")
    assert found == (("net.onnx",), {"example_inputs": "inputs", "name": "mine"})
    for source in ("w.safetensors", Path("w.safetensors")):
        found = api.load(source, architecture="resnet18", name="mine")
        assert found == ((Path("w.safetensors"), "resnet18"), {"name": "mine", "shown": "w.safetensors"})
    with pytest.raises(ModelError, match="leave architecture out"):
        api.load(SimpleNamespace(), architecture="resnet18")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recipe", "data", "read"),
    [
        ("w8a8", DATA, DATA),
        ("w8a8", None, "read data of digits_cnn"),
        ("w4-gptq", None, "read data of digits_cnn"),
        ("w8", DATA, None),
        ("w8", None, None),
        ("fp16", DATA, DATA),
        ("fp16", None, None),
    ],
)
def test_only_data_that_a_recipe_uses_is_read(
    recipe: str, data: DataSet | None, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranges and algorithms need some; a narrower float looks at what there is; weights alone need none."""
    monkeypatch.setattr(quantizing, "made", _asked)
    sample = replace(MODEL, sha256="sample's")
    args: Any = api.quantize(sample, recipe, data)[0]  # type: ignore[index]
    assert args[2] == (None if read is None else (read, sample))


@pytest.mark.parametrize(("recipe", "said"), [("w8a8", "has static activations"), ("w4-gptq", "that measures")])
def test_a_recipe_that_needs_data_says_what_for(recipe: str, said: str) -> None:
    """By its name."""
    with pytest.raises(InputError, match=f"the recipe '{recipe}' .*{said}, so it needs data"):
        api.quantize(MODEL, recipe)


def test_a_large_model_is_prepared_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong there is raised here, and training that was done there is not watched again."""
    asked: list[Any] = []
    watcher: Any = object()
    monkeypatch.setattr("qexplorer.quantize.quantize.quantize_model", lambda *args, **named: (args, named))
    monkeypatch.setattr("qexplorer.observe.collecting.store.statistics_for", lambda *_, **more: more["samples"])

    def prepare(*args: object, **named: object) -> list[RecipeError | None]:
        asked.append((args, named))
        return [RecipeError("it went wrong") if len(asked) > 1 else None]

    monkeypatch.setattr("qexplorer.quantize.apart.prepare_apart", prepare)
    recipe, more = Recipe.parse("w8a8"), {"samples": 7, "watcher": watcher}
    monkeypatch.setattr("qexplorer.quantize.apart.goes_apart", lambda _: False)
    found: Any = quantizing.made(MODEL, recipe, DATA, **more)
    assert (found[0], found[1]["watcher"], asked) == ((MODEL, recipe, 7, DATA), watcher, [])
    monkeypatch.setattr("qexplorer.quantize.apart.goes_apart", lambda _: True)
    found = quantizing.made(MODEL, recipe, DATA, **more)
    assert (found[0], found[1]["watcher"]) == ((MODEL, recipe, 7, DATA), None)
    assert asked[0][0] == (MODEL, [recipe], DATA)
    assert asked[0][1]["samples"] == 7
    with pytest.raises(RecipeError, match="it went wrong"):
        quantizing.made(MODEL, recipe, DATA, **more)
    monkeypatch.setattr("qexplorer.quantize.apart.goes_apart", lambda _: False)
    for plain, data in (("w8a8", None), ("w8", DATA)):
        statistics = quantizing.made(MODEL, Recipe.parse(plain), data, samples=7)  # type: ignore[index]
        assert statistics[0][2] is None  # type: ignore[index]


@pytest.mark.parametrize(("passes", "asked"), [(-1.0, "default"), (None, None), (0.0, 0.0), (2.5, 2.5)])
def test_how_much_evaluating_may_cost(passes: float | None, asked: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 0 it is as much as is usual for the model, None is no end, and any other number is itself."""
    monkeypatch.setattr("qexplorer.search.sensitivity.question.default_passes", lambda _: "default")
    monkeypatch.setattr("qexplorer.search.sensitivity.finding.find_sensitivity", _asked)
    found: Any = api.sensitivity(MODEL, DATA, passes=passes)
    assert found[0][2].passes == asked


@pytest.mark.parametrize(
    ("recipes", "data", "read"),
    [
        ((), None, False),
        (("w8",), None, False),
        (("w8", "w8a8"), None, True),
        (("w8",), DATA, True),
        ("w8", None, False),
    ],
)
def test_texts_are_written_without_data_where_no_recipe_needs_any(
    recipes: Any, data: DataSet | None, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One recipe is a list of one."""
    monkeypatch.setattr("qexplorer.measure.generation.generate.generate", _asked)
    found: Any = api.generate(replace(MODEL, sha256="sample's"), recipes, "once", data)
    assert [each.name for each in found[0][1]] == ([recipes] if isinstance(recipes, str) else list(recipes))
    assert (found[0][2] is not None) is read


@pytest.mark.parametrize(("backends", "asked"), [(None, None), ("torch", ["torch"]), (["a", "b"], ["a", "b"])])
def test_one_recipe_and_one_backend_need_no_list(
    backends: Any, asked: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to compare with is refused."""
    monkeypatch.setattr("qexplorer.measure.compare.compare", _asked)
    monkeypatch.setattr("qexplorer.api.measuring.ComparisonTable", lambda found: found)
    for recipes in ("w8", ["w8"], Recipe.parse("w8")):
        found: Any = api.compare(MODEL, recipes, DATA, backends=backends)  # type: ignore[arg-type]
        assert ([each.name for each in found[0][1]], found[1]["backends"]) == (["w8"], asked)
    with pytest.raises(RecipeError, match="no recipe to compare with"):
        api.compare(MODEL, [], DATA)


def test_formats_that_are_evenly_spaced_come_first() -> None:
    """In every list of them; each has its levels in order, up to 256 of them."""
    from qexplorer.core.formats import FORMATS

    found = api.formats()
    even = [FORMATS.get(each.name).is_uniform for each in found]
    assert even == sorted(even, reverse=True)
    assert {True, False} == set(even)
    for each in found:
        assert (each.levels is None) == (each.count is None or each.count > 256), each.name
        assert each.levels is None or list(each.levels) == sorted(each.levels)
        assert list(each.roles) == sorted(each.roles)


CHECKED: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = [
    (api.design, {"networks": 2, "rounds": 2}, {"networks": 1}),
    (api.design, {"networks": 128}, {"networks": 129}),
    (api.design, {"rounds": 1}, {"rounds": 0}),
    (api.design, {"networks": 16, "epochs": 16, "rounds": 5}, {"networks": 16, "epochs": 16, "rounds": 6}),
    (api.design, {"epochs": 8, "rounds": 4}, {"epochs": 8, "rounds": 5}),
    (api.design, {"epochs": 1, "rounds": 1}, {"epochs": 0}),
    (api.design, {"rounded_epochs": 1}, {"rounded_epochs": 0}),
    (api.design, {"judged": 1}, {"judged": 0}),
    (api.design, {"judged": 1000}, {"judged": 1001}),
    (api.design, {"pictures": 64}, {"pictures": 63}),
    (api.design, {"pictures": 200_000}, {"pictures": 200_001}),
    (api.design, {"seed": 0}, {"seed": -1}),
    (api.search, {"most_drop": 0.0}, {"most_drop": -0.1}),
    (api.search, {"most_drop": 0.1}, {"most_drop": float("nan")}),
    (api.search, {"threads": 1}, {"threads": 0}),
    (api.search, {"samples": 1}, {"samples": 0}),
    (api.search, {"verified": 1}, {"verified": 0}),
    (api.search, {"share": 100.0}, {"share": 100.1}),
    (api.search, {"as_float": True}, {"as_float": True, "most_drop": 0.1}),
    (api.tune, {"trials": 1}, {"trials": 0}),
    (api.tune, {"seed": 0}, {"seed": -1}),
    (api.tune, {"seconds": 0.1}, {"seconds": 0.0}),
    (api.tune, {"quality": "metric"}, {"quality": "speed"}),
    (api.tune, {"cost": "bit_operations"}, {"cost": "latency_ms"}),
    (api.tune, {"sampler": "tpe"}, {"sampler": "grid"}),
    (api.sensitivity, {"samples": 1}, {"samples": 0}),
    (api.sensitivity, {"passes": 0.0}, {"passes": float("nan")}),
    (api.sensitivity, {"rounded": ("weights",)}, {"rounded": ("biases",)}),
    (api.sensitivity, {"setups": ("cumulative",)}, {"setups": ("weights",)}),
]


@pytest.mark.parametrize(("call", "taken", "refused"), CHECKED)
def test_what_cannot_be_is_refused_before_anything_is_loaded(
    call: Callable[..., Any], taken: dict[str, Any], refused: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what just can be is not: of every number its ends, of every word those that there are."""

    class _LoadedError(Exception):
        pass

    def load(_: object) -> None:
        raise _LoadedError

    monkeypatch.setitem(call.__globals__, "load", load)
    with pytest.raises(_LoadedError):
        call("m", **taken)
    with pytest.raises(InputError):
        call("m", **refused)


def test_training_that_nothing_can_be_learned_in_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what its checks say; a forecast of it, too."""
    monkeypatch.setattr(
        "qexplorer.quantize.training.lesson_checks.refused", lambda *_: RecipeError("nothing to learn from")
    )
    monkeypatch.setattr("qexplorer.api.training.made", lambda *_args, **_more: pytest.fail("it began"))
    for call in (api.train, api.foretell_training):
        with pytest.raises(RecipeError, match="nothing to learn from"):
            call(MODEL, "w8a8", DATA)
