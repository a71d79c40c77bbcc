"""Runs the children of a comparison: judges side by side on free processors, then times with the machine to itself."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from qexplorer.core.results import Run
from qexplorer.measure.assemble import failed_run, make_run
from qexplorer.measure.effort import PLANS, Effort
from qexplorer.measure.elsewhere.asking import Elsewhere
from qexplorer.measure.judging import Judged, judge_variant, samples_digest
from qexplorer.measure.pace.forecast import FLOAT, Forecast, workers
from qexplorer.measure.pace.preparer import Preparers
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.pace.waiting import Wait, waiting_text
from qexplorer.measure.scoring import Scoring, keep_labels
from qexplorer.measure.scratch import scratch
from qexplorer.measure.timing.early_timers import EarlyTimers
from qexplorer.measure.timing.latency import Timed, time_variants
from qexplorer.measure.variant import Subject, Variant
from qexplorer.process.places.homes import line_called
from qexplorer.process.places.line import HAS_LOCKS
from qexplorer.process.places.taking import alone
from qexplorer.run.registry import BACKENDS

__all__ = ["Engine"]

T = TypeVar("T")
Slot = tuple[str, str]
_POLL_S = 0.1
_WAITING = 16 if HAS_LOCKS else 0  # threads that wait for files or another's answers, beside those that hold a place
_LATE_S = 5.0  # that the first backend's times may come later, so that a conversion runs beside observing


class Engine:
    """Everything that is known of every variant on every backend, as it becomes known.

    Use as a context manager: leaving it ends every child that still runs. A slot is (backend, digest).

    Args:
        subject: the model and its samples.
        files: the samples on disk.
        effort: how much is timed.
        board: where progress goes.
        cancelled: asked by the threads that wait for children.
        threads: threads of one operator.
        elsewhere: the cluster that judges and times; None: this machine does.
    """

    def __init__(
        self,
        subject: Subject,
        files: Mapping[str, str],
        effort: Effort,
        board: Board,
        cancelled: Callable[[], bool] | None,
        *,
        threads: int = 1,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._subject, self._files, self._plan, self._stop = subject, files, PLANS[effort], threading.Event()
        self._board, self._threads, self._elsewhere = board, threads, elsewhere
        self._cancelled: Callable[[], bool] = lambda: self._stop.is_set() or (cancelled is not None and cancelled())
        self._forecast = Forecast.of(subject.model, subject.n, effort)
        self._pool = ThreadPoolExecutor(workers() + _WAITING if elsewhere is None else elsewhere.places)
        self._preparers = Preparers(threads)
        self._timers = EarlyTimers(subject, self._plan, self._cancelled, self._start, here=elsewhere is None)
        self._variants, self._places = 1, dict[str, int]()
        self._recipes: tuple[str, ...] = (FLOAT,)
        self._slots: dict[Slot, Variant | Run] = {}
        self._judging: dict[Slot, Future[Judged]] = {}
        self._judged: dict[Slot, Judged] = {}
        self._timed: dict[Slot, Timed] = {}
        self._waits: dict[Slot, Wait] = {}
        self._waited: dict[str, int] = {}
        self._prepared_s: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._metrics = () if subject.model.untrained else subject.metrics
        self._samples = samples_digest(subject)
        self._opened, self._context = contextlib.ExitStack(), copy_context()

    def __enter__(self) -> Engine:
        self._folder = self._opened.enter_context(scratch())
        self._labels = keep_labels(self._folder, self._subject.labels)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._preparers.close()
        self._timers.close()
        self._opened.close()

    def expect(self, backends: Sequence[str], recipes: Sequence[str]) -> None:
        """Announces the float model and ``recipes`` (digests) on each of ``backends``, for progress to count."""
        self._variants, self._recipes = 1 + len(recipes), (FLOAT, *recipes)
        self._places = {backend: place for place, backend in enumerate(backends)}
        for backend in backends:
            for recipe in self._recipes:
                seconds = self._forecast.judging(backend, recipe) / workers()
                self._board.plan(self._forecast.judge_step(backend, recipe), seconds)
            self._board.plan(self._time_step(backend), self._forecast.timing(backend, self._variants))

    def submit(self, backend: str, variant: Variant, recipe: str = FLOAT) -> None:
        """Starts judging ``variant`` as soon as a processor is free; one that is there already is not run twice.

        ``recipe`` is the digest that was announced.
        """
        slot, step = (backend, variant.digest), self._forecast.judge_step(backend, recipe)
        if slot in self._slots:
            self._board.advance(step, 0.0 if slot in self._judging else 1.0)
            return
        self._slots[slot] = variant
        scoring = self._scoring(backend, variant)
        base = None if scoring.floats is None else self._float_slot(backend)
        after = None if base is None else self._judging.get(base)
        self._judging[slot] = self._start(self._judge, slot, variant, step, scoring, after)

    def longest_first(self, backends: Sequence[str]) -> list[str]:
        """``backends`` in the order in which judging all that was announced ends soonest."""
        return sorted(backends, key=lambda each: -sum(self._forecast.judging(each, recipe) for recipe in self._recipes))

    def submit_meanwhile(self, backends: Sequence[str], floats: Variant, first: str, left_s: float = 0.0) -> None:
        """Starts judging the float model on one of ``backends``, on a processor that has nothing to do.

        Only where that is not expected to keep whoever waits for the backend ``first`` for longer than ``_LATE_S``.

        Args:
            backends: of which one that takes long is chosen.
            floats: the float model.
            first: the backend that is timed as soon as all that is judged now has been.
            left_s: seconds for which this process itself will compute before its last variant can be judged; 0: it has
                nothing to do but to wait.
        """
        longest = max((self._forecast.judging(first, recipe) for recipe in self._recipes[1:]), default=0.0)
        late = _LATE_S if left_s else 0.0
        free = workers() - sum(not future.done() for future in self._judging.values()) - bool(left_s)
        for each in self.longest_first(backends):
            new = (each, floats.digest) not in self._slots
            if free > 0 and new and self._forecast.judging(each, FLOAT) <= left_s + longest + late:
                self.submit(each, floats)
                return

    def _start(self, work: Callable[..., T], *given: Any) -> Future[T]:
        """Begins ``work`` in another thread, which holds no place of the machine, whoever does now."""
        return self._pool.submit(self._context.copy().run, work, *given)

    def _scoring(self, backend: str, variant: Variant) -> Scoring:
        """What the variant's child scores; a quantized one gets the float model's answers, which are kept for it."""
        kept, own = self._folder / f"answers-{backend}", self._folder / f"{len(self._slots)}"
        if variant.is_float:
            return Scoring.of(self._metrics, own, labels=self._labels, keep=kept)
        return Scoring.of(self._metrics, own, labels=self._labels, floats=kept)

    def fail(self, backend: str, recipe: str, digest: str, reason: str) -> None:
        """Notes a run that could not even be started."""
        self._board.advance(self._forecast.judge_step(backend, digest), 1.0)
        self._slots[(backend, digest)] = failed_run(recipe, digest, backend, reason)

    def _time_step(self, backend: str) -> str:
        return self._forecast.time_step(backend, self._variants)

    def _judge(self, slot: Slot, variant: Variant, step: str, scoring: Scoring, after: Future[Judged] | None) -> Judged:
        """Judges in a child; ``after`` is the float model's turn, which began before, where its answers are needed."""
        if self._elsewhere is not None:
            judged = self._elsewhere.judge(variant, slot[0], self._threads, self._cancelled)
            self._board.advance(step, 1.0)
            return judged
        while after is not None and not wait([after], timeout=_POLL_S).done and not self._cancelled():
            pass
        begin, on_wait = [time.monotonic()], partial(self._wait, slot, step)

        def started(_: int) -> None:
            begin.append(time.monotonic())
            self._prepared_s.pop(step, None)  # before it

        judged = judge_variant(
            variant,
            slot[0],
            self._subject,
            self._files,
            scoring=scoring,
            threads=self._threads,
            on_progress=lambda share: None if step in self._waited else self._board.advance(step, share),
            on_wait=on_wait,
            cancelled=self._cancelled,
            samples=self._samples,
            before=self._preparers.file_first(slot[0], variant.path, self._cancelled, on_wait),
            on_start=started,
        )
        self._waits.pop(slot, None)
        self._board.advance(step, 1.0)
        if judged.failed is None:
            self._forecast.note(step, time.monotonic() - begin[-1] - self._prepared_s.pop(step, 0.0))
        return judged

    def _wait(self, slot: Slot, step: str, wait: Wait | None) -> None:
        """Notes that the backend prepares a file, or has done so; the step takes longer by all that is to come."""
        prepares = BACKENDS.get(slot[0]).capabilities.prepares
        if prepares is None:
            return
        times = len(self._subject.batches) if prepares.each_shape else 1
        if wait is None:
            self._waits.pop(slot, None)
            took = time.monotonic() - self._since.get(step, time.monotonic())
            self._prepared_s[step] = self._prepared_s.get(step, 0.0) + took
            self._waited[step] = self._waited.get(step, 0) + 1
            self._board.advance(step, self._waited[step] / (times + 1))
            return
        if step not in self._waited:
            self._waited[step] = 0
            least = (1 + times * sum(prepares.usual_s) / 2) / workers()
            self._board.expect_at_least(step, least)
        self._waits[slot], self._since[step] = wait, time.monotonic()

    def _saying(self, text: str) -> str:
        """``text`` and what is waited for, if anything is."""
        for slot, waited in list(self._waits.items()):
            variant, prepares = self._slots[slot], BACKENDS.get(slot[0]).capabilities.prepares
            if prepares is not None:
                return f"{text}: {waiting_text(prepares, variant.recipe, waited.batch)}"
        return text

    def collect(self) -> None:
        """Takes in what has been judged so far. Raises whatever judging raised on purpose: Cancelled."""
        for slot, future in list(self._judging.items()):
            if future.done():
                self._judged[slot] = future.result()
                del self._judging[slot]

    def finish_judging(self, backend: str | None = None) -> None:
        """Waits until every variant is judged, telling the board on the way; with ``backend`` only until its own are,
        if there is a line for the machine, in which the others wait while it is timed."""
        only = backend if line_called("machine") is not None else None
        while any(only in (None, slot[0]) for slot in self._judging):
            wait(self._judging.values(), timeout=_POLL_S)
            self._tell_judging()
            self._timers.begin(self._places if backend is None else [backend], len(self._judging))

    def _tell_judging(self) -> None:
        self.collect()
        self._board.tell(self._saying(f"checking answers, {len(self._judging)} to go"), self.runs())

    def time_all(self, backends: Sequence[str]) -> None:
        """Times what may be shown, backend after backend, each with the machine to itself; on a cluster all on one of
        its machines, if one gives itself."""
        if self._elsewhere is not None and self._elsewhere.takes_timings:
            self._time_elsewhere(self._elsewhere, backends)
            return
        self._timers.begin(backends)
        for backend in backends:
            step, begun = self._time_step(backend), threading.Event()
            future = self._start(self._time, backend, step, begun)
            while not wait([future], timeout=_POLL_S).done:
                if begun.is_set() or not self._judging:
                    self._board.tell(self._saying(f"timing on {BACKENDS.get(backend).label}"))
                else:
                    self._tell_judging()
            self._timed |= future.result()
            self._forecast.keep()
            self._board.advance(step, 1.0)
            self._board.tell(f"timed on {BACKENDS.get(backend).label}", self.runs())

    def _time_elsewhere(self, there: Elsewhere, backends: Sequence[str]) -> None:
        asked = {b: {slot[1]: variant for slot, variant in self._to_time(b).items()} for b in backends}
        asked = {backend: variants for backend, variants in asked.items() if variants}
        if asked:
            future = self._start(there.time, asked, self._plan, self._threads, self._cancelled)
            while not wait([future], timeout=_POLL_S).done:
                self._board.tell("timing on a machine of the cluster")
            self._timed |= {(b, key): timed for b, found in future.result().items() for key, timed in found.items()}
        for backend in backends:
            self._board.advance(self._time_step(backend), 1.0)
        self._board.tell("timed on a machine of the cluster", self.runs())

    def _to_time(self, backend: str) -> dict[Slot, Variant]:
        return {
            slot: entry
            for slot, entry in self._slots.items()
            if slot[0] == backend and isinstance(entry, Variant) and self._judged[slot].usable
        }

    def _time(self, backend: str, step: str, begun: threading.Event) -> dict[Slot, Timed]:
        variants = self._to_time(backend)
        if not variants:
            return {}

        def waits(wait: Wait | None) -> None:
            self._waits.clear()
            self._waits |= {s: wait for s, variant in variants.items() if wait and str(variant.path) == wait.path}

        child = self._timers.take(backend)
        with alone(self._cancelled):
            begun.set()
            begin = time.monotonic()
            found = time_variants(
                {slot[1]: variant for slot, variant in variants.items()},
                backend,
                self._subject,
                self._files,
                self._plan,
                threads=self._threads,
                reference=next((slot[1] for slot, variant in variants.items() if variant.is_float), None),
                on_progress=lambda share: self._board.advance(step, share),
                on_wait=waits,
                cancelled=self._cancelled,
                child=child,
            )
            self._forecast.note(step, time.monotonic() - begin)
        return {(backend, digest): timed for digest, timed in found.items()}

    def runs(self) -> tuple[Run, ...]:
        """What is known, in the order of the announcement; runs whose float model is not judged yet are left out."""
        found: list[Run] = []
        for slot, entry in sorted(self._slots.items(), key=lambda each: self._places.get(each[0][0], 0)):
            if isinstance(entry, Run):
                found.append(entry)
            elif slot in self._judged:
                base = self._float_slot(slot[0])
                if base is None or base in self._judged:
                    floats = None if base is None or entry.is_float else self._judged[base]
                    timed = self._timed.get(slot)
                    found.append(make_run(entry, slot[0], self._subject, self._judged[slot], floats, timed))
        return tuple(found)

    def predictions(self) -> dict[str, tuple[int, ...]]:
        """The class named for each sample, by ``backend/digest``; none where no class is named, or none is shown."""
        if self._subject.model.untrained or not self._subject.classes:
            return {}
        return {
            f"{backend}/{digest}": tuple(judged.predictions.tolist())
            for (backend, digest), judged in self._judged.items()
            if judged.usable and judged.predictions is not None
        }

    def _float_slot(self, backend: str) -> Slot | None:
        return next(
            (s for s, v in self._slots.items() if s[0] == backend and isinstance(v, Variant) and v.is_float), None
        )
