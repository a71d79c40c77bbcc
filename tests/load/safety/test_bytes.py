"""Weights whose bytes are not what their type says."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from qexplorer.core.errors import ModelError
from tests.load.model_graphs import model
from tests.load.normalized import load


def test_bytes_that_are_no_whole_number_of_values(tmp_path: Path) -> None:
    """Fifteen bytes are no float32 values."""
    proto = model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": ["n", 3]}, ["y"])
    proto.graph.initializer.append(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], raw_data=b"\0" * 15))
    with pytest.raises(ModelError, match="'w' holds 15 bytes, which is no whole number of its values"):
        load(proto, tmp_path)
