"""Climbs the fidelity ladder: float -> simulated -> exact integers -> each backend, on the same samples and batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, QExplorerError, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.measure.fidelity.alone import Alone, EndDifference, PointDifference
from qexplorer.measure.fidelity.gate import Difference, explained, verdict
from qexplorer.measure.fidelity.gate_words import cost_of, why_right
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.measure.ladder.ladder_types import BackendRung, BatchGap, ExactRung, Ladder, LayerError, SimulatedRung
from qexplorer.measure.prepare import prepare
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Subject, Variant, subject_of
from qexplorer.process.limits import BASE, Limits
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import beside, turn
from qexplorer.run.registry import BACKENDS, reference

__all__ = [
    "RUNG_LIMITS",
    "Climber",
    "Ladder",
    "climb",
    "climb_backend",
    "climb_exact",
    "climb_simulated",
    "kept_ladder",
]

RUNG_LIMITS = replace(BASE, quiet_s=900.0)
_VERSION = 2  # of what is kept; another number makes kept ladders unread
_CHILD = "qexplorer.measure.ladder.ladder_child"

Told = Callable[[str, float], None]


def kept_ladder(digest: str, data_digest: str, samples: int | None, backends: Sequence[str]) -> Ladder | None:
    """The ladder that was climbed before for this quantized file, data, number of samples and backends."""
    value = read_kept(_path(digest, data_digest, samples, backends))
    return None if value is None else Ladder.from_json(value)


def _path(digest: str, data_digest: str, samples: int | None, backends: Sequence[str]) -> Path:
    return kept_path("ladder", [_VERSION, digest, data_digest, samples, list(backends)])


def climb(
    model: Model,
    recipe: Recipe,
    data: DataSet,
    *,
    backends: Sequence[str] | None = None,
    samples: int | None = None,
    progress: Told | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Ladder:
    """Climbs every rung in a child of its own, and keeps the ladder. A rung that fails says why; the others go on.

    Args:
        model: the float model.
        recipe: what is made of it.
        data: fitted to the model.
        backends: names of backends; by default the reference alone.
        samples: evaluation samples, at most; None: all (an untrained model: a few).
        progress: told a sentence and the share that is done.
        cancelled: asked at least every 0.2 s.

    Raises:
        UnknownName: no such backend.
        RecipeError: the recipe cannot be applied.
        Cancelled: ``cancelled()`` became true.
    """
    tell: Told = progress or (lambda _text, _done: None)
    backends = list(backends) if backends is not None else [reference().name]
    for name in backends:
        BACKENDS.get(name)
    made = next(iter(prepare(model, [recipe], data, progress=lambda text, _: tell(text, 0.0))))
    if made.variant is None:
        raise RecipeError(made.failed or "the recipe could not be applied", where=recipe.name)
    subject = subject_of(model, data, samples)
    share = 1 / (2 + len(backends))
    with turn(cancelled=cancelled), scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        climber = Climber(made.variant, subject, files, cancelled)
        simulated = climb_simulated(climber, lambda done: tell("float against simulated", share * done))
        exact = climb_exact(climber, _scaled(tell, "simulated against exact integers", share, share))
        below = "exact integers" if exact.why_not is None else "simulated"
        rungs = []
        for index, name in enumerate(backends):
            start, label = (2 + index) * share, BACKENDS.get(name).label
            rungs.append(climb_backend(climber, name, _scaled(tell, f"{below} against {label}", start, share)))
    names = made.variant.digest, model.name, recipe.name, data.name
    ladder = Ladder(*names, subject.n, simulated, tuple(rungs), exact)
    write_kept(_path(made.variant.digest, data.digest, samples, backends), ladder.to_json())
    return ladder


def _scaled(tell: Told, text: str, start: float, share: float) -> Callable[[float], None]:
    return lambda done: tell(text, start + share * done)


@dataclass(frozen=True, slots=True, eq=False)
class Climber:
    """What every rung is climbed with."""

    variant: Variant
    subject: Subject
    files: Mapping[str, str]
    cancelled: Callable[[], bool] | None = None
    limits: Limits = RUNG_LIMITS
    threads: int = 1

    def child(self, target: str, told: Callable[[float], None], **more: Any) -> dict[str, Any]:
        """Runs one rung in a child."""
        subject = self.subject
        arguments = {
            "path": str(self.variant.path),
            "files": dict(self.files),
            "n": subject.n,
            "fixed_batch": subject.model.fixed_batch,
            "evaluation_batch": subject.judged_at(self.variant),
            "batches": list(subject.batches),
            "threads": self.threads,
            "scales": self.variant.output_scales,
            "threshold": subject.threshold,
        }
        with beside(self.cancelled):
            found: dict[str, Any] = run_in_child(
                f"{_CHILD}:{target}",
                arguments | more,
                limits=subject.allowed(self.limits),
                on_event=lambda event: told(float(event["done"])),
                cancelled=self.cancelled,
            )
        return found


def climb_simulated(climber: Climber, told: Callable[[float], None]) -> SimulatedRung:
    """Float -> simulated; a failure is told in ``failed``. Raises Cancelled."""
    n = climber.subject.n
    try:
        found = climber.child("simulated_rung", told, float_path=str(climber.subject.model.path))
    except Cancelled:
        raise
    except QExplorerError as error:
        return SimulatedRung(n, None, None, None, (), 0, failed=climber.variant.told(error))
    sqnr, relative = _ratio(found["output"]["signal"], found["output"]["error"])
    layers = tuple(_layer(row) for row in found["layers"])
    agreement = None if found["same"] is None else found["same"] / n
    return SimulatedRung(n, agreement, sqnr, relative, layers, int(found["layers_n"]))


def _layer(row: Mapping[str, Any]) -> LayerError:
    sqnr, relative = _ratio(row["signal"], row["error"])
    steps = None if row["step"] is None else row["worst"] / row["step"]
    return LayerError(row["layer"], row["op"], row["tensor"], sqnr, relative, steps)


def _ratio(signal: float, error: float) -> tuple[float | None, float | None]:
    """SQNR in dB and relative error; None where they mean nothing."""
    if signal <= 0 or not math.isfinite(error):
        return None, None
    return (10 * math.log10(signal / error) if error > 0 else None), math.sqrt(error / signal)


def climb_exact(climber: Climber, told: Callable[[float], None]) -> ExactRung:
    """Simulated -> exact integers; a failure is told in ``why_not``. Raises Cancelled."""
    try:
        found = climber.child("exact_rung", told)
    except Cancelled:
        raise
    except QExplorerError as error:
        return ExactRung(why_not=climber.variant.told(error))
    batches = tuple(_gap(Difference(**item)) for item in found["differences"])
    return ExactRung(batches, found["label"], sum(found["layers"].values()), found["why_not"])


def climb_backend(climber: Climber, backend: str, told: Callable[[float], None]) -> BackendRung:
    """The rung below -> ``backend``; a crash, a hang or a refusal is told in its status. Raises Cancelled."""
    label = BACKENDS.get(backend).label
    try:
        found = climber.child("backend_rung", told, backend=backend)
    except Cancelled:
        raise
    except QExplorerError as error:
        return BackendRung(backend, label, Status.FAILED, climber.variant.told(error))
    compared = [Difference(**item) for item in found["differences"]]
    alone = None if found["alone"] is None else Alone(**found["alone"])
    refused = verdict(compared, alone, found["asked"])
    return BackendRung(
        backend=backend,
        label=label,
        status=Status.REFUSED if refused else Status.OK,
        reason=refused or _explained(compared, alone, found["blocked"]),
        batches=tuple(_gap(item) for item in compared),
        points=tuple(PointDifference(**item) for item in found["points"]),
        points_in_all=int(found["points_in_all"]),
        points_n=int(found["points_n"]),
        disturbed=bool(found["disturbed"]),
        ends=tuple(EndDifference(**item) for item in found["ends"]),
        against=found["against"],
        simulated=tuple(_gap(Difference(**item)) for item in found["simulated"]),
        cost=None if all(item.exact for item in compared) else cost_of(compared, found["against"], None),
    )


def _explained(compared: Sequence[Difference], alone: Alone | None, blocked: str | None) -> str | None:
    """What explains a gap that may be shown."""
    if blocked is not None:
        return f"no codes inside could be seen: {blocked}"
    if alone is None or all(map(explained, compared)):
        return None
    elements = sum(item.elements for item in compared)
    return why_right(alone, sum(item.within_one for item in compared) / elements if elements else None)


def _gap(item: Difference) -> BatchGap:
    return BatchGap(
        batch=item.batch,
        n=item.n,
        agreement=None if item.same_classes is None else item.same_classes / item.n,
        worst_steps=item.max_lsb,
        worst_relative=item.max_relative,
        equal=item.equal / item.values if item.values else 0.0,
        within_one=item.within_one / item.elements if item.elements else None,
        exact=item.exact,
    )
