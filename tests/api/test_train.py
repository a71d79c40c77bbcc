"""``qx.train`` and ``qexplorer qat``: what they give, how they are stopped, and whether the file does what was said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qexplorer as qx
from qexplorer.core.errors import RecipeError
from qexplorer.measure.held_back import metric_of_file
from qexplorer.quantize.training.diaries.diary import Diary
from tests.cli.conftest import environment, qexplorer  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]


def test_the_written_file_is_as_good_as_training_said() -> None:
    """digits_cnn with 2-bit weights: the best state's metric, computed on the file in integers, within one sample."""
    data = qx.data("digits")
    found = qx.train("digits_cnn", "w2a8", data, epochs=2, batch=64)
    said = found.diary.best_epoch.metric
    assert said is not None
    assert found.epochs[0].metric is not None
    assert said > found.epochs[0].metric + 0.1
    ran = metric_of_file(found.quantized, data)
    assert ran is not None
    assert abs(ran - said) <= max(0.002, 1 / found.diary.judged) + 1e-9
    html = found._repr_html_()
    assert html.count("data:image/svg+xml") == 2
    assert "samples held back" in html


def test_it_is_stopped_by_an_interrupt_and_gone_on_with() -> None:
    """An interrupt keeps the best of the whole epochs; the same call trains the rest, to what a run in one gives."""

    def after(epochs: int) -> Callable[[Diary], None]:
        def told(diary: Diary) -> None:
            if diary.trained >= epochs:
                raise KeyboardInterrupt

        return told

    data = qx.data("tumour")
    part = qx.train("tumour_mlp", "w2a8-tensor", data, epochs=6, progress=after(3))
    assert part.stopped_after == 3
    assert len(part.epochs) == 4
    whole = qx.train("tumour_mlp", "w2a8-tensor", data, epochs=6)
    assert (whole.stopped_after, len(whole.epochs), whole.diary.went_on) == (0, 7, 3)
    assert whole.epochs[:4] == part.epochs
    with pytest.raises(KeyboardInterrupt):
        qx.train("tumour_mlp", "w2a8-tensor", data, epochs=6, seed=1, progress=after(0))


def test_what_cannot_be_trained_says_so() -> None:
    """An option that there is none of, a value that cannot be, and a recipe that rounds no weight."""
    with pytest.raises(RecipeError, match="'speed' is not an option of 'qat'"):
        qx.train("tumour_mlp", "w4a8", speed=3)
    with pytest.raises(RecipeError, match="epochs"):
        qx.train("tumour_mlp", "w4a8", epochs=0)


def test_the_command_trains_and_tells(qexplorer: Any, tmp_path: Path) -> None:  # noqa: F811
    """Accuracy of float, rounded, trained and written; every epoch; and a forecast that writes nothing."""
    out = tmp_path / "trained.onnx"
    order = ("qat", "tumour_mlp", "--recipe", "w2a8-tensor", "--epochs", "3", "--option", "optimizer=sgd")
    found = qexplorer(*order, "-o", out, "--json").json
    assert found["size"]["file_bytes"] == out.stat().st_size
    assert [each["number"] for each in found["epochs"]] == [0, 1, 2, 3]
    told = found["accuracy"]
    assert told["metric"] == "accuracy"
    assert abs(told["qat_torch"] - told["qat_integer"]) <= 1 / told["n"] + 1e-9
    assert "optimizer: sgd" in found["yaml"]
    forecast = qexplorer(*order, "--seed", "3", "--estimate", "--json").json
    assert forecast["seconds"] > 0
    assert qexplorer(*order).code == 2
    assert "is no option" in qexplorer(*order, "speed", "-o", out).err
    assert "accuracy from" in qexplorer(*order, "-o", out).out


def test_ctrl_c_writes_the_best_state(tmp_path: Path) -> None:
    """The command is interrupted in the middle: the file is there, the exit code says that it was interrupted."""
    out = tmp_path / "trained.onnx"
    typed = ("qat", "tumour_mlp", "--recipe", "w2a8-tensor", "--epochs", "1000", "-o", str(out), "--json")
    command = [sys.executable, "-m", "qexplorer", *typed]
    run = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    kept, end = Path(os.environ["QEXPLORER_WORKSPACE"]) / "training", time.monotonic() + 120
    while not list(kept.glob("*.pt")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.6)  # the diary is written twice a second
    run.send_signal(signal.SIGTERM)
    told, _ = run.communicate(timeout=120)
    assert run.returncode == 130, told
    assert out.is_file()
    assert '"stopped_after": null' not in told
