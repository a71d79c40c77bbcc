"""The child that loads one file on one backend, and finds out everything about it but time.

In this order, as each would spoil the one before: memory (nothing else loaded yet), kernels, answers, and the same
answers from the simulation. If the backend crashes or hangs, this process is what is lost.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.measure.fidelity.gate import Difference, differences, out_of_tolerance
from qexplorer.measure.fidelity.simulation import Simulation
from qexplorer.measure.fidelity.single_points import each_alone
from qexplorer.measure.memory import peak_rss_bytes, steady_rss_bytes
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.scoring import score_answers
from qexplorer.measure.scratch import folder_of, read_samples
from qexplorer.measure.waiting import announce
from qexplorer.process.child import Emit
from qexplorer.run.batching import run_in_batches
from qexplorer.run.protocol import Answerer, Backend, Mode, Session, SessionOptions
from qexplorer.run.registry import reference, usable

__all__ = ["answers_of", "compare_answers", "first_rows", "judge", "pads"]

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
        is itself the reference), ``alone`` (each layer by itself, or None where it was not asked).

    Raises:
        BackendError: the backend gave up.
    """
    announce(emit)
    backend = usable(arguments["backend"])
    arguments = arguments | {"pads": pads(backend)}
    path, threads = Path(arguments["path"]), int(arguments["threads"])
    inputs = read_samples(arguments["files"])
    native = SessionOptions(Mode.NATIVE, threads)
    backend.import_runtime()
    memory, session = _measure_memory(lambda: backend.load(path, native), inputs, arguments["batches"][0])
    kernels = session.kernels()
    report = _reporter(emit, twice=not _is_reference(arguments, kernels))
    found = answers_of(session, inputs, arguments, report)
    compared: list[Difference] = []
    if not _is_reference(arguments, kernels):
        reference = Simulation(path, threads, folder_of(arguments["files"]))
        compared = compare_answers(session, reference, inputs, found, arguments, report)
    n, threshold, scoring = int(arguments["n"]), arguments["threshold"], arguments.get("scoring")
    without = score_answers(scoring, found, n, threshold) if scoring is not None else {}
    said = predictions(found, n, threshold=threshold)
    return {
        "memory": memory,
        "kernels": asdict(kernels),
        "notes": list(session.notes),
        "predictions": None if said is None else said.tolist(),
        "without_score": without,
        "differences": [asdict(item) for item in compared],
        "alone": _alone(path, backend, inputs, compared, arguments),
    }


def pads(backend: Backend) -> bool:
    """Whether the last batch is filled up, as a batch size of its own would cost the backend seconds to prepare."""
    prepares = backend.capabilities.prepares
    return prepares is not None and prepares.each_shape


def first_rows(inputs: dict[str, Array], batch: int, *, start: int = 0) -> dict[str, Array]:
    """``batch`` samples from ``start`` on in memory of their own; samples are repeated where there are fewer."""
    rows = np.arange(start, start + batch)
    return {name: np.ascontiguousarray(array[rows % array.shape[0]]) for name, array in inputs.items()}


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


def _alone(
    path: Path, backend: Backend, inputs: dict[str, Array], compared: list[Difference], arguments: dict[str, Any]
) -> dict[str, Any] | None:
    """Each layer by itself, on the batch with the worst sample, at the first batch size that leaves the tolerance.

    None if none does, and also if the backend cannot tell its codes at all.
    """
    off = next((item for item in compared if out_of_tolerance(item)), None)
    if off is None:
        return None
    start = (off.worst_row or 0) // off.batch * off.batch
    feeds, threads = first_rows(inputs, off.batch, start=start), int(arguments["threads"])
    with tempfile.TemporaryDirectory(prefix="qexplorer-") as folder:
        try:
            found = each_alone(path, backend, reference(), feeds, threads=threads, folder=Path(folder))
        except BackendError:  # the answers themselves came, so this is a refusal with less to say, not a failure
            return None
    return asdict(found)


def answers_of(
    session: Answerer, inputs: dict[str, Array], arguments: dict[str, Any], report: Callable[[float], None]
) -> list[Array]:
    """Outputs for every sample, at the evaluation batch; ``report`` is told which share is done."""
    n = int(arguments["n"])
    return run_in_batches(
        session,
        inputs,
        batch=int(arguments["evaluation_batch"]),
        fixed_batch=arguments["fixed_batch"],
        pads=bool(arguments.get("pads")),
        progress=lambda done: report(done / n),
    )


def compare_answers(
    session: Answerer,
    reference: Answerer,
    inputs: dict[str, Array],
    found: list[Array],
    arguments: dict[str, Any],
    report: Callable[[float], None],
) -> list[Difference]:
    """Native against simulated: every sample at the evaluation batch, the first ones at every batch that is timed."""
    names, n = list(session.output_names), int(arguments["n"])
    if list(reference.output_names) != names:
        raise BackendError("the backend names its outputs otherwise than the model does")
    fixed, evaluation = arguments["fixed_batch"], int(arguments["evaluation_batch"])
    threshold, scales = arguments["threshold"], dict(arguments["scales"])
    expected = answers_of(reference, inputs, arguments, lambda done: report(1 + done))
    size = int(fixed or evaluation)
    compared = [differences(found, expected, names, scales, batch=size, n=n, threshold=threshold)]
    for batch in arguments["batches"]:
        if batch == size:
            continue
        some = first_rows(inputs, max(batch, min(n, _samples_at(batch))))
        count = next(iter(some.values())).shape[0]
        ours, theirs = (
            run_in_batches(each, some, batch=batch, fixed_batch=fixed, pads=bool(arguments.get("pads")))
            for each in (session, reference)
        )
        compared.append(differences(ours, theirs, names, scales, batch=batch, n=count, threshold=threshold))
    return compared


def _samples_at(batch: int) -> int:
    """Samples compared at the smaller batch sizes: 16 calls, but not more than 32 samples."""
    return min(16 * batch, 32)


def _reporter(emit: Emit, *, twice: bool) -> Callable[[float], None]:
    def report(done: float) -> None:
        emit({"event": "progress", "done": done / (2 if twice else 1)})

    return report
