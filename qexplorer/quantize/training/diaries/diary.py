"""What is known of a training run: its curves, its scales, its weights on their grids, its time and memory.

A diary is one value that a page, a terminal and a notebook draw alike. It lies in a file while the training runs, whole
at every moment, so that whoever looks sees the same, and a run that goes on after a kill goes on in it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from qexplorer.core.disk.contents import used
from qexplorer.core.files import write_atomically
from qexplorer.core.wire import Wire
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.quantize.training.seen import Epoch, FloatVerdict, best_of

__all__ = ["Diary", "Look", "Moment", "Shape", "diary_path", "expected_seconds", "read_diary", "write_diary"]


@dataclass(frozen=True, slots=True)
class Moment(Wire):
    """One step that was told.

    Attributes:
        step: its number, from 1.
        epoch: its epoch, from 1.
        loss: of its samples.
        of_weights: norm of the gradient of weights.
        of_grids: of scales and zero points; None where none learns.
        seconds: of training so far, pauses not counted.
        scales: learned scales as multiples of those at the start, by tensor.
    """

    step: int
    epoch: int
    loss: float
    of_weights: float
    of_grids: float | None
    seconds: float
    scales: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape(Wire):
    """Weights of a layer counted in bins along their grid.

    Attributes:
        counts: weights in each bin.
        outside: share of them beyond the ends of the grid.
    """

    counts: tuple[int, ...]
    outside: float


@dataclass(frozen=True, slots=True)
class Look(Wire):
    """Weights of one layer on their grid, each divided by its own scale, so that all channels lie on one grid.

    Attributes:
        format: name of the grid's format.
        levels: where the levels are, in steps.
        low: where the first bin begins, in steps.
        width: of a bin, in steps.
        first: before training.
        now: now.
        moved: share of the weights whose code is another than before training; None where a run went on.
    """

    format: str
    levels: tuple[float, ...]
    low: float
    width: float
    first: Shape
    now: Shape
    moved: float | None


@dataclass(frozen=True, slots=True)
class Diary(Wire):
    """A training run so far.

    Attributes:
        of: epochs asked for.
        steps: of one epoch.
        learned: samples that are learned from.
        judged: samples that are held back.
        metric: name of the metric; None where there is none.
        float_: the float model on the samples held back.
        epochs: what was seen of each; the first is the state before training.
        best: the epoch whose state is the best so far.
        moments: steps that were told, thinned out to a few hundred.
        layers: whose weights can be looked at.
        looks: those that were looked at.
        seconds: of training so far, pauses not counted.
        seconds_left: expected; None while too little is known.
        memory_bytes: most that the process has held.
        went_on: epochs that were there when this run began; 0 for one that began anew.
        device: where it computes.
        device_before: where the epochs that it went on from were trained; None: not told, or there were none.
        chosen_by: name of the metric that chose ``best``, the loss among equals; None: the loss, as formerly.
        ended: whether there is no more to come.
        stopped: why it ended before its time, as a clause.
    """

    of: int
    steps: int
    learned: int
    judged: int
    metric: str | None
    float_: FloatVerdict
    epochs: tuple[Epoch, ...]
    best: int = 0
    moments: tuple[Moment, ...] = ()
    layers: tuple[str, ...] = ()
    looks: dict[str, Look] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_left: float | None = None
    memory_bytes: int | None = None
    went_on: int = 0
    device: str = "cpu"
    device_before: str | None = None
    chosen_by: str | None = None
    ended: bool = False
    stopped: str | None = None

    @property
    def trained(self) -> int:
        """Whole epochs so far."""
        return self.epochs[-1].number

    @property
    def best_epoch(self) -> Epoch:
        """What was seen of the best state so far."""
        return next(each for each in self.epochs if each.number == self.best)

    def cut(self, until: int) -> Diary:
        """What was known after the epoch ``until``."""
        epochs = tuple(each for each in self.epochs if each.number <= until)
        best = best_of(epochs, self.chosen_by).number
        moments = tuple(each for each in self.moments if each.epoch <= until)
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Diary(**values | {"epochs": epochs, "best": best, "moments": moments, "seconds_left": None})


def expected_seconds(step_s: list[float], epoch_s: list[float], steps: int, epochs: int) -> float | None:
    """Time of ``steps`` more steps and ``epochs`` more judgements by the medians of those seen; None while unknown."""
    if not step_s:
        return None
    return steps * median(step_s) + (epochs * median(epoch_s) if epoch_s else 0.0)


def diary_path(*parts: object) -> Path:
    """Where the diary of a training is kept that all of ``parts`` make what it is."""
    return workspace("training") / f"{digest_json(list(parts))}.json"


def read_diary(path: Path) -> Diary | None:
    """The diary in a file; None if there is none, or of another version."""
    import json

    try:
        return Diary.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_diary(diary: Diary, path: Path) -> None:
    """Writes it, whole or not at all."""
    import json

    write_atomically(path, json.dumps(diary.to_json(), allow_nan=True).encode())
    used(path)
