"""Running any number of samples through a session."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.dataset import Array
from qexplorer.core.results import Kernels
from qexplorer.run.batching import run_in_batches


class Doubler:
    """A session that doubles its input, and notes the batch sizes it was given."""

    output_names = ("twice", "mean")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Twice the input, and one number for the whole batch."""
        self.batches.append(feeds["x"].shape[0])
        return [feeds["x"] * 2, np.asarray(feeds["x"].mean())]

    def call(self, feeds: Mapping[str, Array]) -> object:
        """Not used here."""
        return lambda: self.run(feeds)

    notes = ()

    def kernels(self) -> Kernels:
        """None."""
        return Kernels({}, {})


class Stateful(Doubler):
    """A session with one answer that has no row for each sample: a state of two layers, larger from call to call."""

    output_names = ("twice", "state")

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Twice the input, and what the state has become."""
        self.batches.append(feeds["x"].shape[0])
        return [feeds["x"] * 2, np.full((2, feeds["x"].shape[0], 3), len(self.batches), np.float32)]


def test_where_a_call_is_one_sample_what_it_answers_is_a_row() -> None:
    """A state without an axis for the batch in front is still one for each sample; of several a call it is a list."""
    x = np.zeros((4, 2), np.float32)
    _, state = run_in_batches(Stateful(), {"x": x}, batch=8, fixed_batch=1)
    assert state.shape == (4, 6)
    assert state[:, 0].tolist() == [1, 2, 3, 4]
    _, state = run_in_batches(Stateful(), {"x": x}, batch=4, fixed_batch=None)
    assert state.ndim == 1


class Finder(Doubler):
    """A session that finds as many boxes as its sample says."""

    output_names = ("boxes",)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Boxes of four numbers."""
        count = int(feeds["x"][0])
        return [np.full((count, 4), count, np.float32)]


def test_answers_of_different_lengths_come_one_after_the_other() -> None:
    """Where a call is one sample and what it finds has no row for it."""
    (boxes,) = run_in_batches(Finder(), {"x": np.array([2, 3, 0])}, batch=1, fixed_batch=1)
    assert boxes.tolist() == [2.0] * 8 + [3.0] * 12
    (alike,) = run_in_batches(Finder(), {"x": np.array([2, 2])}, batch=1, fixed_batch=1)
    assert alike.shape == (2, 8)


def test_the_last_batch_is_short_unless_asked_for_otherwise() -> None:
    """Three samples, two a call."""
    session = Doubler()
    run_in_batches(session, {"x": np.zeros((3, 2), np.float32)}, batch=2, fixed_batch=None)
    assert session.batches == [2, 1]


@given(st.integers(1, 40), st.integers(1, 12), st.sampled_from(["free", "fixed", "pads"]))
def test_every_sample_comes_back_once_in_order(n: int, size: int, kind: str) -> None:
    """Whatever the batch, outputs have one row per sample; a batch that is fixed, or to be padded, is always filled."""
    session, told = Doubler(), []
    x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    fixed, filled = size if kind == "fixed" else None, kind != "free"
    twice, means = run_in_batches(
        session, {"x": x}, batch=size, fixed_batch=fixed, pads=kind == "pads", progress=told.append
    )
    assert np.array_equal(twice, 2 * x)
    assert means.shape == (len(session.batches),)
    assert told[-1] == n
    assert sum(session.batches) == (-(-n // size) * size if filled else n)
    assert not filled or set(session.batches) == {size}
