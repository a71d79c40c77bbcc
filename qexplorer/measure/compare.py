"""One button's work: the float model and every recipe, on every backend, judged and timed side by side."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.room import check_room
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import distinct
from qexplorer.core.tasks.choose import task_of
from qexplorer.core.workspace import workspace
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.machine.description import describe_machine
from qexplorer.measure.comparison import Comparison, Progress
from qexplorer.measure.effort import Effort
from qexplorer.measure.elsewhere.asking import elsewhere
from qexplorer.measure.engine import Engine
from qexplorer.measure.pace.forecast import Forecast
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.prepare import CALIBRATION_SAMPLES, Prepared, prepare
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Subject, float_variant, subject_of
from qexplorer.process.places.taking import turn
from qexplorer.run.registry import reference, usable

__all__ = ["Comparison", "Effort", "Progress", "compare", "summarise_data", "summarise_model"]


def compare(
    model: Model,
    recipes: Sequence[Recipe],
    data: DataSet,
    *,
    backends: Sequence[str] | None = None,
    effort: Effort = Effort.QUICK,
    samples: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Comparison:
    """Compares ``recipes`` with the float model.

    Calibration runs here; loading, running and timing run in child processes, so that a backend that crashes or hangs
    costs its own run only. A recipe that cannot be applied gives a failed run.

    Args:
        model: the float model.
        recipes: what to make of it; the float model itself need not be among them. Of two that share a name and
            differ the later one gets a number behind it.
        data: calibration and evaluation samples, fitted to the model.
        backends: names of backends; by default the reference alone.
        effort: how long timing may take.
        samples: evaluation samples, at most; None: all (an untrained model is judged on a few either way).
        progress: told what is done, from the calling thread.
        cancelled: asked at least every 0.2 s.

    Raises:
        UnknownName: no such backend.
        BackendError: a backend that cannot be used here.
        Cancelled: ``cancelled()`` became true; every child is gone then.
        InputError: the workspace cannot be written, or its disk has too little room for what will be; a cluster was
            chosen that cannot be reached, or not be used.
    """
    backends = list(backends) if backends is not None else [reference().name]
    for backend in backends:
        usable(backend)
    wanted = [recipe for recipe in distinct(recipes) if not recipe.is_float]
    board = Board(progress, cancelled)
    subject = subject_of(model, data, samples)
    check_room(workspace(), _bytes_written(model, subject, len(wanted)), "comparing")
    with turn(what="compare", cancelled=cancelled), scratch() as folder, elsewhere(subject, data, samples) as there:
        forecast = Forecast.of(model, subject.n, effort)
        observes = any(recipe.needs_statistics for recipe in wanted)
        board.plan("observe", forecast.observing(data.calibration.n) if observes else 0.1)
        board.plan("quantize", forecast.quantizing(wanted))
        board.tell("starting")
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, effort, board, cancelled, elsewhere=there) as engine:
            if there is None:
                made = _run(engine, model, wanted, data, list(backends), board, forecast)
            else:
                made = _run_elsewhere(engine, model, wanted, data, list(backends), board)
            runs, said = engine.runs(), engine.predictions()
    return Comparison(
        id=uuid.uuid4().hex,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        model=summarise_model(model),
        data=summarise_data(data, subject),
        machine=_plain(describe_machine().to_json() if there is None or there.machine is None else there.machine),
        runs=runs,
        effort=effort.value,
        quantized={item.digest: str(item.variant.path) for item in made if item.variant is not None},
        recipes={item.digest: item.recipe.to_yaml() for item in made},
        positions=tuple(subject.positions.tolist()),
        labels=tuple(subject.labels.tolist()) if subject.labels is not None and subject.classes else None,
        predictions=said,
    )


def _bytes_written(model: Model, subject: Subject, recipes: int) -> int:
    """About what a comparison writes: the samples, answers of about their size, and a file for each recipe."""
    samples = sum(array.nbytes for array in subject.inputs.values())
    return 2 * samples + recipes * model.file_bytes


def _run(
    engine: Engine,
    model: Model,
    recipes: list[Recipe],
    data: DataSet,
    backends: list[str],
    board: Board,
    forecast: Forecast,
) -> list[Prepared]:
    """Judges and times on the first backend, each variant as soon as there is a file for it; then on the others.

    While this process observes, a processor that has nothing to do takes the float model on one of the others.
    """
    first, others = backends[:1], backends[1:]

    def meanwhile(share: float) -> None:
        if share < 1.0:
            left_s = forecast.preparing(recipes, data.calibration.n, share)
            engine.submit_meanwhile(others, float_variant(model), first[0], left_s)

    engine.expect(backends, [recipe.digest for recipe in recipes])
    made = _judged_as_prepared(engine, model, recipes, data, first, board, meanwhile)
    engine.submit_meanwhile(others, float_variant(model), first[0])
    engine.finish_judging(first[0])
    engine.time_all(first)  # whoever waits has one backend's numbers, whole, before the others are begun
    for backend in engine.longest_first(others):
        engine.submit(backend, float_variant(model))
        for item in made:
            _submit(engine, item, [backend])
    engine.finish_judging()
    engine.time_all(others)
    return made


def _run_elsewhere(
    engine: Engine,
    model: Model,
    recipes: list[Recipe],
    data: DataSet,
    backends: list[str],
    board: Board,
) -> list[Prepared]:
    """Has a cluster judge each variant on each backend as soon as there is a file for it, then time all of them."""
    engine.expect(backends, [recipe.digest for recipe in recipes])
    made = _judged_as_prepared(engine, model, recipes, data, backends, board, lambda _: None)
    engine.finish_judging()
    engine.time_all(backends)
    return made


def _judged_as_prepared(
    engine: Engine,
    model: Model,
    recipes: list[Recipe],
    data: DataSet,
    backends: list[str],
    board: Board,
    meanwhile: Callable[[float], None],
) -> list[Prepared]:
    """Makes the files of all recipes, and has float and each of them judged on ``backends`` as soon as there is one.

    ``meanwhile`` is told the share that is observed.
    """

    def told(text: str, share: float) -> None:
        board.advance("observe", share)
        engine.collect()
        meanwhile(share)
        board.tell(text, engine.runs())

    for backend in backends:
        engine.submit(backend, float_variant(model))
    made: list[Prepared] = []
    for item in prepare(model, recipes, data, progress=told):
        made.append(item)
        _submit(engine, item, backends)
        board.advance("quantize", len(made) / len(recipes))
    board.advance("observe", 1.0)
    board.advance("quantize", 1.0)
    return made


def _submit(engine: Engine, item: Prepared, backends: Sequence[str]) -> None:
    """Has one recipe's file judged on ``backends``, or says why there is none."""
    for backend in backends:
        if item.variant is None:
            engine.fail(backend, item.recipe.name, item.digest, item.failed or "the recipe could not be applied")
        else:
            engine.submit(backend, item.variant, item.recipe.digest)


def summarise_model(model: Model) -> dict[str, Any]:
    """What a reader of a comparison needs to know of its model."""
    value = model.to_json()
    value.pop("layers")
    return _plain(value)


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that a comparison read from a file equals the one that was written."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain


def summarise_data(data: DataSet, subject: Subject) -> dict[str, Any]:
    """What a reader of a comparison needs to know of its data: ``n_calibration`` samples of those available were used,
    and ``n_shared`` of those that judge are among all that calibrate (None: not looked at)."""
    drawn = calibration_sample(data, CALIBRATION_SAMPLES)
    return {
        "name": data.name,
        "digest": data.digest,
        "n_calibration": drawn.used,
        "n_calibration_available": drawn.available,
        "calibration": drawn.text,
        "n_evaluation": data.evaluation.n,
        "n_judged": subject.n,
        "task": task_of(data).name,
        "labelled": subject.labels is not None,
        "held_out": data.held_out,
        "n_shared": data.shared,
        "parts": data.parts_text,
        "classes": list(data.classes),
        "notes": list(data.notes),
    }
