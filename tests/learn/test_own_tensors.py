"""Lessons that begin with numbers of their own and can take a tensor's instead."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.learn.lesson import LESSONS, BoxPicture, Shown
from qexplorer.learn.scaled import int8_codes, values_of
from qexplorer.observe.editing.synthetic import synthetic
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weights import array_stats

TENSOR = synthetic("normal")


def _seen(name: str, tensor: TensorStats = TENSOR, **settings: object) -> Shown:
    lesson = LESSONS.get(name)
    return lesson.show({each.name: each.start for each in lesson.controls} | settings, tensor)


@pytest.mark.parametrize("at", [0, 37, 100])
def test_the_bits_are_those_of_a_value_of_the_tensor(at: int) -> None:
    """Its int8 code, in two's complement, or the value itself in half precision."""
    (value,), (code,), scale = int8_codes(TENSOR, at, 1)
    assert abs(code * scale - value) <= scale / 2 * (1 + 1e-6)
    seen = _seen("numbers_as_bits", at=at)
    assert (seen.numbers["code"], seen.numbers["value"]) == (code % 256, code)
    assert f"int8 code {code} " in seen.sentence
    half = _seen("numbers_as_bits", at=at, **{"as": "half"})
    assert half.numbers["value"] == float(np.float16(value))


def test_the_largest_value_is_no_number_in_e4m3() -> None:
    """Code 127 is not a number there, and the next smaller one the largest: the answer and its reason say so."""
    asked = LESSONS.get("numbers_as_bits").prediction
    for value, says in ((1.0, "not a number"), (126 / 127, "No value lies beyond it")):
        pair = array_stats("w", np.array([[1.0, value]], np.float32), 0)
        before, after = (_seen("numbers_as_bits", pair, at=100, **{"as": kind}).numbers for kind in ("integer", "e4m3"))
        assert before["value"] == round(127 * value)
        assert asked.choices[asked.right(before, after)] == ("no number at all" if value == 1 else "a larger number")
        assert says in asked.reason(after)


def test_a_product_takes_six_weights_of_the_tensor() -> None:
    """Their codes stand above the sums, which are those of the activations with them; outputs fill 8 bits."""
    _, codes, _ = int8_codes(TENSOR, 50, 6)
    seen = _seen("integer_product")
    shown = seen.pictures[0]
    assert isinstance(shown, BoxPicture)
    assert [int(text) for _, row in shown.rows for text, _ in row] == codes.tolist()
    a = np.array([[200, 17, 90], [3, 255, 128]]) - 10
    assert seen.numbers["largest"] == np.abs(a @ codes.reshape(3, 2)).max()
    results = seen.pictures[2]
    assert isinstance(results, BoxPicture)
    assert max(abs(int(text)) for _, row in results.rows for text, _ in row) == 127


def test_a_weight_of_the_tensor_is_trained_to_its_neighbour() -> None:
    """Straight through it moves towards the level of the other; the true gradient leaves it where it is."""
    values = values_of(TENSOR)
    pairs = values[: values.size // 2 * 2].reshape(-1, 2)
    far = int(np.argmax(np.abs(pairs[:, 1] - pairs[:, 0])))
    at = 100 * far / (len(pairs) - 1)
    still = _seen("straight_through", at=at, step=40)
    moved = _seen("straight_through", at=at, step=40, gradient="through")
    assert still.numbers["moved"] == 0
    assert moved.numbers["moved"] > 0
    assert moved.numbers["loss"] < still.numbers["loss"]
    assert f"The weight {pairs[far, 0]:.3g} should become its neighbour, {pairs[far, 1]:.3g}" in moved.sentence
