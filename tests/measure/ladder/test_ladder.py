"""The fidelity ladder: every rung against what it should say, and backends that misbehave on one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.measure.fidelity.alone import PointDifference
from qexplorer.measure.ladder.ladder import Climber, climb, climb_backend, climb_exact, climb_simulated, kept_ladder
from qexplorer.measure.ladder.ladder_types import BackendRung, BatchGap, Ladder, LayerError, SimulatedRung
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Variant, subject_of
from qexplorer.process.limits import Limits
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import BACKENDS
from tests.measure.models import data_set
from tests.measure.processes import left_over


@pytest.fixture
def climber(cnn: Model, int8: Variant) -> Iterator[Climber]:
    """A small quantized CNN with 40 samples on disk."""
    subject = subject_of(cnn, data_set(40), None)
    with scratch() as folder:
        yield Climber(int8, subject, keep_samples(folder, subject.inputs))


def nothing(_done: float) -> None:
    """Told, and does not mind."""


def test_a_right_backend_climbs_its_rung(climber: Climber) -> None:
    """At every batch size in use it agrees, and every rounding point is compared, together and alone."""
    told: list[float] = []
    rung = climb_backend(climber, "onnxruntime", told.append)
    assert rung.status is Status.OK
    assert [(gap.batch, gap.n) for gap in rung.batches] == [(32, 40), (1, 16), (8, 16)]
    assert rung.worst_steps is not None
    assert rung.worst_steps <= 1
    assert rung.agreement == 1.0
    assert all(gap.within_one == 1.0 for gap in rung.batches)
    assert rung.exact == all(gap.equal == 1.0 for gap in rung.batches)
    quantizers = [n for n in onnx.load(str(climber.variant.path)).graph.node if n.op_type == "QuantizeLinear"]
    assert len(rung.points) == rung.points_in_all == len(quantizers)
    assert rung.wrong is None
    assert told == sorted(told)
    assert told[-1] <= 1.0


def test_the_first_layers_to_part_and_to_grow_are_told() -> None:
    """Parts is the first that differs at all, grows the first beyond one step, wrong the first by itself."""

    def point(layer: str, steps: float, alone: float) -> PointDifference:
        return PointDifference(layer, layer, "Conv", steps, 0.1, 0.0, alone, 0.1, 1)

    points = (point("a", 0, 0), point("b", 1, 1), point("c", 3, 1), point("d", 9, 4))
    rung = BackendRung("x", "X", Status.REFUSED, "why", points=points)
    assert [p.layer for p in (rung.parts, rung.grows, rung.wrong) if p] == ["b", "c", "d"]
    assert not rung.exact, "no batch was compared"


@pytest.mark.usefixtures("trials")
def test_a_backend_that_crashes_takes_its_own_rung_only(climber: Climber) -> None:
    """The rung is failed with the signal as its reason, and the next rung is climbed as if nothing had been."""
    dead = climb_backend(climber, "trial-crash", nothing)
    assert dead.status is Status.FAILED
    assert "SIGABRT" in (dead.reason or "")
    assert dead.batches == dead.points == ()
    assert climb_backend(climber, "onnxruntime", nothing).status is Status.OK


@pytest.mark.usefixtures("trials")
def test_a_backend_that_hangs_is_ended(climber: Climber) -> None:
    """Its time runs out, that is the reason, and no process of it is left."""
    rung = climb_backend(replace(climber, limits=Limits(wall_s=1.0)), "trial-hang", nothing)
    assert rung.status is Status.FAILED
    assert "took longer than 1 s" in (rung.reason or "")
    assert not left_over()


@pytest.mark.usefixtures("trials")
def test_wrong_answers_are_a_refused_rung(climber: Climber) -> None:
    """Answers steps beside the simulation are refused with the gap, at every batch size."""
    rung = climb_backend(climber, "trial-wrong", nothing)
    assert rung.status is Status.REFUSED
    assert "steps of the output's grid" in (rung.reason or "")
    assert all((gap.worst_steps or 0) > 1 and gap.equal == 0.0 for gap in rung.batches)


def test_a_backend_that_is_not_here_says_so(climber: Climber) -> None:
    """An unavailable backend is a failed rung with the reason why it cannot be used."""
    name = next((b.name for b in BACKENDS if not b.availability().available), None)
    if name is None:
        pytest.skip("every backend is here")
    rung = climb_backend(climber, name, nothing)
    assert rung.status is Status.FAILED
    assert (BACKENDS.get(name).availability().reason or "") in (rung.reason or "")


def test_error_of_each_layer_is_that_of_both_graphs(climber: Climber, tmp_path: Path) -> None:
    """SQNR of a tensor is what NumPy finds between the float graph's tensor and the simulated one's."""
    rung = climb_simulated(climber, nothing)
    assert rung.failed is None
    assert rung.layers_n == 40
    by_tensor = {layer.tensor: layer for layer in rung.layers}
    values = []
    for path in (climber.subject.model.path, climber.variant.path):
        model = onnx.load(str(path))
        model.graph.output.append(onnx.helper.make_tensor_value_info("c2", onnx.TensorProto.FLOAT, None))
        told = tmp_path / f"{path.stem}-told.onnx"
        onnx.save(model, str(told))
        session = BACKENDS.get("onnxruntime").load(told, SessionOptions(Mode.SIMULATED))
        values.append(session.run(dict(climber.subject.inputs))[-1].astype(np.float64))
    error = values[0] - values[1]
    found = by_tensor["c2"]
    assert found.sqnr_db is not None
    assert math.isclose(found.sqnr_db, 10 * np.log10(np.square(values[0]).sum() / np.square(error).sum()), rel_tol=1e-4)
    assert found.relative is not None
    assert math.isclose(found.relative, 10 ** (-found.sqnr_db / 20), rel_tol=1e-9)
    assert by_tensor["y"].steps is not None


def test_a_broken_file_is_a_failed_simulated_rung(climber: Climber, tmp_path: Path) -> None:
    """What the reference says about a file that it cannot load becomes the reason."""
    gone = replace(climber, variant=replace(climber.variant, path=tmp_path / "gone.onnx"))
    rung = climb_simulated(gone, nothing)
    assert "gone.onnx" in (rung.failed or "")
    assert rung.agreement is None


def test_low_layers_and_drops_are_found() -> None:
    """The first below 10 dB, and the largest fall from one layer to the next; without errors there is neither."""

    def layer(name: str, sqnr: float | None) -> LayerError:
        return LayerError(name, "Conv", name, sqnr, None, None)

    rung = SimulatedRung(
        1, None, None, None, (layer("a", 30.0), layer("b", None), layer("c", 12.0), layer("d", 4.0)), 1
    )
    assert rung.first_low is not None
    assert rung.first_low.layer == "d"
    assert rung.largest_drop is not None
    assert (rung.largest_drop[0].layer, rung.largest_drop[1]) == ("c", 18.0)
    none = SimulatedRung(1, None, None, None, (layer("a", None),), 1)
    assert none.first_low is None
    assert none.largest_drop is None


def test_a_ladder_is_kept_and_read_back() -> None:
    """Climbed once through the front door: progress rises, the ladder is found again by what it was made from."""
    model = load_model("tumour_mlp")
    data = fit_to_model(load_data("tumour"), model)
    told: list[float] = []
    found = climb(
        model, Recipe.parse("w8a8"), data, samples=30, progress=lambda text, done: told.append(done) if text else None
    )
    assert told == sorted(told)
    assert found.n == 30
    assert found.simulated.agreement is not None
    assert len(found.simulated.layers) == 5
    assert [rung.backend for rung in found.rungs] == ["onnxruntime"]
    assert Ladder.from_json(found.to_json()) == found
    assert kept_ladder(found.digest, data.digest, 30, ["onnxruntime"]) == found
    assert kept_ladder(found.digest, data.digest, 30, ["openvino"]) is None
    assert kept_ladder(found.digest, data.digest, 31, ["onnxruntime"]) is None
    assert kept_ladder(found.digest, "of other data", 30, ["onnxruntime"]) is None


def test_half_precision_has_layers_without_steps() -> None:
    """A graph without codes still tells how far each of its tensors is from float; there are no points to compare."""
    model = load_model("tumour_mlp")
    data = fit_to_model(load_data("tumour"), model)
    found = climb(model, Recipe.parse("fp16"), data, samples=20)
    assert found.simulated.failed is None
    assert found.simulated.layers
    assert all(layer.steps is None for layer in found.simulated.layers)
    (rung,) = found.rungs
    assert rung.status is Status.OK
    assert rung.points_in_all == 0
    assert all(gap.within_one is None for gap in rung.batches)


def test_an_exact_gap_has_every_value_equal() -> None:
    """The badge asks for all batch sizes."""
    gap = BatchGap(1, 4, 1.0, 0.0, None, 1.0, 1.0, exact=True)
    rung = BackendRung("x", "X", Status.OK, None, (gap, replace(gap, batch=8)))
    assert rung.exact
    assert not replace(rung, batches=(gap, replace(gap, exact=False))).exact


def test_exact_integers_are_a_rung_and_the_reference_of_backends(climber: Climber) -> None:
    """Between simulated and the backends; who computes them himself is compared with the simulation instead."""
    exact = climb_exact(climber, nothing)
    assert exact.why_not is None
    assert exact.layers >= 3
    assert [gap.batch for gap in exact.batches] == [32, 1, 8]
    assert (exact.worst_steps or 0) <= 1
    rungs = {name: climb_backend(climber, name, nothing) for name in ("onnxruntime", "torch")}
    assert {name: rung.against for name, rung in rungs.items()} == {
        "onnxruntime": "exact integers",
        "torch": "simulation",
    }
    assert [gap.batch for gap in rungs["onnxruntime"].simulated] == [32, 1, 8]
    assert [end.output for end in rungs["onnxruntime"].ends] == ["y"]
    assert not any(end.wrong for end in rungs["onnxruntime"].ends)


def test_a_graph_without_integer_layers_has_no_such_rung(climber: Climber) -> None:
    """The float graph: the rung says why, and a backend is compared with the simulation."""
    plain = replace(climber, variant=replace(climber.variant, path=climber.subject.model.path, output_scales={}))
    assert "no layer of it is one that integers compute" in (climb_exact(plain, nothing).why_not or "")
    rung = climb_backend(plain, "torch", nothing)
    assert (rung.status, rung.against) == (Status.OK, "simulation")
