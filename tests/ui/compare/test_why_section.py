"""Section Why not faster: which runs can be explained, by what, and what is said of measured and of expected causes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.results import Kernels, Status
from qexplorer.report.layer_charts import why as why_charts
from qexplorer.ui.compare import arithmetic, usage
from qexplorer.ui.compare.why import section, times
from tests.jobs.orders import DATA, MODEL
from tests.report.comparisons import comparison, float_run, quantized_run
from tests.report.layer_charts.test_why import CEILING, explained
from tests.ui.screens import screen_of

NET: Any = SimpleNamespace(name="net", sha256="0" * 64, fixed_batch=None)


@pytest.mark.parametrize(
    ("changes", "able"),
    [
        ({}, True),
        ({"recipe": "float"}, False),
        ({"status": Status.REFUSED}, False),
        ({"digest": "unknown"}, False),
    ],
)
def test_runs_that_gave_right_answers_can_be_explained(changes: dict[str, Any], able: bool, tmp_path: Path) -> None:
    """Whose recipe is known and whose file is still there."""
    file = tmp_path / "q.onnx"
    file.touch()
    known = quantized_run()
    whole = comparison(float_run(), known, quantized={known.digest: str(file)})
    run = replace(known, **changes)
    assert section._explainable(whole, run) is able
    assert not section._explainable(replace(whole, quantized={}), known)
    order = section.order_of(replace(whole, recipes={known.digest: "w8a8"}), known, NET, 4)
    assert (order.digest, order.backend, order.threads, order.samples) == (known.digest, known.backend, 1, 4)
    many = replace(known, latency_ms=replace(known.latency_ms, threads=3))  # type: ignore[type-var]
    untimed = replace(known, latency_ms=None)
    recipes = replace(whole, recipes={known.digest: "w8a8"})
    assert [section.order_of(recipes, each, NET, 1).threads for each in (many, untimed)] == [3, 1]


@pytest.mark.parametrize(("model", "own"), [(NET, True), (None, False), (SimpleNamespace(sha256="1"), False)])
def test_the_model_that_was_compared_is_asked_for(model: Any, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name; one that cannot be read says why."""
    errors: list[object] = []
    screen = screen_of(monkeypatch, section)
    monkeypatch.setattr(section, "current_model", lambda: model)
    assert section._model(comparison()) is (model if own else None)
    assert ("Choose the model net in the sidebar" in screen.said) is not own

    def broken() -> None:
        raise InputError("gone")

    monkeypatch.setattr(section, "current_model", broken)
    monkeypatch.setattr(section, "show_error", errors.append)
    assert section._model(comparison()) is None
    assert len(errors) == 1


@pytest.mark.parametrize(("fixed", "picked", "batch"), [(4, 8, 4), (None, 8, 8), (None, None, 1)])
def test_samples_in_a_call_are_a_choice_unless_the_file_insists(
    fixed: int | None, picked: int | None, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least at first."""
    screen = screen_of(monkeypatch, section, segmented_control=picked)
    assert section._batch(SimpleNamespace(fixed_batch=fixed)) == batch  # type: ignore[arg-type]
    assert bool(screen.of("segmented_control")) is (fixed is None)


@pytest.mark.parametrize(
    ("changes", "icon", "words"),
    [
        ({"speedup": 1.2}, "trending_up", "One call with 1 sample on 1 thread: 4.00 ms in float, 4.00 ms quantized"),
        ({"speedup": 1.0}, "trending_down", "(50 calls of each, in turn); kernels from 20 profiled runs."),
        ({"speedup": 0.9, "noisy": "a program ran"}, "trending_down", " Noisy: a program ran."),
    ],
)
def test_a_verdict_that_was_measured_says_how(
    changes: dict[str, Any], icon: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faster or not; one that is expected says so, with the kernels that were seen."""
    why = explained()
    screen = screen_of(monkeypatch, section)
    section._verdict("w8a8", replace(why, calls=replace(why.calls, **changes)), quantized_run())  # type: ignore[type-var]
    assert f"#### :material/{icon}: w8a8: " in screen.said
    assert words in screen.said
    assert ("Noisy" in screen.said) is ("noisy" in changes)
    several = replace(why, batch=4, threads=2)
    screen = screen_of(monkeypatch, section)
    section._verdict("w8a8", several, quantized_run())
    assert "One call with 4 samples on 2 threads: " in screen.said
    for kernels in (Kernels({"QGemm": 1, "QConv": 2}, {}), None):
        screen = screen_of(monkeypatch, section)
        section._verdict("w8a8", replace(why, calls=None), quantized_run(kernels=kernels))
        assert "expected, not measured" in screen.said
        assert ("3 integer (QConv 2, QGemm 1)." in screen.said) is (kernels is not None)
    assert section._seen(Kernels({}, {})).endswith("optimized: none that computes.")
    assert section._seen(Kernels({"A": 1}, {"B": 2})).endswith("1 integer (A 1) and 2 float (B 2).")


@pytest.mark.parametrize(
    ("lacks", "model", "ordered"), [(None, MODEL, True), ("no data", MODEL, False), (None, None, False)]
)
def test_both_models_are_profiled_where_there_is_something_to_run_on(
    lacks: str | None, model: Any, ordered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the run was; once it was done it can be done again."""
    sections: list[tuple[Any, ...]] = []
    monkeypatch.setattr(section, "lacks_data", lambda _: lacks)
    monkeypatch.setattr(section, "model_reference", lambda: model)
    monkeypatch.setattr(section, "data_reference", lambda: DATA)
    monkeypatch.setattr(
        section, "JobSection", lambda *given: sections.append(given) or SimpleNamespace(draw=lambda: None)
    )
    known = quantized_run()
    whole = comparison(float_run(), known, recipes={known.digest: "w8a8"}, quantized={known.digest: "q.onnx"})
    order = section.order_of(whole, known, NET, 4)
    for profiled, label in ((False, "Explain: profile both models"), (True, "Measure again")):
        section._offer(order, profiled=profiled)
        _, asked, button = sections[-1]
        assert (button.label, button.primary, button.lacks) == (label, not profiled, lacks)
        assert (asked is not None) is ordered
    if ordered:
        assert (asked.quantized, asked.backend, asked.threads, asked.batch) == (known.digest, known.backend, 1, 4)


@pytest.mark.parametrize(
    ("runs", "found", "profiled"), [(False, None, False), (True, None, False), (True, "kept", True)]
)
def test_what_is_known_is_shown_before_it_is_measured(
    runs: bool, found: Any, profiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was measured in its place; without a file there is nothing to explain."""
    shown: list[Any] = []
    screen = screen_of(monkeypatch, section, segmented_control=None)
    monkeypatch.setattr(section, "_model", lambda _: NET)
    monkeypatch.setattr(section, "_batch", lambda _: 1)
    monkeypatch.setattr(section, "_explainable", lambda _, run: runs and run.recipe != "float")
    monkeypatch.setattr(section, "order_of", lambda *_: SimpleNamespace(recipe="r"))
    monkeypatch.setattr(section, "kept_why", lambda _: found)
    monkeypatch.setattr(section, "known_why", lambda *_: "expected")
    monkeypatch.setattr(section, "_verdict", lambda label, why, _: shown.append((label, why)))
    monkeypatch.setattr(section, "_offer", lambda _, profiled: shown.append(profiled))
    for name in ("draw_causes", "draw_times"):
        monkeypatch.setattr(section, name, lambda *_: None)
    section.draw_why(comparison())
    assert shown == ([("w8a8", found or "expected"), profiled] if runs else [])
    assert ("No quantized file of this comparison is there" in screen.said) is not runs


def test_times_say_what_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers too short to be seen, with their share; what is missing; the instructions that count."""
    screen = screen_of(monkeypatch, times, segmented_control="time")
    monkeypatch.setattr(times, "cpu_features", lambda: ("avx2", "avx512_vnni"))
    why = replace(explained(), missing=("no profile",), ceiling=CEILING)
    times.draw_times(why, comparison())
    assert "Not shown: no profile." in screen.said
    assert "This processor has avx512_vnni (" in screen.said
    assert "not drawn" not in screen.said
    assert len(screen.of("draw_chart")) == 3
    assert screen.of("dataframe")
    monkeypatch.setattr(why_charts, "_MOST", 1)
    monkeypatch.setattr(times, "cpu_features", lambda: None)
    screen = screen_of(monkeypatch, times, segmented_control="model")
    times.draw_times(replace(why, ceiling=None), comparison())
    assert "1 layer is not drawn: it takes " in screen.said
    assert "This processor has" not in screen.said
    assert len(screen.of("draw_chart")) == 2
    screen = screen_of(monkeypatch, times)
    times.draw_times(replace(why, calls=None, float_parts=None, quantized_parts=None, layers=()), comparison())
    assert screen.of("draw_chart") == screen.of("dataframe") == []


def test_a_file_is_chosen_by_what_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of one name by their digests; without any it is said why; samples are those of the order."""
    one, twin, other = (
        quantized_run(name, digest=digest * 16) for name, digest in (("m", "a"), ("m", "b"), ("w4", "c"))
    )
    recipes = {run.digest: f"name: {run.recipe}\n" for run in (one, twin, other)}
    whole = comparison(float_run(), one, twin, other, recipes=recipes, quantized=recipes)
    screen = screen_of(monkeypatch, arithmetic, segmented_control=None)
    monkeypatch.setattr(arithmetic, "_order", lambda _: SimpleNamespace(samples=7))
    found = arithmetic.pick_subject(whole, "ladder")
    assert found is not None
    assert (found.label, found.digest, found.samples, found.data_digest) == ("m", one.digest, 7, "d")
    ((args, named),) = screen.of("segmented_control")
    assert [named["format_func"](digest).replace("\\", "") for digest in args[1]] == ["m (aaaa)", "m (bbbb)", "w4"]
    monkeypatch.setattr(arithmetic, "_order", lambda _: None)
    again = arithmetic.pick_subject(whole, "ladder")
    assert again is not None
    assert again.samples is None
    arithmetic.draw_section(None, None, again)  # type: ignore[arg-type]
    assert "was not made on this page" in screen.said
    failed = replace(one, status=Status.FAILED)
    for runs, said in (
        ((float_run(),), "Nothing here is quantized."),
        ((float_run(), failed), "No recipe of this comparison could be applied."),
    ):
        screen = screen_of(monkeypatch, arithmetic)
        assert arithmetic.pick_subject(comparison(*runs, recipes={}), "ladder") is None
        assert screen.said == said


@pytest.mark.parametrize("left_out", [0, 3])
def test_processors_that_are_not_drawn_are_counted(left_out: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a comparison that nobody looked at says so."""
    screen = screen_of(monkeypatch, usage)
    info = SimpleNamespace(left_out=left_out, strips=(), n=4, title="t")
    monkeypatch.setattr(usage, "usage_infos", lambda _: [info])
    monkeypatch.setattr(usage, "usage_spec", lambda _: {})
    usage.draw_usage(comparison())
    assert ("Of 3 more processors" in screen.said) is bool(left_out)
    monkeypatch.setattr(usage, "usage_infos", lambda _: [])
    usage.draw_usage(comparison())
    assert len(screen.of("draw_chart")) == 1
