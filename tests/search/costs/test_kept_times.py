"""Times of variants are kept by what decides how long kernels take, and measured again when asked to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import qexplorer as qx
from qexplorer.core.model import Model
from qexplorer.search.costs import clocking
from qexplorer.search.costs.kept_times import forget_times, kernels_digest


@pytest.fixture
def model(shared_workspace: Path) -> Model:  # noqa: ARG001 - files are kept there
    """A network of three layers."""
    return qx.load("tumour_mlp")


def test_values_of_weights_and_scales_do_not_tell_kernels_apart_but_formats_do(model: Model) -> None:
    """Another calibrator gives another file and the same digest; other formats give another one."""
    clipped = "weights: {format: int8}\nactivations: {format: uint8, calibrator: percentile}"
    plain, other, wide = (qx.quantize(model, recipe).path for recipe in ("w8a8", clipped, "w8a16"))
    assert plain.read_bytes() != other.read_bytes()
    assert kernels_digest(plain) == kernels_digest(other)
    assert kernels_digest(plain) != kernels_digest(wide)
    assert kernels_digest(plain) != kernels_digest(model.path)


def test_the_same_kernels_are_measured_once_until_somebody_asks_again(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second search finds the times of the first, with the moment at which they were measured."""
    measured = list[int]()

    def counted(*_: Any) -> dict[str, Any]:
        measured.append(len(measured))
        kernel = {"name": "k", "op": "Gemm", "kind": "float", "ms": 1.0, "layers": ["hidden1"]}
        rounds = {"one": [1_000_000 * len(measured)] * 4}
        return {"rounds": rounds, "kernels": {"one": [kernel]}, "energy": {}, "unprofiled": {}}

    def clocked(*, anew: bool = False) -> clocking.Clocked:
        split = qx.data("tumour").calibration
        files = {"one": model.path}
        return clocking.clock("onnxruntime", model, split, files, anew=anew, tell=lambda *_: None)

    monkeypatch.setattr(clocking, "_measured", counted)
    first, second = clocked(anew=True), clocked()
    assert (first.call_ms, first.measured_at, first.kernels) == (second.call_ms, second.measured_at, second.kernels)
    assert len(measured) == 1
    assert clocked(anew=True).call_ms != first.call_ms
    forget_times(first.kept)
    assert clocked().call_ms["one"] == pytest.approx(3.0)
    forget_times("")
    assert len(measured) == 3, "a report that names nothing kept forgets nothing"
