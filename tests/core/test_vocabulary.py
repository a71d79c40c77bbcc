"""Tokens as text and text as tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.errors import DataError
from qexplorer.core.vocabulary import BYTES, Vocabulary

WORDS = Vocabulary(("a", "b", "ab", "aba", " "))


def test_the_longest_piece_that_fits_is_the_next_token() -> None:
    """A text is read from its start."""
    assert WORDS.encode("abab aab") == [3, 1, 4, 0, 2]
    assert WORDS.shown([3, 4]) == ("aba", " ")


@given(st.text(alphabet="ab ", max_size=40))
def test_a_text_comes_back_from_its_tokens(text: str) -> None:
    """Whatever the pieces, decoding undoes encoding."""
    assert WORDS.decode(WORDS.encode(text)) == text


@given(st.text(max_size=40))
def test_bytes_have_tokens_for_every_text(text: str) -> None:
    """A model of bytes takes any text, and gives it back."""
    assert len(BYTES) == 256
    assert BYTES.decode(BYTES.encode(text)) == text.encode("utf-8", "replace").decode()


def test_bytes_that_are_no_text_are_marked() -> None:
    """A model may make half a character: it is shown as the replacement character, and breaks nothing."""
    assert BYTES.decode([0xC3, 0x41]) == "\ufffdA"


def test_a_character_without_a_token_is_named() -> None:
    """The sentence says which, and where it stands."""
    with pytest.raises(DataError, match="the text, character 3: the model has no token for the character 'z'"):
        WORDS.encode("abz")


@pytest.mark.parametrize("pieces", [(), ("a", "a"), ("a", "")])
def test_a_vocabulary_has_different_pieces(pieces: tuple[str, ...]) -> None:
    """An empty vocabulary, an empty piece and the same piece twice are refused."""
    with pytest.raises(DataError, match="no vocabulary"):
        Vocabulary(pieces)
