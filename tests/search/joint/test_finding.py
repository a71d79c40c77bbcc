"""A joint search on a small network: starts, front, a kill in the middle, and what is asked and refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import qexplorer as qx
from qexplorer.api.given import fitted, load
from qexplorer.core.errors import InputError, QExplorerError, RecipeError
from qexplorer.report.joint_charts.importance import importance_rows
from qexplorer.report.joint_charts.joint_words import (
    FRONT_HEADER,
    chosen_words,
    float_words,
    front_cells,
    tried_sentence,
)
from qexplorer.report.joint_charts.tried import progress_rows, tried_rows
from qexplorer.search.joint import study
from qexplorer.search.joint.finding import three_parts, without_last
from qexplorer.search.joint.joint_types import JointReport

ASKED: dict[str, Any] = {
    "formats": ("int8", "int4"),
    "weight_calibrators": ("minmax", "mse"),
    "activation_calibrators": ("minmax", "percentile"),
    "algorithms": (),
    "trials": 12,
}


@lru_cache(maxsize=1)
def _found() -> JointReport:
    return qx.tune("tumour_mlp", **ASKED)


@pytest.fixture
def report(shared_workspace: Path) -> JointReport:  # noqa: ARG001 - what is found is kept there
    """Twelve recipes of tumour_mlp; searched once."""
    return _found()


def test_it_starts_from_plain_recipes_and_mixes_and_is_never_worse(report: JointReport) -> None:
    """Each of them was tried, and none is better than the front in both objectives."""
    assert len(report.trials) == 12
    assert len({trial.choice for trial in report.trials}) == 12
    plain = [trial.name for trial in report.trials if trial.is_plain]
    assert plain == ["w8a8", "w4a8"]
    starts = [trial for trial in report.measured if trial.why in ("plain", "a mix")]
    assert {trial.why for trial in report.trials} == {"plain", "a mix", "the search"}
    for start in starts:
        as_good = (
            trial.weight_bytes <= start.weight_bytes and (trial.quality or 0) <= (start.quality or 0)
            for trial in report.front
        )
        assert any(as_good)


def test_a_trial_is_what_its_recipe_gives(report: JointReport) -> None:
    """Its bytes are those of the file; an int4 weight has half the bit operations of an int8 one."""
    trial = report.front[0]
    made = qx.quantize("tumour_mlp", report.recipe(trial))
    assert sum(layer.weight_bytes for layer in made.plan.layers) == trial.weight_bytes
    wide, narrow = (next(t for t in report.trials if t.name == name) for name in ("w8a8", "w4a8"))
    assert wide.bit_operations == 2 * narrow.bit_operations == report.reference["bit_operations"]
    assert wide.weight_bytes == report.reference["weight_bytes"]


def test_the_front_is_verified_on_samples_that_were_not_looked_at(report: JointReport) -> None:
    """Three parts share no sample, and every recipe of the front was run on the last."""
    model = load("tumour_mlp")
    data = fitted(model, None, "")
    parts = three_parts(data)
    rows = [{row.tobytes() for row in next(iter(part.calibration.inputs.values()))} for part in parts]
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]
    assert (report.n_verified, report.n) == (parts[1].calibration.n, parts[2].calibration.n)
    known = {row.tobytes() for row in next(iter(without_last(data).calibration.inputs.values()))}
    assert known == rows[0] | rows[2]
    assert {trial.number for trial in report.front} <= {each.number for each in report.verified}


def test_the_storage_is_optunas_own(report: JointReport) -> None:
    """Optuna itself opens it by the path that the report tells, with every trial's values."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    opened = optuna.load_study(study_name=report.study, storage=JournalStorage(JournalFileBackend(report.storage)))
    values = {trial.number: trial.values for trial in opened.trials if trial.state.name == "COMPLETE"}
    for trial in report.measured:
        assert values[trial.number] == [trial.quality, trial.weight_bytes]
    assert {frozenset((t.params or {}).items()) for t in opened.best_trials} == {
        frozenset((each.name, each.choices[at]) for each, at in zip(report.parameters, trial.choice, strict=True))
        for trial in report.front
    }


_KILLED = """
import os, signal, sys
import qexplorer as qx
from qexplorer.search.joint.trial import TrialBench
done, do = [], TrialBench.do
def dies(self, order):
    found = do(self, order)
    done.append(order)
    if len(done) == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return found
TrialBench.do = dies
qx.tune("tumour_mlp", **{asked!r})
"""


def test_a_killed_search_goes_on_as_if_it_had_not_been(report: JointReport, tmp_path: Path, monkeypatch: Any) -> None:
    """Killed in the middle of a trial, it has in the end the trials of the one that was not, and tries none twice."""
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "other"))
    ended = subprocess.run([sys.executable, "-c", _KILLED.format(asked=ASKED)], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    kept = qx.tune("tumour_mlp", **ASKED | {"trials": 1})
    assert 1 < len(kept.trials) < 12
    again = qx.tune("tumour_mlp", **ASKED)
    assert [t.choice for t in again.trials] == [t.choice for t in report.trials]
    assert [(t.state, t.quality, t.weight_bytes) for t in again.trials] == [
        (t.state, t.quality, t.weight_bytes) for t in report.trials
    ]


@pytest.mark.parametrize(("sampler", "drawn"), [("local", 8), ("tpe", 8 + 3 * 8)])
def test_what_is_known_is_never_tried_again(
    sampler: str,
    drawn: int,
    shared_workspace: Path,  # noqa: ARG001
) -> None:
    """Of a space of eight every recipe is tried once, whatever the sampler proposes, and then the search ends."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    found = qx.tune("tumour_mlp", **ASKED | {"per_layer": False, "trials": 40, "sampler": sampler})
    assert len({trial.choice for trial in found.trials}) == len(found.trials) == 8
    assert any("every recipe" in note for note in found.notes)
    study = optuna.load_study(study_name=found.study, storage=JournalStorage(JournalFileBackend(found.storage)))
    assert len(study.trials) <= drawn
    known = {trial.number: trial.values for trial in study.trials if "same_as" not in trial.user_attrs}
    assert known.keys() == {trial.number for trial in found.trials}
    for trial in study.trials:
        assert trial.values == known[trial.user_attrs.get("same_as", trial.number)]


def test_charts_and_words_hold_what_was_found(report: JointReport) -> None:
    """Every measured trial a point, the front in order, an area that only grows, shares of choices."""
    rows = tried_rows(report, report.front[0].number)
    assert len(rows["measured"]) == len(report.measured)
    assert [row["cost"] for row in rows["front"]] == sorted(row["cost"] for row in rows["front"])
    assert len(rows["chosen"]) == 1
    area = [row["area"] for row in progress_rows(report)]
    assert area == sorted(area)
    assert area[-1] == pytest.approx(100)
    assert {row["objective"] for row in importance_rows(report)} == {"quality", "cost"}
    assert f"{len(report.front)} on the front" in tried_sentence(report)
    assert all(len(row) == len(FRONT_HEADER) for row in front_cells(report))
    assert report.chosen is not None
    assert "did not look at" in chosen_words(report, report.chosen)
    assert report.float_metric is not None
    assert f"(float {100 * report.float_metric:.1f} %)" in chosen_words(report, report.chosen)
    assert float_words(report).startswith(f"{100 * report.float_metric:.1f} % on {report.n} samples, ")


def test_the_report_is_plain_data_and_back(report: JointReport) -> None:
    """As a job hands it over."""
    assert JointReport.from_json(report.to_json()) == report


def test_the_metric_and_bit_operations_are_objectives_too(shared_workspace: Path) -> None:  # noqa: ARG001
    """Quality is then how much worse than float's the metric is; refused choices cost nothing and say why."""
    found = qx.tune(
        "tumour_mlp",
        quality="metric",
        cost="bit_operations",
        formats=("int8", "int2"),
        granularities=("channel", "b32"),
        weight_calibrators=("minmax", "kl"),
        per_layer=False,
        algorithms=(),
        trials=8,
        sampler="tpe",
    )
    worst = max(found.measured, key=lambda trial: trial.quality or 0.0)
    best = min(found.measured, key=lambda trial: trial.quality or 0.0)
    assert worst.metric is not None
    assert best.metric is not None
    assert worst.quality == pytest.approx((best.quality or 0.0) + best.metric - worst.metric)
    assert "int2" in found.recipe(found.front[0]).to_yaml()
    refused = [trial for trial in found.trials if trial.state == "refused"]
    assert refused
    assert all("kl" in trial.why and trial.quality is None for trial in refused)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"recipe": "fp16"}, RecipeError, "weights in float"),
        ({"trials": 0}, InputError, "trials cannot be 0; allowed: a whole number, 1 or more"),
        ({"trials": True}, InputError, "trials cannot be True"),
        ({"seed": -1}, InputError, "seed cannot be -1"),
        ({"seconds": float("nan")}, InputError, "seconds cannot be nan; allowed: a number above 0; leave it out"),
        ({"seconds": 0.0}, InputError, "seconds cannot be 0.0"),
        ({"sampler": "grid"}, InputError, "'grid' is not known here"),
        ({"algorithms": ("magic",)}, InputError, "no algorithm called 'magic'"),
        (
            {"formats": ("int8",), "weight_calibrators": (), "activation_calibrators": (), "algorithms": ()},
            InputError,
            "something to choose",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(arguments: dict[str, Any], error: type[Exception], said: str) -> None:
    """Before anything is loaded or begun."""
    with pytest.raises(error, match=said):
        qx.tune("tumour_mlp", **arguments)


def test_without_optuna_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    monkeypatch.setattr(study, "find_spec", lambda _name: None)
    with (
        pytest.raises(QExplorerError, match=r"pip install 'qexplorer\[tune\]'"),
        study.opened("0", "local", 0),
    ):
        pass
