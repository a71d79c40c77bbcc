"""The tokens of a language model as text: what a number stands for, and which numbers a text is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from qexplorer.core.errors import DataError

__all__ = ["BYTES", "Vocabulary"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces of text by token number.

    A text is read from its start, and the longest piece that fits is the next token; with the bytes of UTF-8
    (:data:`BYTES`) every text has tokens.

    Attributes:
        pieces: the text of each token; all different, none empty. A piece is text, except in :data:`BYTES`.
        raw: whether the tokens are bytes.
    """

    pieces: tuple[str, ...]
    raw: bool = False
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)
    _longest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {piece: number for number, piece in enumerate(self.pieces)}
        if len(numbers) != len(self.pieces) or "" in numbers or not numbers:
            raise DataError("this is no vocabulary", allowed="the text of each token: all different, none empty")
        object.__setattr__(self, "_numbers", numbers)
        object.__setattr__(self, "_longest", max(map(len, numbers)))

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """The tokens of ``text``; raises DataError for a character that no token has."""
        source = text.encode("utf-8", "replace").decode("latin-1") if self.raw else text
        tokens: list[int] = []
        at = 0
        while at < len(source):
            for length in range(min(self._longest, len(source) - at), 0, -1):
                number = self._numbers.get(source[at : at + length])
                if number is not None:
                    break
            else:
                raise DataError(
                    f"the model has no token for the character {source[at]!r}",
                    where=f"the text, character {at + 1}",
                    do="leave it out",
                )
            tokens.append(number)
            at += length
        return tokens

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of ``tokens``; bytes that are no UTF-8 become the replacement character."""
        text = "".join(self.pieces[token] for token in tokens)
        return text.encode("latin-1").decode("utf-8", "replace") if self.raw else text

    def shown(self, tokens: Sequence[int]) -> tuple[str, ...]:
        """The text of each token by itself."""
        return tuple(self.decode([token]) for token in tokens)


BYTES = Vocabulary(tuple(chr(byte) for byte in range(256)), raw=True)
"""One token for each byte of UTF-8, for models of bytes and whoever brings no vocabulary."""
