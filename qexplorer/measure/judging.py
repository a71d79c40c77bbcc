"""Has one variant judged in a child process, and says what came back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.errors import Cancelled, QExplorerError
from qexplorer.core.plugins import METRICS
from qexplorer.core.results import Fidelity, Kernels, Memory
from qexplorer.graph.draws import RandomReach, drawn
from qexplorer.graph.file_digest import file_digest
from qexplorer.graph.index import index_of
from qexplorer.machine.conditions import conditions
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.gate import Difference, verdict
from qexplorer.measure.fidelity.gate_words import cost_of, why_right
from qexplorer.measure.fidelity.looked_at import batch_digest
from qexplorer.measure.judged_before import KeptJudgement, read_judged, write_judged
from qexplorer.measure.metrics.predictions import Labels
from qexplorer.measure.metrics.results import Scored
from qexplorer.measure.pace.waiting import OnWait, heard
from qexplorer.measure.scoring import Scoring, keep_outputs, read_outputs
from qexplorer.measure.variant import Subject, Variant
from qexplorer.process.limits import BASE, Limits
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import beside
from qexplorer.run.registry import BACKENDS, exact_integers, reference

__all__ = ["Judged", "judge_variant", "samples_digest"]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is known of a variant before it is timed.

    Attributes:
        failed: why it could not be run at all, or None.
        refused: why its numbers must not be shown, or None.
        predictions: class of each sample, or None if the model names none.
        scored: its scores by the metrics that were asked for.
        where: the machine of a cluster where that was; None: this one.
    """

    failed: str | None = None
    refused: str | None = None
    predictions: Labels | None = None
    scored: Scored = field(default_factory=Scored)
    memory: Memory | None = None
    kernels: Kernels | None = None
    notes: tuple[str, ...] = ()
    fidelity: Fidelity | None = None
    where: str | None = None

    @property
    def usable(self) -> bool:
        """Whether its numbers may be shown."""
        return self.failed is None and self.refused is None


def judge_variant(
    variant: Variant,
    backend: str,
    subject: Subject,
    files: Mapping[str, str],
    *,
    scoring: Scoring | None = None,
    threads: int = 1,
    limits: Limits = BASE,
    on_progress: Callable[[float], None] | None = None,
    on_wait: OnWait | None = None,
    cancelled: Callable[[], bool] | None = None,
    samples: str | None = None,
    before: Callable[[], None] | None = None,
    on_start: Callable[[int], None] | None = None,
) -> Judged:
    """Runs ``variant`` on every sample, and its simulation too, in a child of its own.

    Whatever goes wrong there becomes ``failed``: other variants are not touched by it. Without ``scoring`` nothing is
    scored, only checked. With ``samples`` (:func:`samples_digest`) what may be shown is kept, and read where the very
    same was judged before.

    Raises:
        Cancelled: ``cancelled()`` became true.
    """
    arguments = {
        "backend": backend,
        "path": str(variant.path),
        "is_float": variant.is_float,
        "files": dict(files),
        "n": subject.n,
        "fixed_batch": subject.model.fixed_batch,
        "evaluation_batch": subject.judged_at(variant),
        "batches": list(subject.batches),
        "threads": threads,
        "scales": variant.output_scales,
        "threshold": subject.threshold,
        "scoring": None if scoring is None else scoring.to_json(),
    }
    target = "qexplorer.measure.judge_child:judge"
    if (random := drawn(index_of(subject.model))) is not None:
        return Judged(refused=_never_the_same(random))
    try:
        made_from = None if samples is None else _made_from(arguments, subject, samples)
        if made_from is not None and (kept := _judged_before(made_from, scoring)) is not None:
            return kept
        if before is not None:
            before()
        with beside(cancelled):
            value = run_in_child(
                target,
                arguments,
                limits=subject.allowed(limits),
                on_event=heard(on_progress, on_wait),
                on_start=on_start,
                cancelled=cancelled,
            )
    except Cancelled:
        raise
    except QExplorerError as error:
        return Judged(failed=variant.told(error))
    judged = _judged(value, Scored() if scoring is None else scoring.read(value["without_score"]))
    if made_from is not None and judged.usable:
        answers = None if scoring is None or scoring.keep is None else read_outputs(Path(scoring.keep))
        write_judged(made_from, KeptJudgement(value, judged.scored.scores, answers))
    return judged


def samples_digest(subject: Subject) -> str:
    """Names what variants are judged on: samples, labels and their places."""
    arrays = {f"input {name}": array for name, array in subject.inputs.items()} | {"positions": subject.positions}
    return batch_digest(arrays if subject.labels is None else arrays | {"labels": subject.labels})


def _made_from(arguments: Mapping[str, Any], subject: Subject, samples: str) -> list[Any] | None:
    """All that a judgement follows from; None if the file cannot be read."""
    path, backend, exact = Path(arguments["path"]), BACKENDS.get(arguments["backend"]), exact_integers()
    computing = [backend, reference(), *([] if exact is None else [exact])]
    try:
        digest = file_digest(path)
    except Exception:  # whoever loads it says what is wrong with it
        return None
    metrics = () if arguments["scoring"] is None else arguments["scoring"]["metrics"]
    asked = {name: arguments[name] for name in arguments if name not in ("path", "files", "scoring")}
    plugins = [METRICS.get(name) for name in metrics]
    return [digest, subject.model.sha256, samples, asked, list(metrics), conditions(computing, plugins)]


def _judged_before(made_from: Any, scoring: Scoring | None) -> Judged | None:
    """What was kept of the same; the float model's answers are put where its variants look for them."""
    found = read_judged(made_from)
    if found is None:
        return None
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):  # of another shape than it should be
        judged = _judged(found.value, Scored(found.scores, found.value["without_score"]))
        if scoring is None or scoring.keep is None:
            return judged
        if found.answers is not None:
            keep_outputs(Path(scoring.keep), found.answers)
            return judged
    return None


def _never_the_same(random: RandomReach) -> str:
    """Why answers that are drawn cannot be compared: a difference would tell the draw, not the quantization."""
    named = ", ".join(f"'{name}'" for name in random.outputs)
    return (
        f"'{random.layer}' ({random.op}) draws random numbers for output{'s'[: len(random.outputs) > 1]} {named}, so"
        f" no two runs answer alike and nothing can be compared; export the model without sampling, or "
        "without these outputs"
    )


def _judged(value: dict[str, Any], scored: Scored) -> Judged:
    compared = [Difference(**item) for item in value["differences"]]
    alone = None if value["alone"] is None else Alone(**value["alone"])
    said = value["predictions"]
    memory = value["memory"]
    reason = None if memory["peak"] is not None else "this system does not count peak memory"
    return Judged(
        refused=verdict(compared, alone, value["asked"]),
        predictions=None if said is None else np.asarray(said, np.int64),
        scored=scored,
        memory=Memory(memory["peak"], memory["baseline"], reason, 1, memory["steady"], memory["steady_n"]),
        kernels=Kernels(**value["kernels"]),
        notes=tuple(value["notes"]),
        fidelity=_fidelity(compared, alone, value["against"], value["primary"]),
    )


def _fidelity(
    compared: Sequence[Difference],
    alone: Alone | None,
    against: str = "simulation",
    primary: Mapping[str, Any] | None = None,
) -> Fidelity:
    """The worst over all batch sizes; ``n`` counts comparisons of one sample at one batch size."""
    if not compared:
        return Fidelity(None, None, None, reason="a float model on the reference backend is its own simulation")
    n = sum(item.n for item in compared)
    named = [item for item in compared if item.same_classes is not None]
    agree = sum(item.same_classes or 0 for item in named) / max(sum(item.n for item in named), 1) if named else None
    steps = [item.max_lsb for item in compared if item.max_lsb is not None]
    elements = sum(item.elements for item in compared)
    within = sum(item.within_one for item in compared) / elements if elements else None
    reasons = [] if named else ["the task names no class for each sample"]
    reasons += [] if steps else ["no output ends on a grid of even steps, so there are no steps to count"]
    if alone is not None and alone.right:
        reasons.append(why_right(alone, within))
    return Fidelity(
        argmax_agreement=agree,
        max_lsb=max(steps, default=None),
        exact=all(item.exact for item in compared),
        n=n,
        reason="; ".join(reasons) or None,
        within_one_step=within,
        against=against,
        samples_by_batch={item.batch: item.n for item in compared},
        cost=cost_of(compared, against, primary) if alone is not None else None,
    )
