"""What verbs do with what they found: the file that was named, what is printed, and a line of progress that ends."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qexplorer import api
from qexplorer.cli import qat, terminal
from qexplorer.cli.apart import goes_apart
from qexplorer.cli.parser import build_parser
from qexplorer.core.recipe import Recipe
from qexplorer.measure.generation.generation_types import Generation, Writing
from qexplorer.search.joint.joint_types import JointReport, JointTrial
from qexplorer.search.mixing.mix_types import MixReport
from tests.report.joint_charts.test_joint_words import BEST, DEARER
from tests.report.joint_charts.test_joint_words import report as tuned
from tests.report.mix_charts.test_mix_words import mix
from tests.report.mix_charts.test_mix_words import report as mixed
from tests.report.network_charts.test_network_words import FOUND, MADE
from tests.report.network_charts.test_network_words import report as networks
from tests.report.repair_charts.test_repair_words import KEPT
from tests.report.repair_charts.test_repair_words import report as repaired

W4A8 = Recipe.parse("w4a8").to_yaml()
WRITTEN = Generation(
    "net", "onnxruntime", "once upon", 0.0, 0, (Writing("float", (1, 2), 2, "ab"), Writing("w8", (1, 3), 1, "a", "c"))
)


class _Model:
    """What was typed as a model; nothing is read of it but its size."""

    file_bytes = 1000


@pytest.fixture(autouse=True)
def loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded: verbs are handed what they would have found."""
    monkeypatch.setattr(api, "load", lambda *_args, **_more: _Model())


def _tuned(*trials: JointTrial) -> JointReport:
    """A search in which nothing was left to choose but which recipe it is."""
    found = tuned(trials=tuple(replace(each, choice=()) for each in trials))
    return replace(found, question=replace(found.question, recipe="w8a8"), parameters=())


def _mix(*, chosen: int | None = 0) -> MixReport:
    return mixed(replace(mix(), recipe=W4A8), chosen=chosen)


@pytest.mark.parametrize(
    ("verb", "found", "written"),
    [
        ("search", _mix(), True),
        ("search", _mix(chosen=None), False),
        ("tune", _tuned(BEST), True),
        ("tune", _tuned(), False),
        ("repair", repaired(KEPT, repaired=W4A8), True),
    ],
    ids=["search", "search nothing", "tune", "tune nothing", "repair"],
)
def test_the_recipe_that_was_found_is_written_where_a_file_is_named(
    verb: str, found: Any, written: bool, qexplorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be read back; without a file nothing is written, and without a recipe neither. Both ways of printing tell
    what was found: as text, and as one JSON object."""
    monkeypatch.setattr(api, verb, lambda *_args, **_more: found)
    monkeypatch.chdir(tmp_path)
    plain = qexplorer(verb, "m")
    assert (plain.code, plain.err) == (0, "")
    assert "net" in plain.out
    assert not plain.out.startswith("{")
    assert list(tmp_path.iterdir()) == []
    told = qexplorer(verb, "m", "-o", "found.yaml", "--json")
    assert told.json["model"] == "net"
    assert [each.name for each in tmp_path.iterdir()] == (["found.yaml"] if written else [])
    if written:
        assert Recipe.parse(tmp_path / "found.yaml")


def test_networks_that_were_found_are_told(qexplorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text, or as JSON with the names of those that are as accurate as the model."""
    monkeypatch.setattr(api, "design", lambda *_args, **_more: networks(MADE, FOUND))
    assert qexplorer("design", "m").out == f"{networks(MADE, FOUND)}\n"
    told = qexplorer("design", "m", "--json").json
    assert told["as_accurate"] == [each.name for each in networks(MADE, FOUND).as_accurate]
    assert told["as_accurate"]


@pytest.mark.parametrize("verb", ["compare", "sensitivity", "search", "tune", "repair", "design"])
def test_a_cluster_is_named_in_the_verbs_that_it_helps(verb: str) -> None:
    """By its address; without one there is none."""
    line = [verb, "m", *(["--recipe", "w8a8"] if verb == "compare" else [])]
    assert build_parser().parse_args(line).scheduler is None
    assert build_parser().parse_args([*line, "--scheduler", "tcp://a:1"]).scheduler == "tcp://a:1"


@pytest.mark.parametrize("debugged", [False, True])
def test_commands_that_run_a_model_do_so_apart(debugged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless somebody looks for a fault; the others, and what is no command, stay in this process."""
    monkeypatch.setenv("QEXPLORER_DEBUG", "1") if debugged else monkeypatch.delenv("QEXPLORER_DEBUG", raising=False)
    apart = {
        line.split()[0]: goes_apart(build_parser().parse_args(line.split()))
        for line in (
            *("quantize m --recipe r -o o.onnx", "compare m --recipe r", "qat m --recipe r", "generate m --prompt p"),
            *("inspect m", "search m", "tune m", "repair m", "design m", "sensitivity m", "samples", "doctor", "app"),
        )
    }
    assert {verb for verb, is_apart in apart.items() if is_apart} == (
        set() if debugged else {"quantize", "compare", "qat", "generate"}
    )
    assert not goes_apart(argparse.Namespace(run=len))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("qat", "m", "--recipe", "w8a8"), "there is nowhere to write the trained model; name a file with -o"),
        (("qat", "m", "--recipe", "w8", "--estimate"), "by this recipe nothing learns; choose integer weights"),
        (("qat", "m", "--recipe", "w8a8", "-o", "o.onnx", "--option", "speed"), "'speed' is no option"),
    ],
)
def test_training_that_cannot_be_is_refused(
    typed: tuple[str, ...], said: str, qexplorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence that says what to do, and nothing is trained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "train", lambda *_args, **_more: pytest.fail("it was trained"))
    monkeypatch.setattr(api, "foretell_training", lambda *_args, **_more: None)
    outcome = qexplorer(*typed)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert said in outcome.err


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0.5", 0.5), ("1e-3", 0.001), ("sgd", "sgd"), ("8,6", "8,6"), ("", "")]
)
def test_an_options_value_is_a_number_where_it_reads_as_one(text: str, value: object) -> None:
    """A whole one where it can be."""
    found = qat._value(text)
    assert (found, type(found)) == (value, type(value))


def test_the_searchs_training_is_written_with_what_was_found(
    qexplorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe that trains is searched without its training, and the file has it again."""
    monkeypatch.setattr(api, "search", lambda *_args, **_more: _mix())
    for asked, trains in (("w8a8-qat", True), ("w8a8", False)):
        assert qexplorer("search", "m", "--recipe", asked, "-o", tmp_path / "found.yaml").code == 0
        names = [each.name for each in Recipe.parse(tmp_path / "found.yaml").algorithms]
        assert names == (["qat"] if trains else [])


def test_texts_are_printed_below_what_they_go_on_from(qexplorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning, a line for each recipe, and what the mark in them means; as JSON everything that is known. A
    recipe that wrote nothing shows in the exit code."""
    failed = replace(WRITTEN, writings=(*WRITTEN.writings, Writing("w2", failed="it broke")))
    for found, code in ((WRITTEN, 0), (failed, 1)):
        monkeypatch.setattr(api, "generate", lambda *_args, told=found, **_more: told)
        plain = qexplorer("generate", "m", "--prompt", "once upon")
        assert plain.code == code
        first, *lines, last = plain.out.splitlines()
        assert first.startswith("once upon")
        assert lines[:2] == ["float: ab", "w8: a>|<c"]
        assert len(lines) == len(found.writings)
        assert ">|<" in last
        told = qexplorer("generate", "m", "--prompt", "once upon", "--json")
        assert (told.code, [each["recipe"] for each in told.json["writings"]][:2]) == (code, ["float", "w8"])


@pytest.mark.parametrize(
    ("verb", "does", "line"),
    [
        ("quantize", "quantize", "quantize m --recipe w8a8 -o {folder}/out.onnx"),
        ("qat", "train", "qat m --recipe w8a8 -o {folder}/out.onnx"),
        ("compare", "compare", "compare m --recipe w8a8"),
        *((verb, verb, f"{verb} m") for verb in ("sensitivity", "search", "tune", "repair", "design")),
    ],
)
@pytest.mark.parametrize("quiet", [False, True])
def test_a_line_of_progress_ends_with_the_work(
    verb: str, does: str, line: str, quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it ends, so that no old line is written after an error; ``--quiet`` shows none."""
    lines: list[terminal.ProgressLine] = []

    class _Watched(terminal.ProgressLine):
        ended = 0

        def __init__(self, *, quiet: bool = False) -> None:
            super().__init__(quiet=quiet)
            self.is_quiet = quiet
            lines.append(self)

        def end(self) -> None:
            self.ended += 1
            super().end()

    def breaks(*_args: object, **_more: object) -> None:
        raise RuntimeError("in the middle")

    module = "precision." * (verb in ("search", "tune", "repair", "design")) + verb
    monkeypatch.setattr(f"qexplorer.cli.{module}.ProgressLine", _Watched)
    monkeypatch.setattr("qexplorer.cli.compare.usable", lambda name: name)
    monkeypatch.setattr(api, does, breaks)
    order = build_parser().parse_args([*line.format(folder=tmp_path).split(), *(["--quiet"] if quiet else [])])
    with pytest.raises(RuntimeError, match="in the middle"):
        order.run(order)
    assert [(each.ended, each.is_quiet) for each in lines] == [(1, quiet)]  # type: ignore[attr-defined]


def test_help_names_what_is_taken_without_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """For every option of ``tune`` and ``design`` that has a default, the default, and no empty brackets."""
    for verb in ("tune", "design"):
        with pytest.raises(SystemExit):
            build_parser().parse_args([verb, "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert "()" not in told
        order = vars(build_parser().parse_args([verb, "m"]))
        for name, value in order.items():
            if isinstance(value, list) and value:
                assert f"({' '.join(value)})" in told, name
            elif isinstance(value, int) and not isinstance(value, bool) and verb == "design":
                assert f"({value})" in told, name
        assert ("(as the recipe says)" in told) == (verb == "tune")


def test_fields_of_json_are_json(qexplorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was chosen is in front, with the bytes, quality and recipe that the report has for it."""
    monkeypatch.setattr(api, "tune", lambda *_args, **_more: _tuned(BEST, DEARER))
    told = qexplorer("tune", "m", "--json").json
    assert [each["number"] for each in told["front"]] == [0, 1] == [each.number for each in tuned().front]
    assert told["chosen"] == told["front"][0]
    assert {"weight_bytes", "bit_operations", "quality", "accuracy", "recipe"} < set(told["chosen"])
    monkeypatch.setattr(api, "repair", lambda *_args, **_more: repaired(KEPT))
    told = qexplorer("repair", "m", "--json").json
    assert (told["before"], told["after"], told["loss_before"], told["loss_after"]) == (0.9, 0.97, 0.5, 0.125)
    assert told["won_back"] == pytest.approx(0.75)
    assert json.loads(json.dumps(told)) == told
