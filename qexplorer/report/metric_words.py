"""A metric's numbers as people read them: in its unit, with its digits, its interval, and its own words for a loss.

Everything comes from the result itself, so a metric that is new is written like the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qexplorer.core.results import Accuracy, Interval, Run
from qexplorer.core.words.numbers import fixed_text

if TYPE_CHECKING:
    from qexplorer.report.comparison_charts.values import Value

__all__ = [
    "SHARE",
    "axis_title",
    "bound_text",
    "change_text",
    "clause_of",
    "delta_name",
    "delta_unit",
    "difference_text",
    "drawn",
    "in_unit",
    "metric_of",
    "others_of",
    "stated",
    "unsure_text",
    "value_text",
    "with_interval",
    "with_unit",
]

SHARE = "%"
"""The unit of fractions of 1: shown times 100, differences in points."""


def metric_of(runs: Sequence[Run]) -> Accuracy | None:
    """What the runs are first judged by, as the first of them that was judged says; None if none was."""
    return next((run.accuracy for run in runs if run.accuracy is not None), None)


def others_of(runs: Sequence[Run]) -> tuple[Accuracy, ...]:
    """The further metrics that any run has a value of, in their order."""
    found = {each.metric: each for run in runs for each in run.metrics if each.value is not None}
    return tuple(found.values())


def in_unit(found: Accuracy, value: float) -> float:
    """``value`` (of the metric, or a difference) in the unit that it is shown in."""
    return 100 * value if found.unit == SHARE else value


def _number(found: Accuracy, value: float, *, sign: bool = False) -> str:
    return fixed_text(in_unit(found, value), f"{'+' if sign else ''}{found.form}")


def _ends(found: Accuracy, interval: Interval, *, sign: bool = False) -> str:
    return " to ".join(_number(found, end, sign=sign) for end in interval)


def value_text(found: Accuracy) -> str:
    """``98.7 %``, ``23.1 dB``, ``0.4182``. The metric must have a value."""
    assert found.value is not None
    return f"{_number(found, found.value)} {found.unit}".rstrip()


def with_interval(found: Accuracy) -> str:
    """``98.7 % (97.4 to 99.3)``."""
    ends = "" if found.ci95 is None else f" ({_ends(found, found.ci95)})"
    return value_text(found) + ends


def difference_text(found: Accuracy) -> str | None:
    """The difference to float, ``-0.2 (-0.6 to +0.1)``, without its unit; None if there is none."""
    if found.delta is None:
        return None
    ends = "" if found.delta_ci95 is None else f" ({_ends(found, found.delta_ci95, sign=True)})"
    return _number(found, found.delta, sign=True) + ends


def delta_unit(found: Accuracy) -> str:
    """``points`` for a share, else the metric's own unit, which may be empty."""
    return "points" if found.unit == SHARE else found.unit


def delta_name(found: Accuracy) -> str:
    """The heading of a column of differences: ``Δ points``, ``Δ dB``, ``Δ RMSE``."""
    return f"Δ {delta_unit(found) or found.label}"


def axis_title(found: Accuracy) -> str:
    """``accuracy (%)``, ``RMSE``."""
    return f"{found.label} ({found.unit})" if found.unit else found.label


def clause_of(found: Accuracy) -> str:
    """The value alone, as the metric says it: ``says what float says on 97.0 % of 100 samples (92.0 to 99.0 %)``."""
    ends = "" if found.ci95 is None else f" ({_ends(found, found.ci95)} {found.unit}".rstrip() + ")"
    return found.clause.format(title=found.label, value=value_text(found), n=f"{found.n:,}", interval=ends)


def with_unit(found: Accuracy, difference: float, *, sign: bool = False) -> str:
    """A difference in the metric's unit: ``0.5 points``."""
    return f"{_number(found, difference, sign=sign)} {delta_unit(found)}".rstrip()


def bound_text(found: Accuracy, bound: float, unit: str | None = None) -> str:
    """What a difference does not exceed, ``0.7 points``: rounded up, so that it still holds; ``unit`` instead of that
    of a difference where it is the value itself."""
    value, digits = in_unit(found, bound), found.form[1:-1]
    if found.form.endswith("f") and digits.isdigit():
        step = 10.0 ** int(digits)
        value = math.ceil(value * step - 1e-9) / step
    return f"{fixed_text(value, found.form)} {delta_unit(found) if unit is None else unit}".rstrip()


def change_text(found: Accuracy) -> str:
    """A sure difference: ``loses 9.0 points of accuracy (7.0 to 11.0, 100 samples)``, ``0.3 higher RMSE (...)``.

    The result must have a difference and its interval.
    """
    assert found.delta is not None
    assert found.delta_ci95 is not None
    least, most = sorted(abs(end) for end in found.delta_ci95)
    amount = f"{_number(found, abs(found.delta))} {delta_unit(found)}".rstrip()
    around = f"({_ends(found, (least, most))}, {found.n} samples)"
    if found.unit == SHARE and found.direction == "higher":
        return f"{'gains' if found.delta > 0 else 'loses'} {amount} of {found.label} {around}"
    return f"{amount} {'higher' if found.delta > 0 else 'lower'} {found.label} {around}"


def unsure_text(found: Accuracy, hidden: float, *, small: bool, looked: int = 1) -> str:
    """A difference that the samples do not show, and how large a loss could hide in them.

    Args:
        found: the metric, with its difference to float.
        hidden: the largest loss that the samples leave possible, in the metric's own scale.
        small: whether that is too small to matter.
        looked: recipes that this holds for at once.
    """
    assert found.delta is not None
    seen, most = with_unit(found, found.delta, sign=True), bound_text(found, hidden)
    if found.direction == "higher":
        could = f"no loss above {most} could hide" if small else f"a loss of up to {most} could hide"
    else:
        could = f"no {found.label} higher by more than {most}" if small else f"{found.label} higher by up to {most}"
        could += " could hide"
    at_once = f", {looked} recipes looked at" if looked > 1 else ""
    return f"no difference in {found.label} that {found.n} samples could show, {seen} ({could}{at_once})"


def stated(metric: str, value: float, n: int) -> Accuracy:
    """A value that was written down somewhere, with the facts of its metric. Raises UnknownName."""
    from qexplorer.core.plugins import METRICS
    from qexplorer.measure.metrics.results import not_shown

    return replace(not_shown(METRICS.get(metric), ""), value=value, n=n, reason=None)


def drawn(found: Accuracy) -> Value:
    """The value with its interval, in its unit, for a chart. The metric must have a value."""
    from qexplorer.report.comparison_charts.values import Value

    assert found.value is not None
    low, high = (None, None) if found.ci95 is None else (in_unit(found, end) for end in found.ci95)
    return Value(in_unit(found, found.value), low, high)
