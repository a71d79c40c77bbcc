"""Learns the pieces of words that tokens stand for: byte-pair encoding (Gage 1994; Sennrich et al. 2016)."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["learn_pieces"]


def learn_pieces(text: str, size: int) -> tuple[str, ...]:
    """All characters of ``text``, in order, and then the joined pairs that are most frequent, one after another.

    Pairs are joined inside words, each with the space before it, never across them; ties go to the smaller text.
    """
    words = Counter(re.findall(r" ?[A-Za-z']+| ?[0-9]+|[^A-Za-z0-9']", text))
    parts = {word: list(word) for word in words}
    pieces = sorted(set(text))
    while len(pieces) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in zip(parts[word], parts[word][1:], strict=False):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if "".join(best) not in pieces:
            pieces.append("".join(best))
        for word, found in parts.items():
            if len(found) > 1:
                parts[word] = _joined(found, best)
    return tuple(pieces)


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """``parts`` with every occurrence of ``pair`` as one."""
    result: list[str] = []
    at = 0
    while at < len(parts):
        if tuple(parts[at : at + 2]) == pair:
            result.append("".join(pair))
            at += 2
        else:
            result.append(parts[at])
            at += 1
    return result
