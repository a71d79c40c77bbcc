"""The columns of a run, once: tables of the app, the terminal and a notebook, the CSV and the frame read this list.

How to add one: give the field of :class:`~qexplorer.core.results.Run`, or of a part of it, a description where it is
declared (``field(default=None, metadata=described(...))``), and it is a column everywhere, in the CSV under its own
name: no two have one name. Whoever makes that part fills it (``measure/variant.py`` a ``Size``); records of earlier
versions have the default. Where a run has several of a part (``metrics``), the one that stands alone is shown
(``accuracy``). Only what needs more than one number (an interval, two counts, a word of doubt) has a line here, with
its text in ``words.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from qexplorer.core.results import Run, Status
from qexplorer.report import words
from qexplorer.report.metric_words import delta_name, metric_of
from qexplorer.run.registry import backend_label

__all__ = ["COLUMNS", "Column", "ExportedValue", "described_columns"]


@dataclass(frozen=True, slots=True)
class ExportedValue:
    """One column of the CSV and of the frame: its name, with the unit in it; how it is read; whether it is whole."""

    name: str
    read: Callable[[Run], Any]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One quantity of a run.

    Attributes:
        title: its heading.
        help: what it is, a sentence for the app.
        cell: its text in the app, with interval and n; None where the app does not show it.
        brief: its text in the terminal and a notebook; None where they leave it out.
        values: its numbers in the CSV and the frame.
        brief_title: its heading there; None if that is ``title``.
        heading: its heading, where that depends on the runs.
        brief_heading: the same in the terminal and a notebook, where that is another one.
        late: whether it stands at the right end of the app's table, which is wider than a window.
    """

    title: str
    help: str | None = None
    cell: Callable[[Run], str] | None = None
    brief: Callable[[Run], str] | None = None
    values: tuple[ExportedValue, ...] = ()
    brief_title: str | None = None
    heading: Callable[[Sequence[Run]], str] | None = None
    brief_heading: Callable[[Sequence[Run]], str] | None = None
    late: bool = False


def _part(path: str) -> Callable[[Run], Any]:
    """Reads ``memory.peak_rss_bytes`` of a run; None if there is no such part."""

    def read(run: Run) -> Any:
        value: Any = run
        for name in path.split("."):
            value = None if value is None else getattr(value, name)
        return value

    return read


def _value(name: str, path: str | None = None, *, whole: bool = False) -> ExportedValue:
    return ExportedValue(name, _part(path or name), whole)


def _ends(name: str, path: str) -> tuple[ExportedValue, ExportedValue]:
    """The two ends of the interval at ``path``; ``name`` holds ``{}`` where low and high go."""
    read = _part(path)
    low, high = (lambda run, i=i: None if (found := read(run)) is None else found[i] for i in (0, 1))
    return ExportedValue(name.format("low"), low), ExportedValue(name.format("high"), high)


def _best_rate_ends() -> tuple[ExportedValue, ...]:
    """The ends of the interval of the best rate."""

    def end(i: int) -> Callable[[Run], float | None]:
        return lambda run: None if not (best := run.throughput) or best[1].ci95 is None else best[1].ci95[i]

    return tuple(ExportedValue(f"throughput_{name}_per_s", end(i)) for i, name in enumerate(("low", "high")))


def _kernels(kind: str) -> ExportedValue:
    def count(run: Run) -> int | None:
        return None if run.kernels is None else sum(getattr(run.kernels, kind).values())

    return ExportedValue(f"{kind}_kernels", count, whole=True)


def described_columns(kind: type, path: str = "") -> Iterator[Column]:
    """A column for each field of ``kind``, or of a part of it, that is declared with a description.

    A part is what a field holds one of, or None: a tuple or a mapping of parts has no one number for a cell.

    Args:
        kind: a dataclass.
        path: where it is in a run, such as ``memory.``; empty for the run itself.
    """
    hints = get_type_hints(kind)
    for each in fields(kind):
        hint = hints[each.name]
        for part in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
            if isinstance(part, type) and is_dataclass(part):
                yield from described_columns(part, f"{path}{each.name}.")
        if "title" in each.metadata:
            yield _described(each, path + each.name)


def _described(declared: Field[Any], path: str) -> Column:
    about, read = declared.metadata, _part(path)

    def text(run: Run) -> str:
        value = read(run)
        return words.NONE if value is None else str(about["text"].format(value))

    brief = text if about["brief"] else None
    return Column(about["title"], about["help"], text, brief, (ExportedValue(declared.name, read),))


_DESCRIBED = {column.values[0].name: column for column in described_columns(Run)}


def _metric(runs: Sequence[Run]) -> str:
    found = metric_of(runs)
    return "metric" if found is None else found.label


def _difference(runs: Sequence[Run]) -> str:
    found = metric_of(runs)
    return "Δ" if found is None else delta_name(found)


_ACCURACY = (
    Column(
        "accuracy",
        "What answers are first judged by, with its 95 % interval and n",
        lambda run: words.accuracy_cell(run.accuracy),
        lambda run: words.accuracy_text(run.accuracy),
        (
            *(_value("metric", "accuracy.metric"), _value("accuracy", "accuracy.value")),
            *_ends("accuracy_{}", "accuracy.ci95"),
            _value("n", "accuracy.n", whole=True),
            *(_value("unit", "accuracy.unit"), _value("direction", "accuracy.direction")),
        ),
        heading=_metric,
    ),
    Column(
        "to float",
        "Difference on the same samples, in points of a share or the metric's unit, with its interval",
        lambda run: words.delta_text(run.accuracy),
        lambda run: words.delta_text(run.accuracy),
        (_value("delta", "accuracy.delta"), *_ends("delta_{}", "accuracy.delta_ci95")),
        brief_heading=_difference,
    ),
    Column(
        "p",
        "Exact two-sided McNemar test: how often chance alone does this",
        lambda run: words.p_cell(run.accuracy),
        values=(_value("mcnemar_p", "accuracy.mcnemar_p"),),
        late=True,
    ),
    Column(
        "fixed / broken",
        None,
        lambda run: words.flips_cell(run.accuracy),
        values=(
            _value("fixed", "accuracy.fixed", whole=True),
            _value("broken", "accuracy.broken", whole=True),
        ),
        late=True,
    ),
)
"""What the answers are worth, by the primary metric; ``metric_columns`` has those of further ones."""


def _weights(run: Run) -> str:
    return words.NONE if run.size is None else words.bytes_text(run.size.weight_bytes)


def _file(run: Run) -> str:
    return words.NONE if run.size is None else words.bytes_text(run.size.file_bytes)


def _stored(run: Run) -> str:
    return words.NONE if run.size is None else words.bytes_text(run.size.stored_bytes)


_COST = (
    Column(
        "weights",
        "Packed: each code at the width of its format, with scales and zero points",
        _weights,
        _weights,
        (_value("file_bytes", "size.file_bytes", whole=True), _value("weight_bytes", "size.weight_bytes", whole=True)),
    ),
    Column("file", None, _file, _file, late=True),
    Column(
        "as stored",
        "Weights as the file has them",
        _stored,
        values=(_value("stored_bytes", "size.stored_bytes", whole=True),),
        late=True,
    ),
    Column(
        "latency",
        "Median of one call with the interval of the median, n calls",
        lambda run: words.latency_cell(run.latency_ms),
        lambda run: words.latency_text(run.latency_ms),
        (
            *(_value(f"latency_p{p}_ms", f"latency_ms.p{p}") for p in (50, 90, 99)),
            *_ends("latency_{}_ms", "latency_ms.ci95"),
            *(_value("latency_n", "latency_ms.n", whole=True), _value("latency_valid", "latency_ms.valid")),
            *(_value("batch", "latency_ms.batch", whole=True), _value("threads", "latency_ms.threads", whole=True)),
        ),
    ),
    Column(
        "speed-up",
        "Float's time over this one's, round by round in turns, with its interval: noise slows both",
        lambda run: words.speedup_cell(run.latency_ms),
        lambda run: words.speedup_text(run.latency_ms),
        (_value("speedup", "latency_ms.speedup"), *_ends("speedup_{}", "latency_ms.speedup_ci95")),
    ),
    Column(
        "throughput",
        "Samples a second at the best batch size, with its interval",
        words.throughput_cell,
        values=(
            _value("throughput_per_s"),
            ExportedValue("throughput_batch", lambda run: run.throughput and run.throughput[0], whole=True),
            *_best_rate_ends(),
            ExportedValue("throughput_valid", lambda run: run.throughput and run.throughput[1].valid),
        ),
    ),
    Column(
        "load on the machine",
        values=(
            *(end for p in (90, 99) for end in _ends(f"latency_p{p}_{{}}_ms", f"latency_ms.p{p}_ci95")),
            *(_value("latency_loads", "latency_ms.loads", whole=True), _value("load", "latency_ms.load")),
        ),
    ),
    Column(
        "memory",
        "Resident size of a fresh process that runs the model: the highest, then what it settles at",
        lambda run: words.memory_text(run.memory),
        lambda run: words.memory_text(run.memory),
        tuple(_value(f"{kind}_rss_bytes", f"memory.{kind}_rss_bytes", whole=True) for kind in ("peak", "steady")),
    ),
    Column(
        "energy",
        "Of one inference; measured or estimated, as it says",
        lambda run: words.energy_cell(run.energy_mj),
        lambda run: words.energy_text(run.energy_mj),
        (
            _value("energy_mj", "energy_mj.value"),
            *_ends("energy_{}_mj", "energy_mj.ci95"),
            *(_value("energy_source", "energy_mj.source"), _value("energy_valid", "energy_mj.valid")),
            *(_value("energy_ratio", "energy_mj.ratio"), *_ends("energy_ratio_{}", "energy_mj.ratio_ci95")),
        ),
    ),
)

_EXECUTION = (
    Column(
        "fidelity",
        "Largest difference to the simulation of the same graph",
        lambda run: "is the reference" if run.recipe == "float" else words.fidelity_text(run.fidelity),
        lambda run: words.fidelity_text(run.fidelity),
        tuple(_value(name, f"fidelity.{name}") for name in ("argmax_agreement", "max_lsb", "exact")),
    ),
    Column(
        "kernels",
        "Kernels that really ran: integer and float",
        lambda run: words.kernels_cell(run.kernels),
        values=(_kernels("integer"), _kernels("float")),
    ),
    Column(
        "how it ran", values=(ExportedValue("notes", lambda run: " ".join(f"{note}." for note in run.notes) or None),)
    ),
)


def _status(run: Run) -> str:
    return str(run.status) if run.status is Status.OK else f"{run.status}: {run.reason}"


_NAMED = (
    Column(
        "recipe",
        brief=lambda run: run.recipe,
        values=(
            *(_value("recipe"), _value("digest"), _value("backend")),
            *(ExportedValue("status", lambda run: str(run.status)), _value("reason")),
        ),
    ),
    Column("backend", brief=lambda run: backend_label(run.backend)),
)
"""The app names a run in its first column by what tells it from the others, so that these have no cell there."""

_PLACED = (*_NAMED, *_ACCURACY, *_COST, *_EXECUTION)
_OTHERS = tuple(column for column in _DESCRIBED.values() if column not in _PLACED)

COLUMNS: tuple[Column, ...] = (
    *_PLACED,
    *_OTHERS,
    Column("status", None, lambda run: str(run.status), _status, late=True),
)
"""All columns in order: what a run is, what its answers are worth, what it costs, how it ran; described fields last."""
