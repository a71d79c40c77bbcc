"""Is each layer right, taken alone? Asked where neither reference explains the answers of a whole graph.

Integer kernels and a reference round the same real number; where it lies within float32's error of half a step they
may differ by one code, and a deep graph lets such single steps grow. So every rounding point (QuantizeLinear of an
activation) is compared by itself: the backend's own codes are fed to the reference wherever the graph reads codes, and
what the reference makes of them is compared with what the backend made of them, point by point, and at the outputs. A
right backend is within one step at every point, leans to no side (``leaning.py``), and its outputs are what float
arithmetic makes of its last codes (``ends.py``), however deep the graph; a wrong one is not, and the first such place
is named.

A backend that tells the codes inside the very file that it runs is believed where they show that all is right: what
they are is told by likeness there, and a mistaken place would look wrong, not right. Otherwise another graph is made
that hands them out.

Reading codes out so can undo a fusion. There are three cases:

1. the answers stay the same: the codes are those that the backend works with;
2. they change, but by no more than twice what separates the answers of that run from the simulation's (or one step):
   as single steps add up differently, this proves nothing wrong, and the codes of that run are judged;
3. they change by more: codes are read in smaller groups (``code_readout.py``). What cannot be seen is left to the
   simulation: the piece of the graph around it is compared as a whole, and allowed one step more for each point that
   is not seen. Of such a point case 2 knows one thing: that it leans or strays.

The backend answers whole batches; the references, which take most of the time, are asked about some samples of a large
batch, those with the worst differences among them. Only where these are not all right, or samples cannot be told
apart, are all of them judged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError, QExplorerError
from qexplorer.measure.fidelity.alone import Alone, Observation, summary
from qexplorer.measure.fidelity.code_readout import CodeReader, Readout, rows_of
from qexplorer.measure.fidelity.pieces import Codes, Pieces
from qexplorer.measure.fidelity.rounding_points import Point, output_scales, points_of
from qexplorer.run.protocol import Answerer, Backend, Mode, SessionOptions, Telling

__all__ = ["Asked", "each_alone", "observe"]

_MOST_BLIND = 0.5  # share of points: beyond it nothing is known of most layers
_NOISE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Who is in question, and what is known to be right.

    Attributes:
        path: a QDQ graph.
        backend: whose kernels are in question.
        reference: a backend that simulates.
        feeds: the batches to look at, by input name each; they may be of different sizes.
        threads: threads of one operator.
        folder: a private folder for the graphs that are made for this.
        exact: a backend with exact integers; None where there is none, or it is the one in question.
        rows: of each batch the samples that are judged first; none of a batch stands for all. All of every batch are
            judged before anything is called wrong, and where samples cannot be told apart.
        session: the backend's with the graph; None: it is loaded.
        plain: what the session answered to each batch, None to one that it was not fed.
    """

    path: Path
    backend: Backend
    reference: Backend
    feeds: Sequence[Mapping[str, Array]]
    threads: int
    folder: Path
    exact: Backend | None = None
    rows: Sequence[Sequence[int]] = ()
    session: Answerer | None = None
    plain: Sequence[list[Array] | None] = ()


def each_alone(asked: Asked) -> Alone:
    """Compares every piece of the graph by itself. Raises BackendError: one of the backends cannot run the graph."""
    return summary(observe(asked))


def observe(asked: Asked, *, thorough: bool = False, told: Callable[[float], None] | None = None) -> Observation:
    """:func:`each_alone` with every point; ``thorough`` tries case 3 before it takes case 2.

    ``told`` is told which share of the looks is used.
    """
    witness = _Witness(asked, told)
    if any(asked.rows):
        with contextlib.suppress(QExplorerError):
            seen = witness.judged(asked.rows, thorough=thorough)
            if summary(seen).right:
                return seen
    return witness.judged([()] * len(asked.feeds), thorough=thorough)


class _Observing(Protocol):
    """Judges what was read out."""

    def __call__(self, readout: Readout, *, conclusive: bool, disturbed: bool) -> Observation: ...


class _Witness:
    """The backend's answers and codes, read out once; the references are asked about some samples of them, or all.

    Args:
        asked: the question.
        told: is told which share of the looks is used.
    """

    def __init__(self, asked: Asked, told: Callable[[float], None] | None) -> None:
        import onnx

        self._asked, self._told, self._model = asked, told, onnx.load(str(asked.path))
        self._points, options = points_of(self._model.graph), SessionOptions(Mode.NATIVE, asked.threads)
        session = asked.session or asked.backend.load(asked.path, options)
        known = asked.plain or [None] * len(asked.feeds)
        plain = [session.run(feeds) if ours is None else ours for feeds, ours in zip(asked.feeds, known, strict=True)]
        self._telling = session if isinstance(session, Telling) else None
        del session
        self._reader = CodeReader(self._model, asked.backend, asked.feeds, options, asked.folder, plain)
        self._plain = Readout(plain, {})
        self._sizes = [next(iter(feeds.values())).shape[0] for feeds in asked.feeds]
        self._told_by_itself = _told_by_itself(asked.backend, self._points)

    @cached_property
    def _inside(self) -> Readout | None:
        found = None if self._telling is None else self._reader.ask_inside(self._telling, self._points)
        return found if found is not None and self._reader.same(found) else None

    @cached_property
    def _at_once(self) -> Readout | None:
        return self._reader.ask(self._points)

    @cached_property
    def _by_groups(self) -> Readout:
        return Readout(self._plain.answers, self._reader.by_groups(self._points, told=self._told))

    def judged(self, rows: Sequence[Sequence[int]], *, thorough: bool) -> Observation:
        """Every piece on these samples of each batch. Raises BackendError: the reference cannot run them."""
        points, asked = self._points, self._asked
        feeds = [
            {name: rows_of(array, own, size) for name, array in each.items()}
            for each, own, size in zip(asked.feeds, rows, self._sizes, strict=True)
        ]
        pieces = Pieces(self._model, asked.reference, asked.exact, feeds, asked.threads, asked.folder)
        n, sizes = sum(next(iter(each.values())).shape[0] for each in feeds), tuple(sorted(set(self._sizes)))

        def seen(readout: Readout, *, conclusive: bool, disturbed: bool) -> Observation:
            found, ends = pieces.each(points, readout.codes, readout.answers)
            return Observation(found, len(points), n, conclusive, disturbed, ends, sizes)

        plain = self._plain.taken(rows, self._sizes)
        if self._told_by_itself:
            return seen(plain, conclusive=True, disturbed=False)
        if (inside := self._right_inside(rows, plain, seen)) is not None:
            return inside
        in_noise: Observation | None = None
        if self._at_once is not None:
            at_once = self._at_once.taken(rows, self._sizes)
            if self._reader.same(self._at_once):
                return seen(Readout(plain.answers, at_once.codes), conclusive=True, disturbed=False)
            if _within_noise(pieces, points, plain, at_once):
                in_noise = seen(at_once, conclusive=True, disturbed=True)
                if not thorough and summary(in_noise).right:
                    return in_noise
        if any(rows) and not in_noise:
            raise BackendError("too few samples to tell whether looking changes the answers by more than noise")
        by_groups = self._by_groups.taken(rows, self._sizes)
        enough = _unseen(points, by_groups.codes) <= _MOST_BLIND * len(points)
        if in_noise is not None and not enough:
            return in_noise
        found = seen(by_groups, conclusive=enough, disturbed=False)
        return found if in_noise is None else _with_witnessed(found, in_noise, points)

    def _right_inside(self, rows: Sequence[Sequence[int]], plain: Readout, seen: _Observing) -> Observation | None:
        """What the codes show that the backend's own file tells, where they show that all is right."""
        if self._inside is None:
            return None
        codes = self._inside.taken(rows, self._sizes).codes
        found = seen(Readout(plain.answers, codes), conclusive=True, disturbed=False)
        return found if summary(found).right else None


def _told_by_itself(backend: Backend, points: Sequence[Point]) -> bool:
    """Whether there is nothing to read: no ``points``, or codes that the kernels make of their own, as what is read is
    then computed beside them.

    All that can be judged then is the end, with the room that a step at each rounding point makes there.
    """
    return not points or (backend.capabilities.ranges_by_sample and all(len(p.tensors) > 1 for p in points))


def _with_witnessed(found: Observation, in_noise: Observation, points: Sequence[Point]) -> Observation:
    """``found``, and of the points that it does not see those that lean or stray in the run that was disturbed.

    Another fusion may move a code by a step; no kernel that is right rounds to one side, or half of its values away.
    """
    seen = {each.tensor for each in found.found}
    crooked = [each for each in in_noise.found if each.crooked and each.tensor not in seen]
    place = {point.tensor: index for index, point in enumerate(points)}
    return replace(found, found=tuple(sorted((*found.found, *crooked), key=lambda each: place[each.tensor])))


def _unseen(points: Sequence[Point], codes: Codes) -> int:
    return sum(point.codes not in codes for point in points)


def _within_noise(pieces: Pieces, points: Sequence[Point], unseen: Readout, told: Readout) -> bool:
    """Case 2: whether looking changed the answers by no more than single steps do that add up otherwise."""
    scales = output_scales(pieces.model.graph)
    simulated = pieces.whole(points)
    for place, output in enumerate(pieces.model.graph.output):
        plain, looked = ([batch[place] for batch in each] for each in (unseen.answers, told.answers))
        expected = [batch[output.name] for batch in simulated]
        natural = max(_worst(looked, expected), scales.get(output.name, 0.0))
        if not _worst(plain, looked) <= _NOISE * natural * (1 + 1e-3):
            return False
    return True


def _worst(ours: Sequence[Array], theirs: Sequence[Array]) -> float:
    """The largest difference over all batches; infinite where shapes differ, and NaN where either is."""
    if any(a.shape != b.shape for a, b in zip(ours, theirs, strict=True)):
        return float("inf")
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0)) for a, b in pairs)
