"""One pass over data: the same numbers as looking at every tensor directly, whatever the layout and the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from qexplorer.core.dataset import Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Model
from qexplorer.observe.collecting.average import MovingRange
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.collecting.tap import Tap
from qexplorer.observe.collecting.targets import observed_tensors
from qexplorer.observe.histogram import BINS
from qexplorer.observe.stats import Statistics, TensorStats
from tests.observe.graphs import as_model, graph, residual_cnn

OBSERVED = ("x", "r1", "c2", "r2", "p", "g", "f", "y")


@pytest.fixture
def cnn(tmp_path: Path) -> Model:
    """The hand-made network with free batch and 24 channels."""
    return as_model(residual_cnn(), tmp_path)


def _images(n: int) -> Any:
    return np.random.default_rng(7).standard_normal((n, 3, 12, 10)).astype(np.float32)


def _direct(model: Model, feeds: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Tensors as ONNX Runtime gives them without any optimization."""
    proto = model.proto()
    present = {v.name for v in (*proto.graph.output, *proto.graph.input)}
    proto.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in present)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = [n for n in names if n not in feeds]
    return {**feeds, **dict(zip(wanted, session.run(wanted, feeds), strict=True))}


def _check(stats: TensorStats, value: Any, axis: int | None) -> None:
    """Statistics against the values; histograms may differ where kernels round differently, by neighbouring bins."""
    h, wide = stats.histogram, value.astype(np.float64)
    expected = np.bincount(value.reshape(-1).view(np.uint32) >> 16, minlength=BINS)
    assert h.count == value.size
    assert np.abs(np.cumsum(h.counts - expected)).max() <= 0.002 * value.size + 1
    assert (h.minimum, h.maximum) == pytest.approx((wide.min(), wide.max()), rel=1e-4, abs=1e-6)
    assert h.mean == pytest.approx(wide.mean(), abs=1e-5)
    if axis is not None:
        rest = tuple(k for k in range(value.ndim) if k != axis)
        assert stats.channels is not None
        for field, want in (("minimum", wide.min(rest)), ("maximum", wide.max(rest)), ("mean", wide.mean(rest))):
            assert getattr(stats.channels, field) == pytest.approx(want, abs=1e-4), field
        assert stats.channels.std == pytest.approx(wide.std(rest), abs=1e-4)
        assert (stats.channels.count == value.size / value.shape[axis]).all()


def test_tensors_that_a_grid_could_be_put_on_are_observed(cnn: Model) -> None:
    """Inputs and outputs of quantizable layers, except what goes into nothing but a Relu or Clip."""
    assert observed_tensors(cnn) == OBSERVED


def test_a_tensor_before_a_relu_is_observed_if_something_else_reads_it(tmp_path: Path) -> None:
    """A graph output and a second reader keep a convolution's own output among the observed."""
    proto = residual_cnn()
    proto.graph.output.append(helper.make_tensor_value_info("c1", TensorProto.FLOAT, None))
    proto.graph.node.insert(4, helper.make_node("Add", ["a", "a"], ["twice"]))
    assert {"c1", "a", "twice"} <= set(observed_tensors(as_model(proto, tmp_path)))


@pytest.mark.parametrize("channels", [16, 24, 5])
@pytest.mark.parametrize("batch", [1, 4, None])
def test_one_pass_sees_what_fetching_every_tensor_shows(tmp_path: Path, channels: int, batch: int | None) -> None:
    """Histograms, extremes and channels agree, for channels that fill ONNX Runtime's blocks and that do not."""
    model, x = as_model(residual_cnn(channels=channels), tmp_path), _images(9)
    found = collect(model, Split({"": x}), batch=batch, threads=1)
    for name, value in _direct(model, {"x": x}, OBSERVED).items():
        _check(found[name], value, 1)
    assert [s.name for s in found.of_kind("activation")] == list(OBSERVED)
    assert [s.name for s in found.of_kind("weight")] == ["w1", "w2", "w3", "w4"]


def _same(a: Statistics, b: Statistics) -> None:
    assert list(a) == list(b)
    for name in a:
        ha, hb = a[name].histogram, b[name].histogram
        assert np.array_equal(ha.counts, hb.counts), name
        assert (ha.minimum, ha.maximum) == (hb.minimum, hb.maximum)
        assert a[name].average == pytest.approx(b[name].average, rel=1e-9, abs=1e-12), name


def test_threads_change_nothing(cnn: Model) -> None:
    """Two threads count the same as one."""
    split = Split({"": _images(12)})
    _same(collect(cnn, split, batch=4, threads=1), collect(cnn, split, batch=4, threads=2))


def test_the_blocked_layout_is_used_and_padding_is_not_counted(cnn: Model) -> None:
    """Where ONNX Runtime blocks channels, 24 of them come out padded, and the zeros of the padding are in no count."""
    tap = Tap(cnn, OBSERVED, threads=1)
    blocked = {t.name: t for t in tap.tensors if t.lanes}
    if not blocked:
        pytest.skip("this build of ONNX Runtime has no blocked layout")
    lanes = blocked["r1"].lanes
    assert lanes is not None
    found = dict(zip([t.name for t in tap.tensors], tap.run({"x": _images(1)}), strict=True))
    assert found["r1"].shape[1] == -(-24 // lanes) * lanes
    counted = collect(cnn, Split({"": _images(1)}), threads=1)["r1"]
    assert counted.histogram.count == 24 * 12 * 10
    assert counted.shape == (1, 24, 12, 10)


def test_a_model_with_a_fixed_batch_sees_every_sample_once(tmp_path: Path) -> None:
    """A batch of 4 over 10 samples fills up the last batch and leaves the filling out of the counts."""
    for size in (1, 4):
        folder = tmp_path / str(size)
        folder.mkdir()
        model, x = as_model(residual_cnn(batch=size), folder), _images(10)
        found = collect(model, Split({"x": x}), threads=1)
        free = folder / "free"
        free.mkdir()
        for name, value in _direct(as_model(residual_cnn(), free), {"x": x}, OBSERVED).items():
            _check(found[name], value, 1)


def test_several_inputs_other_types_and_three_dimensions(tmp_path: Path) -> None:
    """Integer tensors are left out, sequences have their channels last, and each input is fed by its name."""
    node = helper.make_node
    rng = np.random.default_rng(3)
    nodes = [
        node("Gather", ["table", "ids"], ["e"]),
        node("Add", ["e", "shift"], ["s"]),
        node("MatMul", ["s", "w"], ["y"]),
    ]
    weights = {"table": rng.standard_normal((11, 6)).astype(np.float32), "w": np.ones((6, 5), np.float32)}
    proto = graph(
        nodes,
        {"ids": ("n", "t"), "shift": ("n", "t", 6)},
        {"y": ("n", "t", 5)},
        weights,
        {"ids": TensorProto.INT64},
    )
    model = as_model(proto, tmp_path)
    feeds = {"ids": rng.integers(0, 11, (8, 3)), "shift": rng.standard_normal((8, 3, 6)).astype(np.float32)}
    found = collect(model, Split(feeds), threads=1)
    assert {s.name for s in found.of_kind("activation")} == {"e", "s", "shift", "y"}
    for name, value in _direct(model, feeds, ("e", "s", "y")).items():
        if name != "ids":
            _check(found[name], value, 2)
    assert [found[name].axis for name in ("e", "s", "y", "w")] == [2, 2, 2, 1]


def test_a_batch_of_one_hidden_in_the_graph_is_found_out(tmp_path: Path) -> None:
    """A Reshape to one row makes larger batches fail; samples are then fed one by one, and each counts once."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    weights = {"shape": np.array([1, 6]), "w": np.ones((6, 5), np.float32)}
    model = as_model(graph(nodes, {"x": ("n", 2, 3)}, {"y": (1, 5)}, weights), tmp_path)
    x = np.random.default_rng(0).standard_normal((9, 2, 3)).astype(np.float32)
    found = collect(model, Split({"": x}), threads=1)
    assert found["y"].histogram.count == 9 * 5
    assert found["x"].histogram.maximum == x.max()


def test_the_moving_average_is_over_samples_in_their_order(cnn: Model) -> None:
    """The average range of an input is that of its samples' own ranges, whatever the batch."""
    x = _images(11)
    want = MovingRange.of(x.min((1, 2, 3)), x.max((1, 2, 3)))
    for batch in (1, 3, 11):
        found = collect(cnn, Split({"": x}), batch=batch, threads=1)["x"].average
        assert found == pytest.approx((want.low, want.high), rel=1e-6)


def test_nan_in_one_sample_is_counted_and_spoils_nothing_else(cnn: Model) -> None:
    """Non-finite activations are reported; extremes, means and averages are those of the other values."""
    x = _images(6)
    clean = collect(cnn, Split({"": x[1:]}), threads=1)
    x[0] = np.nan
    found = collect(cnn, Split({"": x}), threads=1)
    for name in ("x", "c2", "g", "y"):
        h = found[name].histogram
        assert h.nonfinite == h.count / 5, name
        assert (h.minimum, h.maximum) == (clean[name].histogram.minimum, clean[name].histogram.maximum)
        assert found[name].average == pytest.approx(clean[name].average)
        channels = found[name].channels
        assert channels is not None
        assert np.isfinite(channels.mean).all()


def test_statistics_of_more_samples_are_no_larger(cnn: Model) -> None:
    """Nothing that is kept has a size that depends on the number of samples."""

    def size(n: int) -> int:
        found = collect(cnn, Split({"": _images(n)}), threads=1).of_kind("activation")
        return sum(s.histogram.counts.nbytes + (s.channels.mean.nbytes if s.channels else 0) for s in found)

    assert size(2) == size(40)


def test_progress_is_told_after_each_batch(cnn: Model) -> None:
    """Every call names the samples done so far and all; the last one says all."""
    told: list[tuple[int, int]] = []
    collect(cnn, Split({"": _images(7)}), batch=3, threads=1, progress=lambda a, b: told.append((a, b)))
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_missing_data_is_one_sentence(cnn: Model) -> None:
    """No sample, and no values for an input, are data errors that name the model."""
    with pytest.raises(DataError, match="no sample"):
        collect(cnn, Split({"": _images(0)}))
    with pytest.raises(DataError, match=r"'x'.*allowed: x"):
        collect(cnn, Split({"z": _images(2), "y": _images(2)}))
