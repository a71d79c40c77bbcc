"""One model measured: a quantized one beside its float model, or a float model alone."""

from __future__ import annotations

from collections.abc import Callable

from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.results import Run
from qexplorer.measure.comparison import Progress
from qexplorer.measure.effort import Effort
from qexplorer.measure.engine import Engine
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import float_variant, quantized_variant, subject_of
from qexplorer.process.places.taking import turn
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.run.registry import reference, usable

__all__ = ["measure"]


def measure(
    q: QuantizedModel | Model,
    data: DataSet,
    *,
    backend: str | None = None,
    effort: Effort = Effort.QUICK,
    samples: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Run:
    """Accuracy, size, latency, throughput, memory, energy, fidelity and kernels of one model.

    A quantized model is measured beside its float model, interleaved, as differences and speed-up need that.

    Args:
        q: a quantized model, or a float model.
        data: evaluation samples, fitted to the model.
        backend: a backend's name; by default the reference.
        effort: how long timing may take.
        samples: evaluation samples, at most; None: all.
        progress: told what is done.
        cancelled: asked at least every 0.2 s.

    Raises:
        UnknownName: no such backend.
        BackendError: the backend cannot be used here.
        Cancelled: ``cancelled()`` became true.
    """
    backend = usable(backend or reference().name).name
    model = q if isinstance(q, Model) else q.model
    board = Board(progress, cancelled)
    subject = subject_of(model, data, samples)
    with turn(cancelled=cancelled), scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, effort, board, cancelled) as engine:
            engine.expect([backend], [] if isinstance(q, Model) else [q.recipe.digest])
            engine.submit(backend, float_variant(model))
            if not isinstance(q, Model):
                engine.submit(backend, quantized_variant(q), q.recipe.digest)
            engine.finish_judging()
            engine.time_all([backend])
            return engine.runs()[-1]
