"""The child that loads one file on one backend, and finds out everything about it but time.

In this order, as each would spoil the one before: memory (nothing else loaded yet), kernels, answers, and what the
answers should be. If the backend crashes or hangs, this process is what is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import Array
from qexplorer.core.results import Kernels
from qexplorer.measure.fidelity.alone import Alone
from qexplorer.measure.fidelity.batches import first_rows
from qexplorer.measure.fidelity.comparing import Compared, Question, answers_of, compare, nothing_compared
from qexplorer.measure.fidelity.simulation import ExactIntegers, Simulation
from qexplorer.measure.memory import peak_rss_bytes, steady_rss_bytes
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.pace.waiting import announce
from qexplorer.measure.scoring import primary_values, score_answers
from qexplorer.measure.scratch import folder_of
from qexplorer.process.child import Emit
from qexplorer.run.protocol import Answerer, Mode, Session, SessionOptions
from qexplorer.run.registry import exact_integers, reference, usable

__all__ = ["judge"]

_RUNS_FOR_MEMORY = 3


def judge(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Judges one file.

    Args:
        arguments: ``backend``, ``path``, ``is_float``; ``files`` (samples by input name); ``n``, ``fixed_batch``,
            ``evaluation_batch``, ``batches`` (all that will be timed, latency's first), ``threads``; ``scales`` (step
            of each output that ends on a grid); ``threshold``; ``scoring`` (fields of ``Scoring``, or None).
        emit: takes ``progress`` events with ``done`` from 0 to 1, and ``prepares`` events (see ``waiting``).

    Returns:
        ``memory`` {peak, baseline, steady, steady_n}, ``kernels``, ``notes`` (of the session), ``predictions`` (or
        None), ``without_score`` (why a metric has none), ``differences`` (empty for a float model on the backend that
        is itself the reference) from the reference ``against``, ``asked`` (the references, in words), ``alone`` (each
        layer by itself, or None where it was not asked), ``primary`` (see ``scoring.primary_values``, or None).

    Raises:
        BackendError: the backend gave up.
    """
    announce(emit)
    backend = usable(arguments["backend"])
    path, threads = Path(arguments["path"]), int(arguments["threads"])
    question = Question.of(arguments, backend)
    native = SessionOptions(Mode.NATIVE, threads)
    backend.import_runtime()
    memory, session = _measure_memory(lambda: backend.load(path, native), question.inputs, arguments["batches"][0])
    kernels = session.kernels()
    itself = _is_reference(arguments, kernels)
    report = _reporter(emit, twice=not itself)
    folder = folder_of(arguments["files"])
    answering = _answering(session, kernels, question, folder, itself=itself)
    found = answers_of(answering, question, report)
    compared, alone = nothing_compared(), None
    if not itself:
        compared = compare(answering, question, found, folder, report)
        alone = compared.alone(question, session)
    n, threshold, scoring = question.n, question.threshold, arguments.get("scoring")
    without = score_answers(scoring, found, n, threshold) if scoring is not None else {}
    said = predictions(found, n, threshold=threshold)
    return {
        "memory": memory,
        "kernels": asdict(kernels),
        "notes": list(session.notes),
        "predictions": None if said is None else said.tolist(),
        "without_score": without,
        "differences": [asdict(item) for item in compared.found],
        "against": compared.against,
        "asked": compared.asked,
        "alone": None if alone is None else asdict(alone),
        "primary": _primary(scoring, found, compared, alone, n, threshold),
    }


def _answering(session: Session, kernels: Kernels, question: Question, folder: Path, *, itself: bool) -> Answerer:
    """Who answers: the session, whose answers are kept, or read, where other backends are compared with the same."""
    path, threads, exact = question.path, question.threads, exact_integers()
    if itself:
        return Simulation(path, threads, folder, session)
    if exact is not None and exact.name == question.backend.name and kernels.integer:
        return ExactIntegers(path, threads, folder, exact, session)
    return session


def _primary(
    scoring: dict[str, Any] | None,
    found: list[Array],
    compared: Compared,
    alone: Alone | None,
    n: int,
    threshold: float | None,
) -> dict[str, Any] | None:
    """The task's first metric over these answers, and over those that they are compared with, where a gap is to be
    told in the task's own terms."""
    if alone is None or scoring is None or compared.expected is None:
        return None
    return primary_values(scoring, found, compared.expected, n, threshold)


def _measure_memory(
    load: Callable[[], Session], inputs: dict[str, Array], batch: int
) -> tuple[dict[str, Any], Session]:
    """Loads and runs; the baseline is what the process took before, its libraries loaded; then what it settles at."""
    feeds = first_rows(inputs, batch)
    baseline = peak_rss_bytes()
    session = load()
    for _ in range(_RUNS_FOR_MEMORY):
        session.run(feeds)
    steady, looks = steady_rss_bytes(lambda: session.run(feeds))
    return {"peak": peak_rss_bytes(), "baseline": baseline, "steady": steady, "steady_n": looks}, session


def _is_reference(arguments: dict[str, Any], kernels: Kernels) -> bool:
    """Whether simulating would only run the same float graph with the same kernels a second time."""
    quantized = kernels.integer or any("QuantizeLinear" in op or "DequantizeLinear" in op for op in kernels.other)
    return bool(arguments["is_float"]) and arguments["backend"] == reference().name and not quantized


def _reporter(emit: Emit, *, twice: bool) -> Callable[[float], None]:
    def report(done: float) -> None:
        emit({"event": "progress", "done": done / (2 if twice else 1)})

    return report
