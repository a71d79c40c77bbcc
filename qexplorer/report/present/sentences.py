"""One sentence on a run without jargon; what may be said of answers and of speed is decided elsewhere, once."""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.formats import get_format
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_parts import ActivationSpec, WeightSpec
from qexplorer.core.results import Run
from qexplorer.core.speed import Change
from qexplorer.report.metric_words import SHARE, bound_text, change_text, clause_of
from qexplorer.report.statements.claims import change_of, hidden_loss, looked_at

__all__ = ["float_sentence", "kind_of", "sentence_of", "size_clause"]

_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SAME = 0.05
"""Sizes that differ by less are called the same."""


def float_sentence(run: Run) -> str:
    """What float is, with what its answers are worth."""
    found = run.accuracy
    judged = "" if found is None or found.value is None or found.enough is not None else f": {clause_of(found)}"
    return f"The model as it was made, which everything is measured against{judged}."


def sentence_of(run: Run, runs: Sequence[Run], base: Run | None, than: str = "") -> str:
    """``Four times smaller, 2 times faster (1.90 to 2.10), and as right as before: no difference that 597 ...``.

    Args:
        run: the run; it must have numbers.
        runs: all that were compared with it.
        base: float on the same backend.
        than: what its speed is compared with, where that is not plain: ``than float on OpenVINO``.
    """
    costs = [clause for clause in (size_clause(run, base), _speed(run, than)) if clause]
    answers = _answers(run, looked_at(runs))
    text = ", ".join((*costs, answers))
    return f"{text[:1].upper()}{text[1:]}."


def size_clause(run: Run, base: Run | None) -> str:
    """``four times smaller``, ``3.8 times smaller``: the file that one takes away against float's."""
    if run.size is None or base is None or base.size is None or not (run.size.file_bytes and base.size.file_bytes):
        return ""
    ratio = base.size.file_bytes / run.size.file_bytes
    if abs(ratio - 1) < _SAME:
        return "as large as before"
    return f"{_times(ratio)} times smaller" if ratio > 1 else f"{_times(1 / ratio)} times larger"


def _times(ratio: float) -> str:
    text = f"{ratio:.2g}"
    return _NUMBERS[int(text) - 2] if text.isdigit() and 2 <= int(text) <= 10 else text


def _speed(run: Run, than: str) -> str:
    return "" if run.latency_ms is None else run.latency_ms.speed.text(than=than)


def _answers(run: Run, looked: int) -> str:
    found = run.accuracy
    if found is None or found.value is None:
        why = f": {found.reason}" if found is not None and found.reason else ""
        return f"with answers that were not judged{why}"
    if found.enough is not None or found.gain is None or found.delta_ci95 is None:
        return f"and it {clause_of(found)}" if found.clause.startswith("says") else f"with {clause_of(found)}"
    change = change_of(found, looked)
    if change is Change.BETTER or change is Change.WORSE:
        return f"and it {change_text(found)}" if found.unit == SHARE else f"with {change_text(found)}"
    most = bound_text(found, hidden_loss(found, looked))
    seen = f"no difference that {found.n:,} samples could show"
    if change is Change.NONE:
        return f"and as right as before: {seen}, and no loss above {most} could hide"
    return f"with {seen}, though a loss of up to {most} could hide"


def kind_of(recipe: str | None) -> str:
    """What a recipe (its YAML) does, in words: ``weights in 8 bits, values between layers in 8 bits``."""
    if recipe is None:
        return ""
    asked = Recipe.parse(recipe)
    weights, values = _bits(asked.weights), _bits(asked.activations)
    if weights and weights == values:
        return f"{weights} instead of 32"
    parts = [f"weights in {weights}" if weights else "", f"values in {values}" if values else ""]
    return ", ".join(part for part in parts if part) or "some layers changed"


def _bits(spec: WeightSpec | ActivationSpec | None) -> str:
    return "" if spec is None else f"{get_format(spec.format).bits} bits"
