"""Orthogonal matrices that spread one channel over all: Hadamard matrices where there is one, and what comes near.

A Hadamard matrix has ``+1`` and ``-1`` alone and orthogonal rows, so that divided by ``sqrt(n)`` it is a rotation in
which every channel becomes ``1/sqrt(n)`` of each. There is one of every size ``2^k`` (Sylvester), of ``q + 1`` for
primes ``q = 3 mod 4`` (Paley), and of every product of two sizes (Kronecker). A factor for which none is found is taken
by the cosine transform (DCT-II, orthonormal), whose largest entry is ``sqrt(2/m)``.

Signs of the channels are drawn before: without them a mean that all channels share would land in the first one alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hadamard", "orthogonal", "rotation"]

Matrix = NDArray[np.float64]


def hadamard(n: int) -> Matrix | None:
    """A Hadamard matrix of +1 and -1, ``(n, n)``; None where Sylvester's and Paley's constructions give none."""
    if n == 1:
        return np.ones((1, 1))
    if n % 2:
        return None
    if _prime(n - 1) and n % 4 == 0:
        return _paley(n - 1)
    half = hadamard(n // 2)
    return None if half is None else np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), half)


def orthogonal(n: int) -> tuple[Matrix, str]:
    """An orthogonal matrix ``(n, n)`` that spreads, and what it is.

    The largest Hadamard matrix whose size divides ``n``, times a cosine transform of what is left.
    """
    size = next(size for size in range(n, 0, -1) if n % size == 0 and hadamard(size) is not None)
    found = hadamard(size)
    assert found is not None
    left = n // size
    spread = found / np.sqrt(size)
    if left == 1:
        return spread, f"a Hadamard matrix of {n}"
    return np.kron(spread, _cosines(left)), f"a Hadamard matrix of {size} times cosines of {left}"


def rotation(channels: int, run: int, seed: int) -> tuple[Matrix, str]:
    """An orthogonal matrix ``(channels, channels)`` with drawn signs that mixes nothing across runs of ``run``.

    Args:
        channels: its size; a multiple of ``run``.
        run: channels that are mixed with each other.
        seed: of the signs.
    """
    inner, word = orthogonal(run)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], channels)
    return signs[:, None] * np.kron(np.eye(channels // run), inner), word


def _paley(q: int) -> Matrix:
    """The Hadamard matrix of size ``q + 1`` for a prime ``q = 3 mod 4``: ``I + S``, ``S`` skew (Paley 1933)."""
    squares = {i * i % q for i in range(1, q)}
    residue = np.array([0.0, *(1.0 if i in squares else -1.0 for i in range(1, q))])
    skew = np.zeros((q + 1, q + 1))
    skew[0, 1:], skew[1:, 0] = 1.0, -1.0
    skew[1:, 1:] = residue[(np.arange(q)[:, None] - np.arange(q)) % q]
    return np.eye(q + 1) + skew


def _prime(n: int) -> bool:
    return n > 1 and all(n % i for i in range(2, int(n**0.5) + 1))


def _cosines(n: int) -> Matrix:
    """The orthonormal DCT-II."""
    rows = np.cos(np.pi * np.outer(np.arange(n), np.arange(n) + 0.5) / n) * np.sqrt(2 / n)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows)
