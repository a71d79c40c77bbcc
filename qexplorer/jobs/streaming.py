"""Streaming two variants in a child until nobody looks any more: preparing, judging, starting again at every change."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.live import CONTROL, HEARTBEAT, NOTES, STALE_S, WINDOWS, Control, Side, control_of
from qexplorer.jobs.records import write_json
from qexplorer.jobs.report import Report
from qexplorer.measure.judging import judge_variant
from qexplorer.measure.pace.waiting import Wait, waiting_text
from qexplorer.measure.prepare import prepare
from qexplorer.measure.scoring import keep_labels
from qexplorer.measure.scratch import keep_samples
from qexplorer.measure.variant import Subject, Variant, float_variant, subject_of
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import alone, expect, turn
from qexplorer.run.registry import BACKENDS, backend_label

__all__ = ["Streamer"]

JUDGED = 64
"""Samples that a variant's answers are checked on before it may stream."""
TURN_S = 15.0
"""Seconds that a stream has the machine to itself, at least; then it goes to the end of the line if somebody waits."""
_LOOK_S = 0.2


@dataclass(slots=True)
class _Score:
    """What is carried from one stream to the next."""

    t_s: float = 0.0
    cursor: int = 0
    pairs: dict[str, bool] = field(default_factory=dict)
    sides: dict[str, dict[str, Any]] = field(default_factory=dict)


class Streamer:
    """One stream and what it has prepared.

    Args:
        model: the float model.
        data: fitted to it.
        scratched: a folder for what the children read.
        threads: threads of one operator.
        report: of the job, in whose folder the stream is steered and tells its windows.
    """

    def __init__(self, model: Model, data: DataSet, scratched: Path, threads: int, report: Report) -> None:
        self._model, self._data, self._folder = model, data, report.folder
        self._threads, self._report = threads, report
        self._all: Subject = subject_of(model, data, None)
        self._few: Subject = subject_of(model, data, min(JUDGED, self._all.n))
        (scratched / "few").mkdir()
        self._files = keep_samples(scratched, self._all.inputs)
        self._metric, self._label_file = self._all.metrics[0], keep_labels(scratched, self._all.labels)
        self._few_files = keep_samples(scratched / "few", self._few.inputs)
        self._ready: dict[tuple[str, str], Variant | str] = {}
        self._score, self.count = _Score(), 0
        self._labels: dict[str, str] = {}

    def run(self) -> None:
        """Streams, prepares anew when something else is wanted, ends when nobody looks."""
        expect(TURN_S)
        while self._looked_at():
            control = control_of(self._report.job)
            sides, notes = self._prepare(control.sides)
            write_json(self._folder / NOTES, notes)
            if not sides:
                self._report.step("waiting for a variant that can run", 0.0)
                self._wait(control.version)
                continue
            self._report.step("streaming", 0.0)
            try:
                ended = self._stream(sides, control)
            except Cancelled:  # while it waited: it is looked at no more, or something else is wanted
                continue
            except QExplorerError as error:
                told = f"its stream ended: {error.sentence}; choose another, or stop and start again"
                write_json(self._folder / NOTES, dict.fromkeys(sides, told))
                self._report.step("waiting for another choice", 0.0)
                self._wait(control.version)
                continue
            if ended["reason"] == "left":
                return
            keys = ("t_s", "cursor", "pairs", "sides")
            self._score = _Score(**{key: ended[key] for key in keys})

    def _looked_at(self) -> bool:
        try:
            return time.time() - (self._folder / HEARTBEAT).stat().st_mtime <= STALE_S
        except OSError:
            return False

    def _wait(self, version: int) -> None:
        """Until something else is wanted, or nobody looks."""
        while self._looked_at() and control_of(self._report.job).version == version:
            time.sleep(_LOOK_S)

    def _prepare(self, wanted: dict[str, Side]) -> tuple[dict[str, Any], dict[str, str]]:
        """The variants that may stream, and why the others may not."""
        sides: dict[str, Any] = {}
        notes: dict[str, str] = {}
        for place, side in wanted.items():
            found = self._variant(side.recipe, side.backend)
            if isinstance(found, str):
                notes[place] = found
                continue
            label = f"{found.recipe}, {backend_label(side.backend)}"
            if self._labels.get(place) != label:
                self._labels[place] = label
                self._score.sides.pop(place, None)
                self._score.pairs = {}
            score = self._score.sides.get(place, {"seen": 0, "scores": {}})
            sides[place] = {"label": label, "backend": side.backend, "path": str(found.path), **score}
        return sides, notes

    def _variant(self, text: str, backend: str) -> Variant | str:
        """The variant, its answers checked; or why it may not be shown."""
        key = (text, backend)
        if key not in self._ready:
            try:
                recipe = Recipe.parse(text)
                self._report.step(f"preparing {recipe.name} on {backend_label(backend)}", 0.0)
                variant = float_variant(self._model) if recipe.is_float else self._quantized(recipe)
                judged = judge_variant(
                    variant,
                    backend,
                    self._few,
                    self._few_files,
                    threads=self._threads,
                    on_wait=lambda wait: self._say(recipe.name, backend, wait),
                )
            except QExplorerError as error:
                self._ready[key] = error.sentence
            else:
                self._ready[key] = judged.failed or judged.refused or variant
        return self._ready[key]

    def _say(self, recipe: str, backend: str, wait: Wait | None) -> None:
        """Says what is waited for, where the backend compiles or converts a file."""
        prepares = BACKENDS.get(backend).capabilities.prepares
        if wait is not None and prepares is not None:
            self._report.step(waiting_text(prepares, recipe, wait.batch), 0.0)

    def _quantized(self, recipe: Recipe) -> Variant:
        (made,) = prepare(self._model, [recipe], self._data, progress=self._report.step)
        if made.variant is None:
            raise QExplorerError(made.failed or "the recipe could not be applied", where=recipe.name)
        return made.variant

    def _stream(self, sides: dict[str, Any], control: Control) -> dict[str, Any]:
        """Streams with the machine to itself, until something else is wanted or others wait for their turn.

        Raises:
            Cancelled: that was so before its own turn came.
        """

        def unwanted() -> bool:
            return not self._looked_at() or control_of(self._report.job).version != control.version

        with (
            (self._folder / WINDOWS).open("a", encoding="utf-8") as file,
            turn(anew=True, cancelled=unwanted),
        ):

            def told(event: dict[str, Any]) -> None:
                self.count += 1
                file.write(json.dumps(event["window"]) + "\n")
                file.flush()

            expect(TURN_S)
            with alone():
                ended: dict[str, Any] = run_in_child(
                    "qexplorer.measure.live.stream_child:stream",
                    self._arguments(sides, control),
                    limits=self._all.allowed(),
                    on_event=told,
                )
        return ended

    def _arguments(self, sides: dict[str, Any], control: Control) -> dict[str, Any]:
        metric = None if self._model.untrained or self._metric.needs_float else self._metric.name
        return {
            "sides": sides,
            "files": self._files,
            "metric": metric,
            "labels": self._label_file,
            "positions": self._all.positions.tolist(),
            "batch": self._model.fixed_batch or 1,
            "threads": self._threads,
            "rate": control.rate,
            "control": str(self._folder / CONTROL),
            "version": control.version,
            "heartbeat": str(self._folder / HEARTBEAT),
            "stale_s": STALE_S,
            "turn_s": TURN_S,
            "threshold": self._all.threshold,
            "t_s": self._score.t_s,
            "cursor": self._score.cursor,
            "pairs": self._score.pairs,
        }
