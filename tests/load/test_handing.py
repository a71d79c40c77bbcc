"""A model and data handed to a task come back as they were, as files named by what is in them."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np

import qexplorer as qx
from qexplorer.core.workspace import sha256_file
from qexplorer.load.handing import data_in, data_inputs, model_in, model_inputs


def test_a_model_comes_back() -> None:
    """All that is known of a model comes back, with the path of the file at hand."""
    model = qx.load("tumour_mlp")
    files = model_inputs(model)
    paths = {name: str(file.path) for name, file in files.items()}
    assert json.dumps(model_in(paths).to_json()) == json.dumps(model.to_json())
    assert {sha256_file(file.path) for file in files.values()} == {file.sha256 for file in files.values()}
    assert model_inputs(replace(model, name="other"))["model.json"] != files["model.json"]


def test_data_come_back() -> None:
    """Both parts of data with labels and groups come back bit for bit; equal samples are equal files."""
    given = qx.data("digits")
    split = given.evaluation.head(20)
    groups = np.array(["a", "b"] * 10)
    data = replace(given, calibration=given.calibration.head(7), evaluation=replace(split, groups=groups))
    files = data_inputs(data)
    found = data_in({name: str(file.path) for name, file in files.items()})
    for each in fields(data):
        if each.name not in ("calibration", "evaluation"):
            assert getattr(found, each.name) == getattr(data, each.name), each.name
    for part in ("calibration", "evaluation"):
        one, other = getattr(found, part), getattr(data, part)
        assert one.inputs.keys() == other.inputs.keys()
        assert all(np.array_equal(one.inputs[key], value) for key, value in other.inputs.items())
        assert np.array_equal(one.labels, other.labels)
    assert found.evaluation.groups is not None
    assert found.evaluation.groups.tolist() == groups.tolist()
    assert found.calibration.groups is None
    assert data_inputs(replace(data, name="copy"))["data.evaluation.0"] == files["data.evaluation.0"]
    alone = data_inputs(data, evaluation=False)
    assert not data_in({name: str(file.path) for name, file in alone.items()}).evaluation.inputs
