"""Batch sizes times threads: throughput and latency of float and quantized models in every cell of the grid.

A cell is timed only after the backend's answers at that batch size and on that many threads were compared with the
simulation (``judging.py``); a variant that leaves the tolerance has no numbers on that many threads, with the reason.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.machine.cpu import cpu_model
from qexplorer.measure.effort import Effort
from qexplorer.measure.judging import judge_variant
from qexplorer.measure.prepare import prepare
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.timing.sweep_types import Cell, Sweep
from qexplorer.measure.variant import Subject, Variant, float_variant, subject_of
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import alone, turn
from qexplorer.run.registry import reference, usable

__all__ = ["CELL_S", "SWEPT_BATCHES", "sweep", "thread_counts"]

SWEPT_BATCHES: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
"""Batch sizes of a sweep, for a model that takes any."""

CELL_S: dict[Effort, float] = {Effort.QUICK: 0.25, Effort.STANDARD: 1.5, Effort.REPORT: 8.0}
"""Seconds that one variant is timed at one batch size on one number of threads."""

_JUDGED = 32
_CHILD_S = 3600.0

Tell = Callable[[str, float, tuple[Cell, ...]], None]


@dataclass(slots=True)
class _SweepWork:
    """What every step of a sweep needs."""

    subject: Subject
    files: dict[str, str]
    backend: str
    cell_s: float
    cancelled: Callable[[], bool] | None
    tell: Tell
    cells: list[Cell]
    steps: int
    done: int = 0

    def step(self, text: str) -> None:
        """One step more is done."""
        self.done += 1
        self.tell(text, min(1.0, self.done / self.steps), tuple(self.cells))


def thread_counts(logical: int, physical: int | None) -> tuple[int, ...]:
    """1, 2, 4, ... up to ``logical`` processors, and the number of physical cores where it is known."""
    counts = {2**i for i in range(logical.bit_length())} | {logical, physical or 1}
    return tuple(sorted(count for count in counts if 1 <= count <= logical))


def sweep(
    model: Model,
    recipes: Sequence[Recipe],
    data: DataSet,
    *,
    backend: str | None = None,
    effort: Effort = Effort.QUICK,
    batches: Sequence[int] = SWEPT_BATCHES,
    threads: Sequence[int] | None = None,
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Sweep:
    """Judges and times the float model and ``recipes`` at every batch size and number of threads.

    Args:
        model: the float model. If its file insists on a batch size, that one is the only one.
        recipes: what to make of it.
        data: calibration and evaluation samples, fitted to the model.
        backend: a backend's name; by default the reference.
        effort: how long each cell is timed.
        batches: batch sizes.
        threads: numbers of threads; None: ``thread_counts`` of this machine, or 1 on a GPU.
        tell: told what is done, the share of it, and the cells so far.
        cancelled: asked at least every 0.2 s.

    Raises:
        UnknownName: no such backend.
        BackendError: the backend cannot be used here.
        Cancelled: ``cancelled()`` became true.
    """
    runtime = usable(backend or reference().name)
    backend, device = runtime.name, runtime.capabilities.device
    counts = tuple(sorted(threads or (_counts_here() if device == "cpu" else (1,))))
    subject = _subject(model, data, batches)
    with turn(cancelled=cancelled), scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        steps = len(recipes) + len(counts) * (1 + len(recipes) + len(subject.batches))
        told = tell or (lambda _text, _share, _cells: None)
        work = _SweepWork(subject, files, backend, CELL_S[effort], cancelled, told, [], steps)
        variants, failed = _variants(model, recipes, data, work)
        for name, why in failed.items():
            work.cells += [Cell(name, batch, count, reason=why) for count in counts for batch in subject.batches]
        loads = [_on_threads(count, variants, work) for count in counts]
    names = [(variant.digest, variant.recipe) for variant in variants]
    names += [(name, name) for name in failed]
    return Sweep(
        model=model.name,
        backend=backend,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        cpu=cpu_model(),
        effort=str(effort),
        variants=tuple(names),
        batches=subject.batches,
        threads=counts,
        cells=tuple(work.cells),
        load="; ".join(dict.fromkeys(load for load in loads if load)) or None,
    )


def _counts_here() -> tuple[int, ...]:
    import psutil

    logical = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return thread_counts(logical, psutil.cpu_count(logical=False))


def _subject(model: Model, data: DataSet, batches: Sequence[int]) -> Subject:
    """A few samples to check answers on, at every batch size of the sweep."""
    found = subject_of(model, data, min(_JUDGED, data.evaluation.n))
    return found if model.fixed_batch is not None else replace(found, batches=tuple(sorted(set(batches))))


def _variants(
    model: Model, recipes: Sequence[Recipe], data: DataSet, work: _SweepWork
) -> tuple[list[Variant], dict[str, str]]:
    """Float and what the recipes make of it; and why a recipe could not be applied, by its name."""
    found, failed = [float_variant(model)], dict[str, str]()

    def told(text: str, _share: float) -> None:
        if work.cancelled is not None and work.cancelled():
            raise Cancelled("the sweep was cancelled")
        work.tell(text, work.done / work.steps, ())

    for item in prepare(model, recipes, data, progress=told):
        if item.variant is None:
            failed[item.recipe.name] = item.failed or "the recipe could not be applied"
        else:
            found.append(item.variant)
        work.step(f"quantized by {item.recipe.name}")
    return found, failed


def _on_threads(threads: int, variants: list[Variant], work: _SweepWork) -> str | None:
    """Judges every variant on ``threads``, then times those that are right side by side; returns the load, in words."""
    usable_ones: dict[str, str] = {}
    for variant in variants:
        plural = "" if threads == 1 else "s"
        judged = judge_variant(
            variant, work.backend, work.subject, work.files, threads=threads, cancelled=work.cancelled
        )
        why = judged.failed or judged.refused
        if why is None:
            usable_ones[variant.digest] = str(variant.path)
        else:
            work.cells += [Cell(variant.digest, batch, threads, reason=why) for batch in work.subject.batches]
        work.step(f"checked the answers of {variant.recipe} on {threads} thread{plural}")
    return _time(threads, usable_ones, work) if usable_ones else None


def _time(threads: int, paths: Mapping[str, str], work: _SweepWork) -> str | None:
    before = len(work.cells)

    def heard(event: dict[str, Any]) -> None:
        if event["event"] == "cells":
            work.cells += [Cell.from_json(cell) for cell in event["cells"]]
            work.step(f"timed batch {event['cells'][0]['batch']} on {threads} thread{'' if threads == 1 else 's'}")

    arguments = {
        "backend": work.backend,
        "variants": dict(paths),
        "files": work.files,
        "batches": list(work.subject.batches),
        "threads": threads,
        "cell_s": work.cell_s,
        "seed": threads,
    }
    limits = work.subject.allowed(replace(BASE, quiet_s=_CHILD_S))
    target = "qexplorer.measure.timing.sweep_child:sweep_batches"
    try:
        with alone(work.cancelled):
            value = run_in_child(target, arguments, limits=limits, on_event=heard, cancelled=work.cancelled)
    except Cancelled:
        raise
    except QExplorerError as error:
        done = {(cell.digest, cell.batch) for cell in work.cells[before:]}
        work.cells += [
            Cell(digest, batch, threads, reason=f"timing it failed: {error.sentence}")
            for digest in paths
            for batch in work.subject.batches
            if (digest, batch) not in done
        ]
        return None
    return None if value["load"] is None else str(value["load"])
