"""Every option of a verb changes what it asks for; one that is forgotten on the way would do so silently."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple, cast

import pytest

from qexplorer import api
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.training.recipes import trained


class Verb(NamedTuple):
    """A verb, the function that does it, what it is called with beside the model, and another value of each option."""

    call: Callable[..., Any]
    does: str
    given: tuple[Any, ...]
    options: dict[str, Any]
    always: dict[str, Any] = {}  # noqa: RUF012 - nothing changes it


class _AskedError(Exception):
    """What would have been done."""


def _told(*_: object) -> None:
    """Stands for whoever watches."""


QUESTIONS = ("ArchitectureQuestion", "Inquiry", "JointQuestion", "JointSpace", "MixQuestion")
TOLD = {"progress": _told, "partly": _told}
VERBS = (
    Verb(
        api.measure,
        "qexplorer.measure.run_one.measure",
        (),
        {"backend": "torch", "samples": 7, "quick": False, "effort": "report"},
    ),
    Verb(
        api.compare,
        "qexplorer.measure.compare.compare",
        ("w8a8",),
        {"backends": ["torch"], "samples": 7, "quick": False, "effort": "report", "progress": _told},
    ),
    Verb(
        api.calibration_needed,
        "qexplorer.measure.data_needed.measuring.data_needed",
        ("w8a8", "tensor"),
        {"calibrators": ["mse"], "sizes": [7], "draws": 7, "judged": 7, **TOLD},
    ),
    Verb(
        api.generate,
        "qexplorer.measure.generation.generate.generate",
        ("w8a8", "prompt"),
        {"tokens": 7, "temperature": 0.7, "seed": 7, "backend": "torch", "vocabulary": ["a", "b"]},
    ),
    Verb(
        api.sensitivity,
        "qexplorer.search.sensitivity.finding.find_sensitivity",
        (),
        {
            "format": "int4",
            "samples": 7,
            "rounded": ["weights"],
            "setups": ["cumulative"],
            "passes": 7.0,
            "evaluate": False,
            **TOLD,
        },
    ),
    Verb(
        api.search,
        "qexplorer.search.mixing.finding.find_mix",
        (),
        {
            "share": 0.7,
            "budgets": {"weight_bytes": 0.7},
            "most_drop": 0.07,
            "as_float": True,
            "axis": "latency_ms",
            "choices": ["int8"],
            "backend": "torch",
            "threads": 7,
            "hardware_aware": True,
            "samples": 7,
            "verified": 7,
            "pairs": 7,
            "train_each": True,
            "anew": True,
            **TOLD,
        },
        {"backend": "onnxruntime"},
    ),
    Verb(
        api.tune,
        "qexplorer.search.joint.finding.find_jointly",
        (),
        {
            "formats": ["int8"],
            "granularities": ["tensor"],
            "per_layer": False,
            "activations": ["int8"],
            "weight_calibrators": ["kl"],
            "activation_calibrators": ["kl"],
            "algorithms": ["gptq"],
            "quality": "metric",
            "cost": "bit_operations",
            "trials": 7,
            "seconds": 7.0,
            "sampler": "tpe",
            "seed": 7,
            "train_each": True,
            **TOLD,
        },
    ),
    Verb(
        api.design,
        "qexplorer.search.architecture.finding.find_networks",
        (),
        {
            "networks": 7,
            "rounds": 2,
            "epochs": 9,
            "rounded_epochs": 10,
            "judged": 11,
            "seed": 12,
            "pictures": 77,
            **TOLD,
        },
    ),
    Verb(api.repair, "qexplorer.search.repair.finding.find_repair", (), {"train_each": True, **TOLD}),
    Verb(
        api.quantize,
        "qexplorer.api.quantizing.made",
        ("w8a8",),
        {"samples": 7, "progress": _told, "steps": _told},
    ),
    Verb(
        api.explain_algorithms,
        "qexplorer.measure.effects.effects.effects_of",
        ("w8a8",),
        {"samples": 7, "progress": _told},
    ),
)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.call.__name__)
def test_each_option_arrives(verb: Verb, shared_workspace: object, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """What is asked for differs from what is asked for without the option; no option is left out here."""
    named = inspect.signature(verb.call).parameters.values()
    assert {each.name for each in named if each.kind is inspect.Parameter.KEYWORD_ONLY} == set(verb.options)

    def ask(*args: object, **named: object) -> None:
        raise _AskedError(args, named)

    home, _, name = verb.does.rpartition(".")
    monkeypatch.setattr(importlib.import_module(home), name, ask)  # some packages are verbs too: no dotted name
    model, recipes = api.load("tumour_mlp"), {}
    data = api.data("tumour")
    monkeypatch.setattr("qexplorer.load.datasets.fit.fit_to_model", lambda given, _: given)
    if "recipe" in inspect.signature(verb.call).parameters and not verb.given:
        recipes = {"recipe": trained(Recipe.parse("w8a8"))}

    def asked(**option: object) -> tuple[object, ...]:
        with pytest.raises(_AskedError) as found:
            verb.call(model, *verb.given, data=data, **recipes, **(verb.always | option))
        return found.value.args

    plain = asked()
    assert plain == asked()
    named_before = _by_name(plain)
    for option, value in verb.options.items():
        found = asked(**{option: value})
        assert found != plain, option
        if option in named_before:
            named_now = _by_name(found)
            differ = {name for name in named_before if named_now[name] != named_before[name]}
            assert differ == {option}, option
            arrived = named_now[option]
            assert arrived == value or (isinstance(value, list) and tuple(arrived) == tuple(value)), option


def _by_name(asked: tuple[object, ...]) -> dict[str, Any]:
    """What is asked for under a name, that of an argument or of a field of a question."""
    values, named = asked
    found: dict[str, Any] = dict(cast("dict[str, Any]", named))
    questions = [each for each in cast("tuple[Any, ...]", values) if type(each).__name__ in QUESTIONS]
    for question in questions:
        for field in fields(question):
            value = getattr(question, field.name)
            if is_dataclass(value):
                questions.append(value)
            else:
                found[field.name] = value
    if found.get("vocabulary") is not None:
        found["vocabulary"] = found["vocabulary"].pieces
    return found
