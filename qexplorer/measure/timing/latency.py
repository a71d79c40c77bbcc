"""Latency and throughput: has the variants timed together in a child."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from qexplorer.core.errors import Cancelled, QExplorerError
from qexplorer.core.results import Energy, Latency, Throughput
from qexplorer.core.usage import Usage
from qexplorer.core.wire import Wire
from qexplorer.machine.neighbours import Busy
from qexplorer.machine.usage_watch import UsageLog
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.energy.per_inference import energy_of
from qexplorer.measure.pace.waiting import OnWait, heard
from qexplorer.measure.timing.latency_numbers import latency_of, throughput_of
from qexplorer.measure.variant import Subject, Variant
from qexplorer.process.limits import BASE, Limits
from qexplorer.process.parent import EarlyChild, run_in_child
from qexplorer.process.places.taking import alone

__all__ = ["Timed", "early_timer", "time_variants"]

_WORK = "qexplorer.measure.timing.latency_child"


@dataclass(frozen=True, slots=True)
class Timed(Wire):
    """What timing found out about one variant; ``failed`` says why there is nothing, and ``where`` is the machine of a
    cluster that took the times (None: this one)."""

    latency: Latency
    throughput: dict[int, Throughput]
    energy: Energy
    usage: Usage | None = None
    failed: str | None = None
    where: str | None = None


def early_timer(
    backend: str, subject: Subject, plan: TimingPlan, cancelled: Callable[[], bool] | None = None
) -> EarlyChild:
    """The child of :func:`time_variants`, which imports what it needs and then waits for its files."""
    limits = _limits(subject, plan)
    return EarlyChild(f"{_WORK}:get_ready", {"backend": backend}, limits=limits, cancelled=cancelled)


def _limits(subject: Subject, plan: TimingPlan) -> Limits:
    return subject.allowed(replace(BASE, quiet_s=plan.longest_s))


def time_variants(
    variants: Mapping[str, Variant],
    backend: str,
    subject: Subject,
    files: Mapping[str, str],
    plan: TimingPlan,
    *,
    threads: int = 1,
    reference: str | None = None,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
    on_wait: OnWait | None = None,
    cancelled: Callable[[], bool] | None = None,
    child: EarlyChild | None = None,
) -> dict[str, Timed]:
    """Times all ``variants`` side by side in one child that has the machine to itself; if it dies, one by one.

    Args:
        variants: what to time, by key.
        backend: on which backend.
        subject: the model and its samples.
        files: the samples on disk.
        plan: how much to time.
        threads: threads of one operator.
        reference: key of the float model, for the speed-up; None if it cannot be run.
        seed: of the order of turns and loadings.
        on_progress: told a share from 0 to 1.
        on_wait: told which file the backend prepares.
        cancelled: asked whether to stop.
        child: an :func:`early_timer` of this backend that is ready; None: a child is started.

    Raises:
        Cancelled: ``cancelled()`` became true.
    """
    arguments = {
        "backend": backend,
        "variants": {key: str(variant.path) for key, variant in variants.items()},
        "files": dict(files),
        "batches": list(subject.batches),
        "threads": threads,
        "plan": asdict(plan),
        "seed": seed,
    }
    log = UsageLog()
    try:
        with alone(cancelled):
            target, hear = f"{_WORK}:time_all", heard(on_progress, on_wait)
            if child is not None and child.lives:
                value = child.run(target, arguments, on_event=hear, on_start=log.start)
            else:
                limits = _limits(subject, plan)
                value = run_in_child(
                    target, arguments, limits=limits, on_event=hear, on_start=log.start, cancelled=cancelled
                )
    except Cancelled:
        raise
    except QExplorerError as error:
        if len(variants) == 1:
            return {key: _failed(variant.told(error), subject, threads) for key, variant in variants.items()}
        return _one_by_one(variants, backend, subject, files, plan, threads, reference, cancelled)
    finally:
        usage = log.stop()
    found: dict[str, Any] = value["variants"]
    base = found.get(reference) if reference else None
    before, during = (None if value[key] is None else _busy(value[key]) for key in ("before", "during"))
    return {
        key: replace(_timed(item, None if key == reference else base, subject, threads, (before, during)), usage=usage)
        for key, item in found.items()
    }


def _one_by_one(
    variants: Mapping[str, Variant],
    backend: str,
    subject: Subject,
    files: Mapping[str, str],
    plan: TimingPlan,
    threads: int,
    reference: str | None,
    cancelled: Callable[[], bool] | None,
) -> dict[str, Timed]:
    """Each variant in a child of its own, so that only the one that kills its process is lost; no speed-ups then."""
    found: dict[str, Timed] = {}
    for key, variant in variants.items():
        alone = {key: variant}
        found |= time_variants(
            alone, backend, subject, files, plan, threads=threads, reference=reference, cancelled=cancelled
        )
    return found


def _failed(reason: str, subject: Subject, threads: int) -> Timed:
    nothing = Latency(None, None, None, None, 0, subject.batches[0], threads, valid=False, reason=reason)
    return Timed(nothing, {}, Energy(None, None, "estimated", reason), failed=reason)


def _busy(value: dict[str, Any]) -> Busy:
    return Busy(**{**value, "cpus": tuple(value["cpus"])})


def _timed(
    item: dict[str, Any],
    base: dict[str, Any] | None,
    subject: Subject,
    threads: int,
    busy: tuple[Busy | None, Busy | None],
) -> Timed:
    rounds = {subject.batches[0]: item} | {int(batch): found for batch, found in item["larger"].items()}
    batch = subject.batches[0]
    latency = latency_of(item, base, batch=batch, threads=threads, before=busy[0], during=busy[1])
    return Timed(
        latency=latency,
        throughput={batch: throughput_of(found, batch=batch, threads=threads) for batch, found in rounds.items()},
        energy=energy_of(item, base, batch=batch, noisy=None if latency.valid else latency.reason),
    )
