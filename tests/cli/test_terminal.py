"""A line of progress on a terminal, and what is printed for people: of values with known numbers."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer import api
from qexplorer.api.number_formats import FormatFacts
from qexplorer.cli import doctor, formats, samples, terminal
from qexplorer.cli.sensitivity import plain_report
from qexplorer.cli.terminal import ProgressLine, fail, warn
from qexplorer.process.places.waiting import Waiting
from qexplorer.report.table import ComparisonTable
from qexplorer.search.sensitivity.sensitivity_types import Evaluated, Foretold, LayerSensitivity, SensitivityReport
from tests.report.comparisons import comparison


class _Terminal(io.StringIO):
    """A stderr that says it is a terminal, and is flushed as one."""

    shown = ""

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.shown = self.getvalue()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """A terminal of 20 columns."""
    found = _Terminal()
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(stderr=found, stdout=sys.stdout))
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: os.terminal_size((20, 24)))
    return found


CLEAR = "\r\033[K"


def test_a_terminal_has_one_line_that_is_written_over(screen: _Terminal) -> None:
    """At once, within its width less one, so that no line is wrapped; at the end nothing is left of it."""
    line = ProgressLine()
    line.show("measuring", 0.256, 12.4)
    assert screen.shown == f"{CLEAR} 26 %  measuring, a"
    line.show("writing", 1.0, -3.0)
    assert screen.shown.removeprefix(f"{CLEAR} 26 %  measuring, a") == f"{CLEAR}100 %  writing, abo"
    before = screen.shown
    line.end()
    assert screen.shown == before + CLEAR


def test_a_quiet_terminal_stays_empty(screen: _Terminal) -> None:
    """Also where it waits, and at the end."""
    line = ProgressLine(quiet=True)
    line.show("measuring", 0.5)
    line.wait(Waiting(1))
    line.end()
    assert screen.getvalue() == ""


def test_who_waits_sees_where(screen: _Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place in the line, until the work goes on."""
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: os.terminal_size((200, 24)))
    line, waiting = ProgressLine(), Waiting(1)
    line.wait(waiting)
    assert screen.shown == CLEAR + waiting.sentence
    line.wait(None)
    assert screen.shown.endswith(waiting.sentence + CLEAR)


def test_an_error_takes_the_place_of_the_line_of_progress(
    screen: _Terminal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal it clears that line first; elsewhere it is a line of its own, and so is a warning."""
    fail("it\n went  wrong")
    assert screen.getvalue() == f"{CLEAR}qexplorer: error: it went wrong\n"
    monkeypatch.undo()
    fail("it\n went  wrong")
    warn("mind\nthis")
    assert capsys.readouterr().err == "qexplorer: error: it went wrong\nqexplorer: warning: mind this\n"


def test_a_timer_of_a_line_does_not_keep_the_program_alive() -> None:
    """Nobody waits at the end for a line that is not due."""
    timer = terminal._later(60.0, lambda: None)
    assert timer.daemon
    timer.cancel()


def test_a_comparison_is_printed_as_people_read_it(qexplorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each run, or one JSON object; one backend that is named twice is one."""
    table = ComparisonTable(comparison())
    asked: list[dict[str, Any]] = []

    def compare(*args: object, **named: Any) -> ComparisonTable:
        asked.append(named | {"recipes": args[1]})
        return table

    monkeypatch.setattr(api, "load", lambda *_args, **_more: object())
    monkeypatch.setattr(api, "compare", compare)
    plain = qexplorer("compare", "m", "--recipe", "w8a8", "w8a8", "--backend", "onnxruntime", "onnxruntime")
    assert (plain.code, plain.out) == (0, f"{table}\n")
    assert qexplorer("compare", "m", "--recipe", "w8a8", "--json").json["runs"][1]["recipe"] == "w8a8"
    assert [each["backends"] for each in asked] == [["onnxruntime"]] * 2
    assert [[recipe.name for recipe in each["recipes"]] for each in asked] == [["w8a8"]] * 2


def test_ranges_are_observed_out_loud(
    qexplorer: Any, tmp_path: Path, screen: _Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a share of the samples; of none at all it is none."""

    def quantize(*_args: object, progress: Any, **_more: object) -> None:
        for done, of in ((0, 0), (1, 4), (4, 4)):
            progress(done, of)
        raise KeyboardInterrupt

    class _Model:
        file_bytes = 10

    monkeypatch.setattr(api, "load", lambda *_args, **_more: _Model())
    monkeypatch.setattr(api, "quantize", quantize)
    assert qexplorer("quantize", "m", "--recipe", "w8a8", "-o", tmp_path / "q.onnx").code == 130
    told = [part.split("%")[0].strip() for part in screen.getvalue().split(CLEAR) if "observing" in part]
    assert told == ["0", "25", "100"]


def test_formats_without_fixed_levels_are_learned() -> None:
    """Float has neither levels nor learned ones; what no backend computes with is simulated."""
    int4 = FormatFacts("int4", 4, (0.0,), 16, ("a", "b"), ("weight",), ("tensor", "channel"), "INT4", simulated=False)
    table = FormatFacts("table", 4, None, None, (), ("weight",), ("channel",), "UINT4", simulated=True)
    float32 = FormatFacts("float32", 32, None, None, ("a",), ("activation", "weight"), (), "FLOAT", simulated=False)
    assert formats._row(int4) == ("int4", 4, 16, "weight", "tensor, channel", "INT4", "a, b")
    assert formats._row(table) == ("table", 4, "learned", "weight", "channel", "UINT4", "simulated")
    assert formats._row(float32) == ("float32", 32, None, "activation, weight", "no scale", "FLOAT", "a")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("memory_bytes", 2_000_000_000, "2.00 GB"),
        ("gpus", [], "no NVIDIA GPU that its driver shows"),
        ("packages", {"torch": "2", "onnx": "1"}, "torch 2, onnx 1"),
        ("features", ["avx2", "vnni"], "avx2, vnni"),
        ("features", [], None),
        ("governor", None, None),
        ("logical_cpus", 0, "0"),
    ],
)
def test_a_fact_about_the_machine(name: str, value: Any, text: str | None) -> None:
    """What is not known is not said."""
    assert doctor._text(name, value) == text


def test_a_sample_model_is_listed_with_what_it_is_worth() -> None:
    """Its metric with the samples that judge; an untrained one has neither."""
    found = {sample.name: samples._row(sample) for sample in samples.list_samples()}
    name, data, task, _, measured, judged, _ = found["digits_cnn"]
    assert (name, data, task, judged) == ("digits_cnn", "digits", "classification", 597)
    assert str(measured).startswith("accuracy 9")
    assert found["resnet18"][4:6] == ("–", "untrained: size and latency only")  # noqa: RUF001


def test_layers_as_json_have_what_is_asked_for_most_in_front() -> None:
    """What is not known is null: neither foretold nor evaluated, or one of the two."""
    foretold, seen = {"both": Foretold(2.0, None, 9)}, {"alone": {"both": Evaluated(1.5, None, 9, 20.0, 0.1, 0.99)}}
    layers = [
        LayerSensitivity(name, "Conv", (name,), True, told, evaluated=found)
        for name, told, found in (("a", {}, {}), ("b", foretold, {}), ("c", {}, seen), ("d", foretold, seen))
    ]
    report = SensitivityReport("net", "d", "name: r", "r", "x", 9, "nats", None, tuple(layers))
    told = [(each["name"], each["gradient"], each["exact"], each["sqnr_db"]) for each in plain_report(report)["layers"]]
    assert told == [("a", None, None, None), ("b", 2.0, None, None), ("c", None, 1.5, 20.0), ("d", 2.0, 1.5, 20.0)]
