"""Variants of one model timed on a backend, whole and kernel by kernel, in one child that has the machine to itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import Split
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.graph.allowance import allowance
from qexplorer.machine.meters.estimate import watts_per_cpu
from qexplorer.measure.energy.per_inference import ESTIMATED
from qexplorer.measure.kept import read_kept, write_kept
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import alone
from qexplorer.run.batching import feeds_of
from qexplorer.run.protocol import Executed, KernelKind
from qexplorer.run.registry import usable
from qexplorer.search.costs.kept_times import times_path

__all__ = ["Clocked", "clock"]

Tell = Callable[[str, float], None]

_LIMITS = replace(BASE, quiet_s=600.0)
_ENERGY_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Clocked:
    """What was timed.

    Attributes:
        call_ms: of a whole call, not profiled, of each variant: the lower quartile of rounds, as what disturbs one only
            makes it slower.
        kernels: of each variant, with their times.
        watts: above idle while a variant runs; where no meter counts, an assumption that is the same for all.
        energy_source: ``measured:`` and the meter, or ``estimated``.
        measured_at: seconds since 1970; what is kept may be old.
        kept: the name under which it is kept (see ``kept_times``).
    """

    call_ms: Mapping[str, float]
    kernels: Mapping[str, tuple[Executed, ...]]
    watts: Mapping[str, float]
    energy_source: str
    measured_at: float
    kept: str


def clock(
    backend: str,
    model: Model,
    split: Split,
    variants: Mapping[str, Path],
    *,
    threads: int = 1,
    anew: bool = False,
    tell: Tell,
) -> Clocked:
    """Times all variants beside each other, a sample at a time; times of the same kernels on this machine are kept.

    Args:
        backend: where.
        model: in float.
        split: samples; the first is run.
        variants: files by key.
        threads: of one operator.
        anew: whether kept times do not count.
        tell: told a sentence and the share that is done.

    Raises:
        BackendError: the backend cannot be used here, gave up, or has no profiler.
    """
    used, batch = usable(backend), model.fixed_batch or 1
    path = times_path(backend, variants, threads=threads, batch=batch)
    kept = None if anew else read_kept(path)
    if kept is None:
        found = _measured(backend, model, split, variants, threads, tell)
        kept = {"measured_at": time.time(), "found": found}
        if all(found["kernels"].values()):
            write_kept(path, kept)
    found = kept["found"]
    kernels = {key: tuple(_kernel(each) for each in values) for key, values in found["kernels"].items()}
    if not all(kernels.values()):
        why = next(iter(found["unprofiled"].values()), "it has no profiler that tells the time of single kernels")
        raise BackendError(
            f"latency of single layers cannot be had on {used.label}: {why}",
            where=backend,
            do="choose another backend, or a budget of bytes or bit operations",
        )
    call_ms = {key: sorted(rounds)[len(rounds) // 4] / 1e6 for key, rounds in found["rounds"].items()}
    return Clocked(call_ms, kernels, *_watts(found["energy"], call_ms, threads), kept["measured_at"], path.name)


def _measured(
    backend: str, model: Model, split: Split, variants: Mapping[str, Path], threads: int, tell: Tell
) -> dict[str, Any]:
    """What the child finds."""
    batch = model.fixed_batch or 1
    with scratch() as folder:
        arguments = {
            "backend": backend,
            "variants": {key: str(path) for key, path in variants.items()},
            "files": keep_samples(folder, feeds_of(split.take(slice(0, batch)), model)),
            "threads": threads,
            "batch": batch,
            "energy_s": _ENERGY_S,
        }
        with alone():
            found: dict[str, Any] = run_in_child(
                "qexplorer.measure.why.profile_child:profile_each",
                arguments,
                limits=allowance(model, batch=batch, base=_LIMITS),
                on_event=lambda event: tell(event["step"], float(event["done"])),
            )
    return found


def _kernel(value: Mapping[str, Any]) -> Executed:
    return Executed(**{**value, "kind": KernelKind(value["kind"]), "layers": tuple(value["layers"])})


def _watts(energy: Mapping[str, Any], call_ms: Mapping[str, float], threads: int) -> tuple[dict[str, float], str]:
    """Of each variant; measured if every variant drew something above idle."""
    joules = {key: statistics.mean(energy[key]["joules"]) for key in call_ms if key in energy}
    if len(joules) == len(call_ms) and min(joules.values()) > 0:
        return {key: 1e3 * joules[key] / ms for key, ms in call_ms.items()}, str(next(iter(energy.values()))["source"])
    return dict.fromkeys(call_ms, watts_per_cpu() * threads), ESTIMATED
