"""Puts what is known of one variant on one backend together as a run."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.core.results import Accuracy, Energy, Latency, Run, Size, Status
from qexplorer.measure.judging import Judged
from qexplorer.measure.metrics.results import UNTRAINED, changed_at, not_shown, result_of
from qexplorer.measure.timing.latency import Timed
from qexplorer.measure.variant import Subject, Variant

__all__ = ["failed_run", "make_run"]

NOT_YET = "not timed yet"


def failed_run(recipe: str, digest: str, backend: str, reason: str, size: Size | None = None) -> Run:
    """A run that came to nothing, and why."""
    return Run(recipe, digest, backend, Status.FAILED, reason, size=size)


def make_run(
    variant: Variant, backend: str, subject: Subject, judged: Judged, floats: Judged | None, timed: Timed | None
) -> Run:
    """The run of ``variant``.

    Args:
        variant: what ran.
        backend: where.
        subject: on what.
        judged: what is known before timing. Refused: the fidelity is shown, and no accuracy, latency or energy.
        floats: the same of the float model on this backend; None for the float model itself.
        timed: None if it has not been timed yet.
    """
    if judged.failed is not None:
        return failed_run(variant.recipe, variant.digest, backend, judged.failed, variant.size)
    common = Run(
        recipe=variant.recipe,
        digest=variant.digest,
        backend=backend,
        status=Status.REFUSED if judged.refused else Status.OK,
        reason=judged.refused,
        size=variant.size,
        fidelity=judged.fidelity,
        kernels=judged.kernels,
        notes=(*judged.notes, *_judged_at(variant, subject), *_where(judged, timed)),
    )
    if judged.refused is not None:
        return common
    if timed is not None and timed.failed is not None:
        return failed_run(variant.recipe, variant.digest, backend, f"timing it failed: {timed.failed}", variant.size)
    batch = subject.judged_at(variant)
    first, *others = (replace(found, batch=batch) for found in _results(variant, subject, judged, floats))
    common = replace(common, accuracy=first, metrics=tuple(others), memory=judged.memory)
    if timed is None:
        waiting = Latency(None, None, None, None, 0, subject.batches[0], 1, valid=False, reason=NOT_YET)
        return replace(common, latency_ms=waiting, energy_mj=Energy(None, None, "estimated", NOT_YET))
    common = replace(common, throughput_by_batch=timed.throughput)
    return replace(
        common,
        latency_ms=timed.latency,
        throughput_per_s=None if common.throughput is None else common.throughput[1].value,
        energy_mj=timed.energy,
        usage=timed.usage,
    )


def _judged_at(variant: Variant, subject: Subject) -> tuple[str, ...]:
    """The batch, where answers depend on it."""
    if not variant.dynamic:
        return ()
    batch = subject.judged_at(variant)
    return (f"ranges are found over each batch, so it was judged at batch {batch}, at which latency is timed",)


def _where(judged: Judged, timed: Timed | None) -> tuple[str, ...]:
    """Which machines of a cluster measured."""
    if judged.where is None:
        return ()
    if timed is None or timed.where == judged.where:
        return (f"measured on {judged.where}",)
    return (f"answers, kernels and memory were found on {judged.where}, times on {timed.where or 'this machine'}",)


def _results(variant: Variant, subject: Subject, judged: Judged, floats: Judged | None) -> list[Accuracy]:
    """What every metric comes to, the primary one first, which alone says which answers changed."""
    if subject.model.untrained:
        return [not_shown(metric, UNTRAINED) for metric in subject.metrics[:1]]
    base = floats if floats is not None and floats.usable else None
    scored = None if base is None else base.scored
    found = [
        result_of(metric, judged.scored, scored, subject.n, is_float=variant.is_float) for metric in subject.metrics
    ]
    first = found[0]
    if first.value is None or base is None:
        return found
    flipped = changed_at(judged.predictions, base.predictions, subject.positions) if subject.classes else ()
    stands_in = f"no labels: {first.label} stands in for accuracy" if subject.metrics[0].needs_float else first.reason
    return [replace(first, flipped=flipped, reason=stands_in), *found[1:]]
