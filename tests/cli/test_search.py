"""``qexplorer search``: stdout is what was asked for, and nothing else."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pytest

from qexplorer.cli.apart import run_in_turn
from qexplorer.cli.precision.search import plain_report
from qexplorer.cli.terminal import ProgressLine, stdout_to_stderr
from qexplorer.core.errors import InputError
from qexplorer.search.mixing.mix_types import MixGroup, MixPoint, MixReport, VerifiedMix
from qexplorer.search.sensitivity.sensitivity_types import Evaluated


def test_what_a_library_prints_by_itself_does_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """A line written below Python, as HiGHS writes it, goes to stderr; afterwards stdout is what it was."""
    with stdout_to_stderr():
        os.write(1, b"from a library\n")
    os.write(1, b"{}\n")
    out, err = capfd.readouterr()
    assert out == "{}\n"
    assert "from a library" in err


def test_piped_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in the first 15 seconds, then a line after every 15, and none at all with ``--quiet``."""
    now = [0.0]
    lines = [ProgressLine(quiet=quiet, clock=lambda: now[0]) for quiet in (False, True)]
    for second in range(46):
        now[0] = float(second)
        for line in lines:
            line.show("measuring", second / 50, 50.0 - second)
    for line in lines:
        line.end()
    assert capsys.readouterr().err.splitlines() == [
        f"qexplorer: {2 * second} %  measuring, about {50 - second} s left" for second in (15, 30, 45)
    ]


def test_piped_progress_says_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    """As long as a step says the same nothing is written; what is new is, without waiting again."""
    now = [0.0]
    line = ProgressLine(quiet=False, clock=lambda: now[0])
    for second in range(100):
        now[0] = float(second)
        line.show("loading" if second < 70 else "measuring", 0.0)
    assert capsys.readouterr().err.splitlines() == ["qexplorer: 0 %  loading", "qexplorer: 0 %  measuring"]


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
