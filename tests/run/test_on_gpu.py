"""Outputs on a GPU, with lists in the place of the runtime's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.run.on_gpu import OnGpu


def test_nothing_is_copied_before_it_is_looked_at() -> None:
    """Making it and asking for its length copies nothing; an index copies one output, a slice those in it."""
    copied: list[list[int]] = []

    def to_host(value: list[int]) -> np.ndarray[Any, Any]:
        copied.append(value)
        return np.array(value)

    outputs = OnGpu([[1], [2, 3], [4]], to_host)
    assert len(outputs) == 3
    assert copied == []
    assert outputs[1].tolist() == [2, 3]
    assert copied == [[2, 3]]
    assert [output.tolist() for output in outputs[1:]] == [[2, 3], [4]]
    assert [output.tolist() for output in outputs] == [[1], [2, 3], [4]]
