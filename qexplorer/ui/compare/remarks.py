"""Why numbers are missing or to be doubted: what goes for many runs said once, with the span of what differs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.results import Run, Status
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.run.registry import backend_label

__all__ = ["Remark", "remarks_of"]

_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")
_QUOTED = re.compile(r"'[^']*'")
_ASIDE = re.compile(r" \([^)]*\)")
_NAMED = 3  # runs that are named one by one
_FIRST = ("latency", "load on the machine", "fidelity")
_LAST = ("memory", "energy", "how it ran")


@dataclass(frozen=True, slots=True)
class Remark:
    """One reason.

    Attributes:
        about: the number that it is about.
        runs: which runs, in words.
        why: the reason; numbers and names that differ between the runs as a span.
    """

    about: str
    runs: str
    why: str


def remarks_of(runs: Sequence[Run], *, missing: bool) -> list[Remark]:
    """The reasons, those that a choice may hang on first.

    Args:
        runs: all runs of the comparison.
        missing: why numbers could not be had; else: why numbers that are there are to be doubted or were derived.
    """
    found: dict[tuple[str, str], tuple[list[Run], list[str]]] = {}
    likened = any(run.accuracy is not None and run.accuracy.value is not None for run in runs)
    for run in runs:
        for what, why, lacking in _reasons(run, of_float=likened and run.recipe == "float"):
            if lacking == missing:
                about, texts = found.setdefault((what, _skeleton(why)), ([], []))
                texts.append(why)
                if run not in about:
                    about.append(run)
    ordered = sorted(found.items(), key=lambda item: _rank(item[0][0]))
    return [Remark(what, _runs_text(about, runs), _joined(texts)) for (what, _), (about, texts) in ordered]


def _rank(about: str) -> int:
    if about in _LAST:
        return len(_FIRST) + 1 + _LAST.index(about)
    return _FIRST.index(about) if about in _FIRST else len(_FIRST)


def _reasons(run: Run, *, of_float: bool) -> list[tuple[str, str, bool]]:
    """What each reason of the run is about, the reason, and whether the number is missing.

    Args:
        run: whose.
        of_float: whether it is the float model that the others are likened to, whose own likeness nobody misses.
    """
    if run.status is not Status.OK:
        return [(str(run.status), run.reason or "no reason was given", True)]
    took, judged, ram, power, near = run.latency_ms, run.accuracy, run.memory, run.energy_mj, run.fidelity
    given = (
        *((found.label, found, found.value is None) for found in (judged,) if found is not None and not of_float),
        *(
            (found.label, found, False) for found in run.metrics
        ),  # beside the one that judges: what is not there is aside
        ("latency", took, took is None or took.p50 is None),
        ("memory", ram, ram is None or ram.peak_rss_bytes is None),
        ("energy", power, power is None or power.value is None),
        ("fidelity", near, False),
    )
    about = [(what, part, lacking) for what, part, lacking in given if what != "fidelity" or run.recipe != "float"]
    found = [
        (what, why, lacking)
        for what, part, lacking in about
        if part is not None and part.reason
        for why in part.reason.split("; ")
    ]
    load = took.load.split("; ") if took is not None and took.load else []
    busy = [("load on the machine", why, False) for why in load]
    return [*found, *busy, *(("how it ran", note, False) for note in run.notes)]


def _skeleton(text: str) -> str:
    """The text without what may differ between runs that it goes for alike: numbers, names in quotes, asides."""
    return _NUMBER.sub("#", _QUOTED.sub("'", _ASIDE.sub("", text)))


def _joined(texts: Sequence[str]) -> str:
    """One text for all of one skeleton: names in quotes counted, numbers from the least to the greatest."""
    distinct = list(dict.fromkeys(texts))
    if len(distinct) == 1:
        return distinct[0]
    plain = [_ASIDE.sub("", text) for text in distinct]
    names = [_QUOTED.findall(text) for text in plain]
    numbers = [_NUMBER.findall(_QUOTED.sub("'", text)) for text in plain]
    spans = [_span(column) for column in zip(*numbers, strict=True)]
    quoted = [_listed(column) for column in zip(*names, strict=True)]
    pieces = iter(spans)
    first = _NUMBER.sub(lambda _: next(pieces), _QUOTED.sub("\0", plain[0]))
    for name in quoted:
        first = first.replace("\0", name, 1)
    return first


def _span(numbers: Sequence[str]) -> str:
    ordered = sorted(set(numbers), key=lambda text: float(text.replace(",", "")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


def _listed(names: Sequence[str]) -> str:
    others = len(set(names)) - 1
    return names[0] if not others else f"{names[0]} (and {others} other{'' if others == 1 else 's'})"


def _runs_text(about: Sequence[Run], runs: Sequence[Run]) -> str:
    """Few runs by their names; else all, all of one backend, or how many."""
    able = [run for run in runs if run.status is Status.OK]
    if len(about) <= _NAMED:
        return "; ".join(label_of(run, runs) for run in about)
    if len(about) >= len(able):
        return "all runs"
    used = {run.backend for run in about}
    if len(used) == 1 and len(about) == sum(run.backend in used for run in able):
        return f"all runs on {backend_label(used.pop())}"
    return f"{len(about)} of {len(able)} runs"
