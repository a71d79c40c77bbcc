"""The shipped samples are what their manifests say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from qexplorer.core.errors import UnknownName
from qexplorer.core.plugin_kinds.metric import Answers
from qexplorer.core.plugins import METRICS
from qexplorer.core.vocabulary import Vocabulary
from qexplorer.core.workspace import sha256_file
from qexplorer.load.datasets.load import load_data, load_raw
from qexplorer.load.samples import shelf
from qexplorer.load.samples.manifest import Manifest, samples_folder
from qexplorer.load.samples.shelf import Sample, get_sample, list_samples, sample_of_data

TRAINED = tuple(each.name for each in list_samples() if each.trained)
CLASSIFYING = tuple(each.name for each in list_samples() if each.float_accuracy is not None)


def _correct(sample: Sample) -> tuple[int, int]:
    """Right answers of the shipped file on its held-out data, and their number."""
    judged = load_data(sample.data).evaluation
    session = onnxruntime.InferenceSession(str(sample.model_path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    answers = np.concatenate([session.run(None, {name: b.inputs[""]})[0].argmax(1) for b in judged.batches(100)])
    assert judged.labels is not None
    return int((answers == judged.labels).sum()), judged.n


def test_all_samples_are_listed_trained_ones_first() -> None:
    """Trained models and architectures are there, and only the trained ones were measured."""
    samples = list_samples()
    names = tuple(s.name for s in samples)
    known = {"digits_cnn", "digits_vit", "fashion_dscnn", "glyphs_mobilenet", "text_lm", "tumour_mlp"}
    assert known <= set(names[: len(TRAINED)]) == set(TRAINED)
    assert {"resnet18", "resnet50", "mobilenet_v2"} <= set(names[len(TRAINED) :])
    assert all((s.float_metric is not None) == s.trained for s in samples)
    assert all("Untrained: size and latency only." in s.description for s in samples if not s.trained)


def test_an_unknown_sample_is_answered_with_the_nearest_name() -> None:
    """A typing mistake in a sample's name gets a suggestion."""
    with pytest.raises(UnknownName, match="did you mean 'digits_cnn'"):
        get_sample("digit_cnn")


@pytest.mark.parametrize("name", TRAINED)
def test_files_have_the_digests_of_the_manifest(name: str) -> None:
    """model.onnx and data.npz are byte for byte those that were measured."""
    sample = get_sample(name)
    assert sample.manifest is not None
    assert sample.folder is not None
    assert {f: sha256_file(sample.folder / f) for f in sample.manifest.sha256} == sample.manifest.sha256


@pytest.mark.parametrize("name", CLASSIFYING)
def test_the_manifests_accuracy_is_measured_again(name: str) -> None:
    """ONNX Runtime gets exactly as many held-out samples right as the manifest says, within one for another CPU."""
    sample = get_sample(name)
    assert sample.manifest is not None
    correct, n = _correct(sample)
    assert sample.manifest.float_accuracy is not None
    assert n == sample.manifest.float_accuracy.n == sample.n_evaluation
    assert abs(correct - sample.manifest.float_accuracy.correct) <= 1


def test_the_manifests_perplexity_is_measured_again() -> None:
    """The language model's perplexity on its held-out rows is the manifest's, by this program's own metric."""
    sample = get_sample("text_lm")
    judged = load_data("text_lm").evaluation
    session = onnxruntime.InferenceSession(str(sample.model_path), providers=["CPUExecutionProvider"])
    logits = [session.run(None, {"tokens": b.inputs[""].astype(np.int64)})[0] for b in judged.batches(64)]
    metric = METRICS.get("perplexity")
    scores = metric.scores(Answers([np.concatenate(logits)], judged.n, judged.labels))
    assert sample.float_metric is not None
    assert sample.float_metric.n == judged.n == sample.n_evaluation
    assert metric.estimate(scores)[0] == pytest.approx(sample.float_metric.value, rel=1e-4)


def test_the_language_models_vocabulary_writes_its_text() -> None:
    """Tokens of the held-out part read as prose, and that prose has the same tokens again; every piece has a number."""
    sample = get_sample("text_lm")
    judged = load_data("text_lm").evaluation
    assert sample.manifest is not None
    words = Vocabulary(sample.manifest.vocabulary)
    tokens = judged.inputs[""][:8].reshape(-1).tolist()
    text = words.decode(tokens)
    assert " the " in text
    assert words.encode(text) == tokens
    logits = onnx.load(sample.model_path).graph.output[0].type.tensor_type.shape.dim
    assert len(words) == logits[-1].dim_value == 512


@pytest.mark.parametrize("name", TRAINED)
def test_models_are_as_promised(name: str) -> None:
    """Opset 21, IR 10, a free batch, float32 weights, unique names, and as many parameters as the manifest says."""
    sample = get_sample(name)
    model = onnx.load(sample.model_path)
    assert (model.ir_version, model.opset_import[0].version) == (10, 21)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert all(name and not name.startswith("node_") for name in names)
    floats = [i for i in model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT]
    assert sum(int(np.prod(i.dims)) for i in floats) == sample.parameters


@pytest.mark.parametrize("name", TRAINED)
def test_calibration_and_evaluation_share_no_sample(name: str) -> None:
    """No calibration sample is among the held-out ones, in any shipped data set."""
    data = load_data(name)
    rows = {part: {row.tobytes() for row in split.inputs[""]} for part, split in _parts(name).items()}
    assert data.held_out
    assert not rows["calibration"] & rows["evaluation"]
    assert data.calibration.n <= 512


def _parts(name: str) -> dict[str, object]:
    data = load_data(name)
    return {"calibration": data.calibration, "evaluation": data.evaluation}


def test_glyphs_show_why_channels_have_scales_of_their_own() -> None:
    """ONNX Runtime's own quantizer loses points on glyphs_mobilenet per tensor, at most half a one per channel."""
    manifest = get_sample("glyphs_mobilenet").manifest
    assert manifest is not None
    lost = {kind: manifest.float_accuracy.value - m.value for kind, m in manifest.onnxruntime_int8.items()}
    assert lost["tensor"] >= 0.02
    assert lost["channel"] <= 0.005


def test_the_vision_transformer_loses_by_its_activations() -> None:
    """ONNX Runtime's own quantizer loses points on digits_vit per tensor and per channel: weights are not the cause."""
    manifest = get_sample("digits_vit").manifest
    assert manifest is not None
    assert manifest.float_accuracy.value >= 0.97
    assert all(manifest.float_accuracy.value - m.value >= 0.02 for m in manifest.onnxruntime_int8.values())


def test_the_vision_transformer_has_the_outliers_that_its_manifest_tells_of() -> None:
    """In what its blocks' layers read, channels 3 and 17 are over 30 times the median channel, and no other is."""
    model = onnx.load(get_sample("digits_vit").model_path)
    read = [node.output[0] for node in model.graph.node if node.name.startswith("block") and "norm" in node.name]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in read)
    (inputs,) = load_data("digits").evaluation.head(64).inputs.values()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for values in session.run(read, {"image": inputs}):
        largest = np.abs(values).max((0, 1))
        assert np.flatnonzero(largest > 30 * np.median(largest)).tolist() == [3, 17]
    assert len(read) == 6


@pytest.mark.parametrize("name", ["digits_cnn", "tumour_mlp"])
def test_static_int8_by_somebody_else_loses_little(name: str) -> None:
    """ONNX Runtime's own quantizer, per channel, loses at most half a point."""
    manifest = get_sample(name).manifest
    assert manifest is not None
    assert manifest.float_accuracy.value - manifest.onnxruntime_int8["channel"].value <= 0.005


def test_shipped_samples_are_small() -> None:
    """A clone stays quick: all models and data together have less than 8 MB."""
    folder = get_sample("digits_cnn").model_path.parent.parent
    assert sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts) < 8e6


def test_data_of_a_sample_is_found_by_either_name() -> None:
    """'tumour' and 'tumour_mlp' are the same data, digest included; its columns have names."""
    assert load_data("tumour").digest == load_data("tumour_mlp").digest
    sample = sample_of_data("tumour")
    assert sample is not None
    assert sample.features[0] == "mean radius"
    assert len(sample.features) == load_data("tumour").evaluation.inputs[""].shape[1] == 30


@pytest.mark.parametrize("same", [True, False])
def test_a_name_of_data_stands_for_one_file(same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two samples may share their data, but not its name alone: one of them would be judged by the other's."""
    value = json.loads((samples_folder() / "tumour_mlp" / "manifest.json").read_text())
    other = {
        **value,
        "name": "lump_mlp",
        "sha256": {**value["sha256"]} if same else {**value["sha256"], "data.npz": "0"},
    }
    for each in (value, other):
        (tmp_path / each["name"]).mkdir()
        (tmp_path / each["name"] / "manifest.json").write_text(json.dumps(each))
    monkeypatch.setattr(shelf, "samples_folder", lambda: tmp_path)
    if same:
        assert {"lump_mlp", "tumour_mlp"} <= {sample.name for sample in list_samples()}
        return
    with pytest.raises(ValueError, match="'lump_mlp' and 'tumour_mlp' call different data 'tumour'"):
        list_samples()


def test_raw_values_are_kept_for_showing() -> None:
    """Before preprocessing, digits are the 8 x 8 pixels that were scanned, 0 to 16."""
    raw, preprocessing = load_raw("digits")
    images = raw.evaluation.inputs[""]
    assert images.shape[1:] == (8, 8)
    assert int(images.max()) == 16
    assert preprocessing.size == (32, 32)


def test_a_manifest_of_another_task_brings_its_own_metric() -> None:
    """A folder is enough for a sample of any task: it names task and metric; unknown, none and both are refused."""
    value = json.loads((samples_folder() / "tumour_mlp" / "manifest.json").read_text())
    measured = value.pop("float_accuracy")
    other = {**value, "task": "regression", "float_metric": {"metric": "rmse", "value": 2.5, "n": 200}}
    found = Manifest.model_validate(other).measured
    assert (found.metric, found.value, found.n) == ("rmse", 2.5, 200)
    assert Manifest.model_validate({**value, "float_accuracy": measured}).measured.metric == "accuracy"
    wrong = [{**other, "task": "regresion"}, value, {**other, "float_accuracy": measured}]
    wrong.append({**other, "float_metric": {"metric": "rsme", "value": 2.5, "n": 200}})
    for each in wrong:
        with pytest.raises(ValueError, match=r"task|metric|accuracy"):
            Manifest.model_validate(each)
