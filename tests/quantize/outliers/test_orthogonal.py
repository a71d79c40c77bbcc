"""Hadamard and other orthogonal matrices."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.quantize.outliers.orthogonal import hadamard, orthogonal, rotation


@pytest.mark.parametrize("n", [1, 2, 4, 8, 12, 20, 24, 32, 44, 48, 64, 96, 160])
def test_hadamard_matrices_have_signs_alone_and_orthogonal_rows(n: int) -> None:
    """Sylvester's, Paley's and their products: ``H H^T = n I``."""
    found = hadamard(n)
    assert found is not None
    assert set(np.unique(found)) <= {-1.0, 1.0}
    np.testing.assert_array_equal(found @ found.T, n * np.eye(n))


@pytest.mark.parametrize("n", [3, 6, 7, 18, 100])
def test_sizes_without_a_construction_have_none(n: int) -> None:
    """Sizes that are no multiple of 4, and those that neither construction gives."""
    assert hadamard(n) is None


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 12, 36, 48, 57, 96, 100])
def test_every_size_has_an_orthogonal_matrix_that_spreads(n: int) -> None:
    """Its transpose is its inverse, and no entry is larger than that of a cosine transform of what is no Hadamard."""
    found, word = orthogonal(n)
    np.testing.assert_allclose(found @ found.T, np.eye(n), atol=1e-12)
    size = int(word.split("matrix of ")[1].split(" ")[0])
    assert np.abs(found).max() <= np.sqrt(2 / (n // size)) / np.sqrt(size) + 1e-12 or n == size


def test_a_rotation_and_its_inverse_leave_values_as_they_were() -> None:
    """Also in blocks, across which nothing is mixed; signs are drawn by the seed."""
    found, _ = rotation(24, 12, 3)
    x = np.random.default_rng(0).normal(size=(5, 24))
    np.testing.assert_allclose(x @ found @ found.T, x, atol=1e-12)
    assert not found[:12, 12:].any()
    assert not np.array_equal(found, rotation(24, 12, 4)[0])


def test_one_channel_becomes_a_share_of_all() -> None:
    """An outlier of 1 is ``1/sqrt(n)`` everywhere behind a Hadamard matrix."""
    found, _ = rotation(64, 64, 0)
    np.testing.assert_allclose(np.abs(np.eye(64)[7] @ found), 1 / 8)
