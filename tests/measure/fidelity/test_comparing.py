"""Which samples and which references a backend's answers are held against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qexplorer.measure.fidelity.comparing import Question, asked_of, batches_to_look_at, exact_of
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.run.protocol import Backend
from qexplorer.run.registry import BACKENDS, exact_integers
from tests.measure.models import make_cnn, quantized


def _question(path: Path, backend: Backend, n: int = 20) -> Question:
    inputs = {"x": np.arange(n, dtype=np.float32)}
    return Question(path, backend, inputs, n, None, 8, (1, 8), 1, {}, 0.0)


@pytest.mark.parametrize(
    ("batch", "rows", "first", "batches"), [(1, (13, 4), [13, 4], 8), (8, (13,), [8], 1), (3, (19,), [18], 3)]
)
def test_eight_samples_or_more_are_looked_at(batch: int, rows: tuple[int, ...], first: list[int], batches: int) -> None:
    """At each batch size as many batches as hold 8 samples, those with the worst samples first, none twice."""
    item = Difference(batch, 20, None, 9.0, None, exact=False, rows=rows)
    looked = batches_to_look_at([item], _question(Path("m.onnx"), BACKENDS.get("torch")))
    found = [each.feeds["x"] for each in looked]
    assert (len(found), {each.size for each in found}) == (batches, {batch})
    starts = [int(each[0]) for each in found]
    assert starts[: len(first)] == first
    assert len(set(starts)) == batches


def test_of_a_large_batch_eight_samples_are_judged_first_the_worst_among_them() -> None:
    """First and last sample, the worst ones, then others; of a small batch all."""
    question = _question(Path("m.onnx"), BACKENDS.get("torch"), 64)
    item = Difference(32, 64, None, 9.0, None, exact=False, rows=(45, 3, 40))
    (batch,) = batches_to_look_at([item], question)
    assert batch.feeds["x"].tolist() == list(range(32, 64))
    assert {0, 8, 13, 31} <= set(batch.rows)
    assert len(batch.rows) == 8
    assert list(batch.rows) == sorted(set(batch.rows))
    small = batches_to_look_at([replace(item, batch=8)], question)
    assert [each.rows for each in small] == [()]


def test_nobody_is_its_own_judge(tmp_path: Path) -> None:
    """Exact integers judge every backend but the one that computes them, as a whole and piece by piece."""
    path, exact = quantized(make_cnn(tmp_path), tmp_path).path, exact_integers()
    assert exact is not None
    other = BACKENDS.get("onnxruntime")
    assert exact_of(_question(path, exact), tmp_path) is None
    assert exact_of(_question(path, other), tmp_path) is not None
    assert asked_of(_question(path, exact), [], tmp_path).exact is None
    assert asked_of(_question(path, other), [], tmp_path).exact is exact
