"""Remarks on a comparison's numbers: once for all runs that they go for, with the span of what differs."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.core.results import Energy, Status
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
