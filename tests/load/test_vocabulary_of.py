"""Which models are language models, and what their tokens stand for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qexplorer.core.errors import ModelError
from qexplorer.core.model import Model, TensorInfo
from qexplorer.core.vocabulary import BYTES
from qexplorer.load.vocabulary import tokens_of, vocabulary_of

TOKENS, LOGITS = TensorInfo("t", "int64", (None, None)), TensorInfo("l", "float32", (None, None, 300))
MODEL = Model("net", Path("net.onnx"), "a", "b", 21, (TOKENS,), (LOGITS,), (), 1, None, 1, 1)


def test_the_tokens_are_the_last_length_of_the_first_output() -> None:
    """Whatever else the model answers, and in either kind of whole numbers."""
    assert tokens_of(MODEL) == 300
    assert tokens_of(replace(MODEL, inputs=(replace(TOKENS, dtype="int32"),))) == 300
    assert tokens_of(replace(MODEL, outputs=(LOGITS, TOKENS))) == 300


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": (replace(TOKENS, dtype="float32"),)},
        {"inputs": (TOKENS, TOKENS)},
        {"inputs": (replace(TOKENS, shape=(None,)),)},
        {"outputs": (replace(LOGITS, shape=(None, 300)),)},
        {"outputs": (replace(LOGITS, shape=(None, None, None)),)},
        {"outputs": (replace(LOGITS, shape=(None, None, "tokens")),)},
        {"inputs": ()},
        {"outputs": ()},
    ],
)
def test_other_models_are_none_that_generate_text(changes: dict[str, tuple[TensorInfo, ...]]) -> None:
    """More inputs, other numbers, other shapes, or a free number of tokens."""
    with pytest.raises(ModelError, match="this is none"):
        tokens_of(replace(MODEL, **changes))


def test_as_many_tokens_as_there_are_bytes_are_bytes() -> None:
    """Any other number has to be told, and how is said."""
    of_bytes = replace(LOGITS, shape=(None, None, len(BYTES)))
    assert vocabulary_of(replace(MODEL, outputs=(of_bytes,))) is BYTES
    with pytest.raises(ModelError, match="its 300 tokens stand for") as caught:
        vocabulary_of(MODEL)
    assert "--vocabulary" in str(caught.value.do)
