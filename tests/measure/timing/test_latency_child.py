"""The timing child from the outside: what comes back of it, and when models are loaded anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qexplorer.core.model import Model
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.scratch import keep_samples
from qexplorer.measure.timing import latency_child
from qexplorer.measure.timing.latency import Timed, time_variants
from qexplorer.measure.timing.latency_child import Models
from qexplorer.measure.timing.timed_calls import Turns
from qexplorer.measure.variant import Variant, float_variant, subject_of
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import SessionOptions
from tests.measure.models import data_set, samples

PLAN = TimingPlan(0.05, 1000.0, 36, 12, 1.0, 0.02, 0.0, loads=6, warm_ms=2.0, cool_share=0.2)


@pytest.fixture
def timed(cnn: Model, int8: Variant, tmp_path: Path) -> Callable[..., dict[str, Timed]]:
    """Times float and quantized by a plan."""
    subject = subject_of(cnn, data_set(), 8)
    files = keep_samples(tmp_path, subject.inputs)
    variants = {"f": float_variant(cnn), "q": int8}

    def run(plan: TimingPlan, threads: int = 1) -> dict[str, Timed]:
        return time_variants(variants, "onnxruntime", subject, files, plan, threads=threads, reference="f")

    return run


def test_a_timed_variant_has_everything(timed: Callable[..., dict[str, Timed]]) -> None:
    """Every model has its loadings and calls, and the quantized one a speed-up in its interval; somebody looked at the
    hardware or says why not."""
    found = timed(PLAN)
    assert found["f"].failed is None
    assert found["f"].latency.speedup is None
    for each in found.values():
        assert 1 <= each.latency.loads <= 6
        assert each.latency.n >= 36
        assert each.latency.ci95 is not None
        assert each.usage is not None
        assert each.usage.n or each.usage.reason
    took = found["q"].latency
    assert took.speedup_ci95 is not None
    assert took.speedup_ci95[0] <= (took.speedup or took.speedup_ci95[0]) <= took.speedup_ci95[1]
    assert found["q"].energy.ratio_ci95 is not None


def test_several_threads_are_timed_too(timed: Callable[..., dict[str, Timed]]) -> None:
    """Two threads give a latency that says so."""
    assert timed(PLAN, threads=2)["q"].latency.threads == 2


class _Slow:
    """A session whose calls cost nothing and whose loading costs what it is told to."""

    def __init__(self) -> None:
        self.calls = 0

    def call(self, _feeds: object) -> Callable[[], object]:
        """Counts."""
        self.calls += 1
        return lambda: None


class _Models:
    """Models that are loaded in no time; ``load_s`` says how long the first loading took."""

    def __init__(self, load_s: float) -> None:
        self.load_s, self.loaded = load_s, 0
        self.sessions = {"a": _Slow(), "b": _Slow()}

    def load(self) -> None:
        """Counts."""
        self.loaded += 1


def loadings(load_s: float, monkeypatch: pytest.MonkeyPatch, *, again_s: float = 0.0) -> tuple[int, set[int]]:
    """How often models were loaded anew, and which loadings rounds ran on."""
    import random

    models = _Models(load_s)
    plan = replace(PLAN, budget_s=0.2)
    real = latency_child._load_again
    monkeypatch.setattr(latency_child, "_load_again", lambda *given: real(*given) * 0 + again_s)
    found: dict[str, Turns] = latency_child._latency(
        models,  # type: ignore[arg-type]
        {},
        plan,
        random.Random(0),
        lambda _: None,
    )
    return models.loaded, set(found["a"].loads)


def test_loading_that_takes_too_long_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick loading happens every time; where the first took long, never again; where it turns out to, once more."""
    assert loadings(0.0, monkeypatch) == (5, {0, 1, 2, 3, 4, 5})
    assert loadings(60.0, monkeypatch) == (0, {0})
    assert loadings(0.0, monkeypatch, again_s=1.0) == (1, {0, 1})


def test_models_are_loaded_in_another_order_with_the_same_keys(cnn: Model) -> None:
    """Loading anew replaces every session and keeps their order for whoever goes through them."""
    import random

    models = Models(OnnxRuntimeCpu(), {"a": str(cnn.path), "b": str(cnn.path)}, SessionOptions(), random.Random(1))
    before = dict(models.sessions)
    models.load()
    assert list(models.sessions) == ["a", "b"]
    assert all(models.sessions[key] is not before[key] for key in before)
    assert models.sessions["a"].run({"x": samples(2)})[0].shape[0] == 2
    assert models.load_s > 0
