"""``qexplorer search``: stdout is what was asked for, and nothing else."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from qexplorer.cli import terminal
from qexplorer.cli.apart import run_in_turn
from qexplorer.cli.precision.search import plain_report
from qexplorer.cli.terminal import ProgressLine, stdout_to_stderr
from qexplorer.core.errors import InputError
from qexplorer.search.mixing.mix_types import MixGroup, MixPoint, MixReport, VerifiedMix
from qexplorer.search.sensitivity.sensitivity_types import Evaluated
from tests.waiting import until


def test_what_a_library_prints_by_itself_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """A line written below Python, as HiGHS writes it, goes to stderr; afterwards stdout is what it was."""
    with stdout_to_stderr():
        os.write(1, b"from a library\n")
    os.write(1, b"{}\n")
    out, err = capfd.readouterr()
    assert out == "{}\n"
    assert "from a library" in err


class _Time:
    """A clock that is set by hand, and what is to be done when it gets there."""

    def __init__(self) -> None:
        self.now, self.left = 0.0, list[tuple[float, _Timer]]()

    def later(self, seconds: float, work: Callable[[], None]) -> threading.Timer:
        """A timer of this clock."""
        timer = _Timer(work)
        self.left.append((self.now + seconds, timer))
        return cast("threading.Timer", timer)

    def pass_to(self, now: float) -> None:
        """Sets the clock on, and does what is due."""
        self.now = now
        due = [timer for at, timer in self.left if at <= now]
        self.left = [(at, timer) for at, timer in self.left if at > now]
        for timer in due:
            timer.ring()


class _Timer:
    def __init__(self, work: Callable[[], None]) -> None:
        self.ring = work

    def cancel(self) -> None:
        """Nothing is done when its time comes."""
        self.ring = lambda: None


def test_piped_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in the first 15 seconds, then a line after every 15, and none at all with ``--quiet``."""
    time = _Time()
    lines = [ProgressLine(quiet=quiet, clock=lambda: time.now, later=time.later) for quiet in (False, True)]
    for second in range(46):
        for line in lines:
            line.show("measuring", second / 50, 50.0 - second)
        time.pass_to(second + 1.0)
    for line in lines:
        line.end()
    time.pass_to(100.0)
    assert capsys.readouterr().err.splitlines() == [
        f"qexplorer: {2 * second} %  measuring, about {50 - second} s left" for second in (14, 29, 44)
    ]


def test_piped_progress_says_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    """As long as a step says the same nothing is written; what is new is, without waiting again."""
    time = _Time()
    line = ProgressLine(quiet=False, clock=lambda: time.now, later=time.later)
    for second in range(100):
        time.pass_to(float(second))
        line.show("loading" if second < 70 else "measuring", 0.0)
    assert capsys.readouterr().err.splitlines() == ["qexplorer: 0 %  loading", "qexplorer: 0 %  measuring"]


def test_piped_progress_says_a_long_step_that_began_too_soon_after_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told once, while the line before stands, and written when its time has come."""
    time = _Time()
    line = ProgressLine(quiet=False, clock=lambda: time.now, later=time.later)
    time.pass_to(20.0)
    line.show("loading", 0.0)
    time.pass_to(21.0)
    line.show("reading", 0.1)
    line.show("measuring", 0.2)
    time.pass_to(34.9)
    assert capsys.readouterr().err == "qexplorer: 0 %  loading\n"
    time.pass_to(35.0)
    assert capsys.readouterr().err == "qexplorer: 20 %  measuring\n"
    line.show("writing", 0.9)
    line.end()
    time.pass_to(300.0)
    assert not capsys.readouterr().err, "work has ended"


def test_piped_progress_is_written_by_a_timer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the machine's own clock, too."""
    monkeypatch.setattr(terminal, "_BETWEEN_S", 0.05)
    line = ProgressLine()
    line.show("loading", 0.0)
    said: list[str] = []
    until(lambda: bool(said.append(capsys.readouterr().err) or "".join(said)))
    assert "".join(said) == "qexplorer: 0 %  loading\n"


def test_a_file_that_cannot_be_written_is_said_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qexplorer: Any
) -> None:
    """A folder by that name, a folder that is not there, another ending: one sentence each."""
    monkeypatch.setattr("qexplorer.api.load", lambda *_args, **_more: pytest.fail("it began"))
    (tmp_path / "folder.yaml").mkdir()
    for name, said in (
        ("folder.yaml", "is a folder; name a file that ends in .yaml"),
        ("none/mix.yaml", "its folder does not exist"),
        (".", "is not the name of a recipe"),
    ):
        outcome = qexplorer("repair", "tumour_mlp", "-o", tmp_path / name)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert said in outcome.err


def test_a_scheduler_that_nobody_answers_at_is_said_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The address is tried first; without one nothing is."""
    asked = []

    def nobody(address: str) -> None:
        asked.append(address)
        raise InputError("no Dask scheduler answers there", where=address)

    monkeypatch.setattr("qexplorer.scheduling.status.cluster_state", nobody)
    with pytest.raises(InputError, match="answers there"):
        run_in_turn(argparse.Namespace(scheduler="tcp://127.0.0.1:1", run=lambda _order: pytest.fail("it began")))
    assert asked == ["tcp://127.0.0.1:1"]
    for named in ("off", None):
        assert run_in_turn(argparse.Namespace(scheduler=named, run=lambda _order: 0)) == 0
    assert len(asked) == 1


def test_a_mix_as_json_has_its_choice_for_each_layer_and_everything_measured() -> None:
    """Layers that share a choice are told one by one; a metric that drops is a change below 0; bytes are whole;
    budgets, which are fractions, are called as in the question."""
    groups = (
        MixGroup(("a",), 10, ("int8", "int4"), (0.0, 0.1), {}, "gradient"),
        MixGroup(("b", "c"), 20, ("int8", "int4"), (0.0, 0.2), {}, "gradient"),
    )
    costs = {"weight_bytes": 60.0}
    point = MixPoint((1, 0), 0.1, costs)
    found = Evaluated(0.03, None, 200, 20.0, 0.1, 0.9, metric=0.98, metric_drop=0.01)
    mix = VerifiedMix(point, "", "mixed", "exact", 61, found, None)
    budgets = {"weight_bytes": 0.6, "latency_ms": 1.2}
    about = ("net", "points", "", ("int8", "int4"), {"weight_bytes": 100.4}, {}, budgets)
    report = MixReport(
        *about, None, False, "weight_bytes", None, "nats", "accuracy", 200, groups, (), (), (point,), (mix,), 0, None
    )
    told = plain_report(report)
    assert told["front"] == [
        {
            "weight_bytes": 60.0,
            "costs": costs,
            "share": 60 / 100.4,
            "predicted_loss": 0.1,
            "choices": {"a": "int4", "b": "int8", "c": "int8"},
        }
    ]
    measured = {"loss": 0.03, "accuracy": 0.98, "delta": -0.01, "n": 200, "weight_bytes": 61, "latency_ms": None}
    assert measured.items() <= told["chosen"].items()
    assert told["budgets"] == {"weight_bytes": 0.6, "latency": 1.2}
    assert (told["int8_bytes"], told["model"], len(told["groups"])) == (100, "net", 2)
