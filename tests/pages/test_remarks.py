"""Remarks on a comparison's numbers: once for all runs that they go for, with the span of what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qexplorer.core.results import Accuracy, Energy, Latency, Memory, Run, Status
from qexplorer.ui.compare.remarks import remarks_of
from tests.report.comparisons import float_run, quantized_run


def test_what_goes_for_many_runs_is_said_once() -> None:
    """Reasons that differ in numbers alone are one remark over all runs, from the least to the greatest."""
    runs = [
        replace(quantized_run(f"w{bits}"), energy_mj=Energy(1.0, None, "estimated", f"0.{bits} ms x 3.3 W"))
        for bits in (2, 4, 5, 8)
    ]
    (energy,) = [each for each in remarks_of(runs, missing=False) if each.about == "energy"]
    assert (energy.runs, energy.why) == ("all runs", "0.2 to 0.8 ms x 3.3 W")


def test_tensors_in_notes_are_counted() -> None:
    """The same note on several tensors names the first and counts the others, and names the run."""
    run = quantized_run(notes=tuple(f"'conv{i}.weight' is stored as float32" for i in range(3)))
    (note,) = [each for each in remarks_of([float_run(), run], missing=False) if each.about == "how it ran"]
    assert (note.runs, note.why) == ("w8a8", "'conv0.weight' (and 2 others) is stored as float32")


def test_why_numbers_are_missing_names_the_runs() -> None:
    """Runs that failed for one reason are one line, and no remark on numbers that are there."""
    failed = [quantized_run(name, status=Status.FAILED, reason="no kernel") for name in ("w4", "w2")]
    (why,) = remarks_of([float_run(), *failed], missing=True)
    assert (why.about, why.runs, why.why) == ("failed", "w4; w2", "no kernel")


def test_what_no_model_of_its_kind_has_is_not_missed() -> None:
    """Float's likeness to itself, and a metric beside the one that judges, are no numbers that anybody waits for."""
    near = quantized_run().accuracy
    assert near is not None
    own = replace(near, value=None, ci95=None, reason="every run is compared with this one")
    aside = replace(near, value=None, ci95=None, metric="cosine", title="cosine", reason="an answer is a single number")
    runs = [replace(float_run(), accuracy=own), replace(quantized_run(), metrics=(aside,))]
    assert remarks_of(runs, missing=True) == []
    assert "an answer is a single number" in [each.why for each in remarks_of(runs, missing=False)]
    (why,) = remarks_of(
        [float_run(), replace(quantized_run(), accuracy=replace(own, reason="no answers"))], missing=True
    )
    assert (why.runs, why.why) == ("w8a8", "no answers")


def test_what_a_choice_may_hang_on_comes_first() -> None:
    """Latency, load and fidelity before what is about anything else; memory, energy and how it ran at the end."""
    took = replace(quantized_run().latency_ms, reason="a latency", load="a load; another load")  # type: ignore[type-var]
    judged = replace(quantized_run().accuracy, reason="an accuracy")  # type: ignore[type-var]
    run = quantized_run(
        latency_ms=took,
        accuracy=judged,
        memory=Memory(1, reason="a memory"),
        energy_mj=Energy(1.0, None, "estimated", "an energy"),
        fidelity=replace(quantized_run().fidelity, reason="a fidelity; a second one"),  # type: ignore[type-var]
        notes=("a note",),
    )
    found = [
        (each.about, each.why) for each in remarks_of([float_run(energy_mj=None, fidelity=None), run], missing=False)
    ]
    assert found == [
        ("latency", "a latency"),
        ("load on the machine", "a load"),
        ("load on the machine", "another load"),
        ("fidelity", "a fidelity"),
        ("fidelity", "a second one"),
        ("accuracy", "an accuracy"),
        ("memory", "a memory"),
        ("energy", "an energy"),
        ("how it ran", "a note"),
    ]


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"latency_ms": Latency(None, None, None, None, 0, 1, 1, False, reason="why")}, "latency"),
        ({"memory": Memory(None, reason="why")}, "memory"),
        ({"energy_mj": Energy(None, None, "estimated", "why")}, "energy"),
        ({"accuracy": Accuracy("accuracy", None, reason="why")}, "accuracy"),
    ],
)
def test_a_number_that_is_missing_is_told_apart_from_one_to_be_doubted(changes: dict[str, Any], about: str) -> None:
    """Each under its own heading, and under one alone."""
    run = quantized_run(**changes)
    (found,) = [each for each in remarks_of([run], missing=True) if each.why == "why"]
    assert (found.about, found.runs) == (about, "w8a8")
    assert [each for each in remarks_of([run], missing=False) if each.why == "why"] == []


def test_float_is_not_asked_for_its_fidelity_nor_a_run_for_what_it_has_not() -> None:
    """Float is the reference; a run without a part has no reason for it; one that failed has its own, or none."""
    assert [each.about for each in remarks_of([float_run()], missing=False)] == ["energy"]
    bare = quantized_run(latency_ms=None, accuracy=None, memory=None, energy_mj=None, fidelity=None)
    assert remarks_of([bare], missing=True) == remarks_of([bare], missing=False) == []
    (found,) = remarks_of([replace(bare, status=Status.REFUSED, reason=None)], missing=True)
    assert (found.about, found.why) == ("refused", "no reason was given")
    unjudged = replace(float_run(), accuracy=Accuracy("accuracy", None, reason="untrained"))
    assert [each.why for each in remarks_of([unjudged], missing=True)] == ["untrained"]


def _noted(count: int, backend: str = "onnxruntime", note: str = "one note") -> list[Run]:
    return [quantized_run(f"w{i}", backend, notes=(note,), energy_mj=None) for i in range(count)]


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (_noted(3) + _noted(1, "torch", "another"), "w0, ONNX Runtime; w1, ONNX Runtime; w2, ONNX Runtime"),
        (_noted(4), "all runs"),
        (_noted(4) + _noted(1, "torch", "another"), "all runs on ONNX Runtime"),
        ([*_noted(4), quantized_run("x", energy_mj=None)], "4 of 5 runs"),
        ([*_noted(2), *_noted(2, "torch"), quantized_run("x", energy_mj=None)], "4 of 5 runs"),
        ([*_noted(4), quantized_run("x", status=Status.FAILED, reason="why")], "all runs"),
    ],
)
def test_runs_are_named_counted_or_all(runs: list[Run], words: str) -> None:
    """Three by their names; a run that failed has no remarks of its own and is not counted."""
    (found,) = [each for each in remarks_of(runs, missing=False) if each.why == "one note"]
    assert found.runs == words


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        (("took 3 ms", "took 12 ms", "took 3 ms"), "took 3 to 12 ms"),
        (("1,000 of 2,000", "900 of 2,000"), "900 to 1,000 of 2,000"),
        (("'a' and 'b' 2 times", "'c' and 'b' 2 times"), "'a' (and 1 other) and 'b' 2 times"),
        (("slow (by 3 %)", "slow (by 4 %)"), "slow"),
        (("slow (by 3 %)",), "slow (by 3 %)"),
        (("w8a8 stays", "w4a8 stays"), None),
        (("v1.2 stays", "v1.3 stays"), None),
    ],
)
def test_what_differs_in_numbers_and_names_alone_is_one_remark(notes: tuple[str, ...], why: str | None) -> None:
    """From the least to the greatest, by value; other words, and numbers inside of words, are remarks of their own."""
    runs = [quantized_run(f"w{i}", notes=(note,), energy_mj=None) for i, note in enumerate(notes)]
    found = [each.why for each in remarks_of(runs, missing=False)]
    assert found == ([why] if why is not None else list(notes))
