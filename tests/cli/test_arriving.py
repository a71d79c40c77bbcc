"""What is typed reaches the function that does it, each option under its own name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qexplorer import api
from qexplorer.cli.parser import build_parser
from qexplorer.cli.precision.own_training import say_of_training
from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.training.recipes import trained

OUT = "{folder}/out.onnx"
VERBS: dict[str, tuple[str, str, dict[str, tuple[str, Any]]]] = {
    "quantize": (
        "quantize",
        f"quantize m --recipe w8a8 -o {OUT}",
        {"--samples 7": ("samples", 7)},
    ),
    "compare": (
        "compare",
        "compare m --recipe w8a8",
        {
            "--backend openvino torch": ("backends", ["openvino", "torch"]),
            "--samples 7": ("samples", 7),
            "--effort report": ("effort", "report"),
            "--quick": ("quick", True),
        },
    ),
    "generate": (
        "generate",
        "generate m --prompt x",
        {
            "--tokens 7": ("tokens", 7),
            "--temperature 0.7": ("temperature", 0.7),
            "--seed 8": ("seed", 8),
            "--backend torch": ("backend", "torch"),
            "--vocabulary {folder}/v.json": ("vocabulary", ["a", "b"]),
        },
    ),
    "sensitivity": (
        "sensitivity",
        "sensitivity m",
        {
            "--format int4": ("format", "int4"),
            "--samples 7": ("samples", 7),
            "--rounded weights": ("rounded", ["weights"]),
            "--setup cumulative alone": ("setups", ["cumulative", "alone"]),
            "--passes 0": ("passes", 0.0),
            "--passes 2.5": ("passes", 2.5),
            "--all-samples": ("passes", None),
            "--gradient-only": ("evaluate", False),
        },
    ),
    "search": (
        "search",
        "search m",
        {
            "--budget 0.5": ("budgets", {"weight_bytes": 0.5}),
            "--budget latency=0.7 weight_bytes=0.6": ("budgets", {"latency": 0.7, "weight_bytes": 0.6}),
            "--most-drop 0.07": ("most_drop", 0.07),
            "--as-float": ("as_float", True),
            "--least weight_bytes": ("axis", "weight_bytes"),
            "--choices int8": ("choices", ("int8",)),
            "--backend torch": ("backend", "torch"),
            "--threads 7": ("threads", 7),
            "--hardware-aware": ("hardware_aware", True),
            "--measure-again": ("anew", True),
            "--train-each": ("train_each", True),
        },
    ),
    "tune": (
        "tune",
        "tune m",
        {
            "--formats int8": ("formats", ["int8"]),
            "--granularities tensor": ("granularities", ["tensor"]),
            "--activations int8": ("activations", ["int8"]),
            "--weight-calibrators kl": ("weight_calibrators", ["kl"]),
            "--activation-calibrators kl": ("activation_calibrators", ["kl"]),
            "--algorithms gptq": ("algorithms", ["gptq"]),
            "--same-for-all": ("per_layer", False),
            "--quality metric": ("quality", "metric"),
            "--cost bit_operations": ("cost", "bit_operations"),
            "--trials 7": ("trials", 7),
            "--seconds 9": ("seconds", 9.0),
            "--sampler tpe": ("sampler", "tpe"),
            "--seed 8": ("seed", 8),
            "--train-each": ("train_each", True),
        },
    ),
    "repair": ("repair", "repair m", {"--train-each": ("train_each", True)}),
    "design": (
        "design",
        "design m",
        {
            f"--{name.replace('_', '-')} {value}": (name, value)
            for value, name in enumerate(("networks", "rounds", "pictures", "epochs", "rounded_epochs", "judged"), 71)
        }
        | {"--seed 9": ("seed", 9)},
    ),
    "qat": (
        "train",
        f"qat m --recipe w8a8 -o {OUT}",
        {
            "--epochs 7": ("epochs", 7),
            "--rate 0.5": ("rate", 0.5),
            "--batch 8": ("batch", 8),
            "--seed 9": ("seed", 9),
            "--until 3": ("until", 3),
            "--option optimizer=sgd weight-decay=0.5 patience=2": (
                ("optimizer", "weight_decay", "patience"),
                ("sgd", 0.5, 2),
            ),
            "--keep-best": ("until", 5),
        },
    ),
}
"""The function, what is typed at least, and each option with what it is to be there."""


class _AskedError(Exception):
    """What would have been done."""


class _Model:
    """What was typed as a model; nothing is read of it but its size."""

    file_bytes = 1000


def _ask(*args: object, **named: object) -> None:
    raise _AskedError(args, named)


@pytest.mark.parametrize("verb", VERBS)
def test_each_option_arrives(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself it changes what it is for and nothing else."""
    does, line, options = VERBS[verb]
    (tmp_path / "v.json").write_text('["a", "b"]')
    monkeypatch.setattr(api, does, _ask)
    monkeypatch.setattr(api, "load", lambda *_args, **_more: _Model())
    monkeypatch.setattr("qexplorer.cli.compare.usable", lambda name: name)
    monkeypatch.setattr(api, "trained_epochs", lambda *_args, **_more: 5)

    def asked(more: str) -> dict[str, Any]:
        order = build_parser().parse_args(f"{line} {more}".format(folder=tmp_path).split())
        with pytest.raises(_AskedError) as found:
            order.run(order)
        return {name: value for name, value in found.value.args[1].items() if not callable(value)}

    plain = asked("")
    for typed, (names, values) in options.items():
        found = asked(typed)
        wanted = {names: values} if isinstance(names, str) else dict(zip(names, values, strict=True))
        assert found == plain | wanted, typed
        assert plain != found, typed


PREPROCESSED = "--layout add_channel --scale 0.5 --mean 1 --std 2 3 --size 8 9"


@pytest.mark.parametrize("verb", VERBS)
def test_data_arrives_as_it_was_typed(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its task, its classes and its preprocessing; without data the work gets none, and options of data that are
    given all the same are refused by name."""
    does, line, _ = VERBS[verb]
    read: list[tuple[object, dict[str, Any]]] = []
    (tmp_path / "names.txt").write_text("cat\ndog\n")

    def data(source: object, **named: Any) -> str:
        read.append((source, named))
        return "the data"

    monkeypatch.setattr(api, does, _ask)
    monkeypatch.setattr(api, "data", data)
    monkeypatch.setattr(api, "load", lambda *_args, **_more: _Model())
    monkeypatch.setattr("qexplorer.cli.compare.usable", lambda name: name)
    monkeypatch.setattr("qexplorer.load.datasets.classes.check_listed", lambda *_args, **_more: None)

    def given(more: str) -> list[object]:
        order = build_parser().parse_args(f"{line} {more}".format(folder=tmp_path).split())
        with pytest.raises(_AskedError) as found:
            order.run(order)
        values: list[object] = [*found.value.args[0], *found.value.args[1].values()]
        assert any(isinstance(each, _Model) for each in values)
        return values

    assert "the data" not in given("")
    assert read == []
    assert "the data" in given("--data d")
    assert "the data" in given("--data d --task regression --classes {folder}/names.txt")
    assert "the data" in given(f"--data d --task regression {PREPROCESSED}")
    plain, named, prepared = read
    assert (plain[0], plain[1]["task"], tuple(plain[1]["classes"])) == ("d", None, ())
    assert (named[1]["task"], tuple(named[1]["classes"])) == ("regression", ("cat", "dog"))
    assert (prepared[0], prepared[1]["task"]) == ("d", "regression")
    found = prepared[1]["preprocessing"]
    assert (found.layout, found.scale, found.mean, found.std, found.size) == (
        *("add_channel", 0.5),
        *((1.0,), (2.0, 3.0), (8, 9)),
    )


@pytest.mark.parametrize("lone", ["--layout as_is", "--scale 2", "--size 8 8", "--task regression", "--classes n.txt"])
def test_what_is_for_data_needs_data(lone: str, qexplorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the sentence names what was typed."""
    monkeypatch.setattr(api, "load", lambda *_args, **_more: _Model())
    outcome = qexplorer("repair", "m", *lone.split())
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"{lone.split()[0]} needs --data" in outcome.err


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ('["a", "b"]', True),
        ("[]", True),
        ('["a", 1]', False),
        ("[1, 2]", False),
        ('{"a": "b"}', False),
        ('"ab"', False),
        ('[["a"]]', False),
        ("[1", False),
        (None, False),
    ],
)
def test_a_vocabulary_is_a_list_of_texts(
    text: str | None, taken: bool, qexplorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them texts; what is none is refused by the file's name before anything is written."""
    asked: list[dict[str, Any]] = []

    def write(*_args: object, **named: Any) -> None:
        asked.append(named)
        raise InputError("enough")

    monkeypatch.setattr(api, "load", lambda *_args, **_more: _Model())
    monkeypatch.setattr(api, "generate", write)
    if text is not None:
        (tmp_path / "v.json").write_text(text)
    outcome = qexplorer("generate", "m", "--prompt", "x", "--vocabulary", tmp_path / "v.json")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert ("v.json" in outcome.err) is not taken
    assert [each["vocabulary"] for each in asked] == ([json.loads(text)] if taken and text is not None else [])


@pytest.mark.parametrize(
    ("typed", "epochs"),
    [("--recipe w8a8-qat", 20), ("--recipe w8a8", None), ("--recipe w8a8-qat --train-each", 20)],
)
def test_what_becomes_of_training_is_said_beforehand(
    typed: str, epochs: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """That all that is measured is trained, and for how long, or that nothing is; not a word without training."""
    say_of_training(build_parser().parse_args(f"repair m {typed}".split()))
    said = capsys.readouterr().err
    if epochs is None:
        assert said == ""
    elif "--train-each" in typed:
        assert f"every recipe that is measured is trained for {epochs} epochs" in said
    else:
        assert "measured without the training of this one" in said


def test_one_epoch_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    """As the recipe that is named has it."""
    recipe = trained(Recipe.parse("w8a8"), epochs=1).to_yaml()
    say_of_training(build_parser().parse_args(["repair", "m", "--train-each", "--recipe", recipe]))
    assert "is trained for 1 epoch, each" in capsys.readouterr().err


@pytest.mark.parametrize("budget", ["much", "0", "-1", "weight_bytes=x", "weight_bytes=0", "weight=0.5", "nan"])
def test_a_budget_that_is_none_is_refused(budget: str, qexplorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is loaded, with what a budget looks like."""
    monkeypatch.setattr(api, "load", lambda *_args, **_more: pytest.fail("it began"))
    outcome = qexplorer("search", "m", "--budget", budget)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"--budget: '{budget}' is no budget; allowed: a fraction of int8's of one of weight_bytes" in outcome.err
