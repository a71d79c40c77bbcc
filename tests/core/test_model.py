"""What a model says of itself is checked once, where it is made."""

from __future__ import annotations

import pytest

from qexplorer.core.model import TensorInfo


@pytest.mark.parametrize("length", [0, -1])
def test_a_length_that_nothing_has_is_refused(length: int) -> None:
    """So nobody behind loading has to ask again."""
    with pytest.raises(ValueError, match="'x' has the shape"):
        TensorInfo("x", "float32", (length, 4))
    assert TensorInfo("x", "float32", (1, "n", None)).fixed_batch == 1
