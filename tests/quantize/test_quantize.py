"""The kept file: where it is, what identifies it, what is in it and how large it is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import workspace
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize import quantize as module
from qexplorer.quantize.quantize import digest_of, kept_quantized, quantize_model
from tests.quantize.given_data import data_of
from tests.quantize.graphs import Builder
from tests.quantize.support import Case, case, model_of


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


@pytest.fixture
def one() -> Case:
    """A residual network."""
    return case("block")


def test_the_file_is_named_by_its_digest_and_used_again(one: Case) -> None:
    """The second call writes nothing."""
    first = quantize_model(one.model, Recipe.parse("w8a8"), one.statistics)
    assert first.path == workspace("quantized") / f"{first.digest}.onnx"
    written = first.path.stat().st_mtime_ns
    again = quantize_model(one.model, Recipe.parse("w8a8"), one.statistics)
    assert again.path.stat().st_mtime_ns == written
    assert again.weight_bytes == first.weight_bytes


def test_the_digest_follows_what_the_file_depends_on(one: Case) -> None:
    """Model, recipe and statistics change it; a recipe's name and statistics that are not needed do not."""
    w8a8, w8 = Recipe.parse("w8a8"), Recipe.parse("w8")
    base = digest_of(one.model, w8a8, one.statistics)
    assert digest_of(one.model, w8a8.model_copy(update={"name": "other"}), one.statistics) == base
    assert digest_of(one.model, w8, one.statistics) != base
    assert digest_of(case("cnn").model, w8a8, one.statistics) != base
    assert digest_of(one.model, w8a8, case("cnn").statistics) != base
    assert digest_of(one.model, w8, one.statistics) == digest_of(one.model, w8, None)


@pytest.mark.parametrize(("name", "other"), [("SCHEMA", 0), ("__version__", "0")])
def test_another_program_makes_another_file(
    one: Case, name: str, other: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier version wrote is not taken for what this one would write."""
    before = digest_of(one.model, Recipe.parse("w8"), None)
    monkeypatch.setattr(module, name, other)
    assert digest_of(one.model, Recipe.parse("w8"), None) != before


@pytest.mark.parametrize("recipe", ["fp16", "weights: {}\nactivations: {}\nalgorithms: [bias_correction]"])
def test_where_samples_are_read_the_digest_follows_them(one: Case, recipe: str) -> None:
    """Which data, and how many samples of them; more than there are is all. What reads none does not care."""
    asked, data, moved = Recipe.parse(recipe), data_of(one), data_of(one, 1)

    def digest(data: DataSet | None, samples: int = 512, asked: Recipe = asked) -> str:
        return digest_of(one.model, asked, one.statistics, data, samples=samples)

    assert len({digest(None), digest(data), digest(moved), digest(data, 8)}) == 4
    assert digest(data) == digest(data, 64) == digest(data, 10_000)
    assert digest(data, asked=Recipe.parse("w8a8")) == digest(moved, 8, Recipe.parse("w8a8"))


def test_a_format_that_ends_somewhere_follows_what_was_observed(one: Case) -> None:
    """float16 looks at ranges, where the recipe or a rule asks for it; bfloat16 and weights alone do not."""
    rule = "weights: {}\nlayers: [{match: '*', weights: {format: fp16}, activations: {format: fp16}}]"
    for recipe, follows in (("fp16", True), (rule, True), ("bf16", False), ("w8", False)):
        digests = {digest_of(one.model, Recipe.parse(recipe), each) for each in (None, one.statistics)}
        assert len(digests) == (2 if follows else 1), recipe


def test_a_file_that_was_changed_is_written_again(one: Case) -> None:
    """It is no longer taken for what it was."""
    made = quantize_model(one.model, Recipe.parse("w8"), None)
    assert kept_quantized(made.digest) == made.path
    whole = made.onnx
    made.path.write_bytes(whole[:-1])
    assert kept_quantized(made.digest) is None
    assert quantize_model(one.model, Recipe.parse("w8"), None).onnx == whole


def test_which_samples_were_needed_is_told(one: Case) -> None:
    """By the data, by the statistics alone, or not at all where none were."""
    assert quantize_model(one.model, Recipe.parse("w8"), one.statistics).calibration is None
    alone, beside = (
        quantize_model(one.model, Recipe.parse("w8a8"), one.statistics, data) for data in (None, data_of(one))
    )
    assert (alone.calibration, beside.calibration) == ("64 calibration samples", "all 64 calibration samples")


def test_an_output_that_a_float_layer_makes_has_no_steps() -> None:
    """Its grid is that of what reads it."""
    b = Builder(2)
    h = b.node("Sin", b.input("x", ("n", 6)), name="wave")
    b.output(h, 2)
    b.output(b.node("Gemm", h, b.normal(6, 3), name="dense"), 2)
    model = model_of(b.model(), "wave")
    feeds = {"x": b.random.normal(size=(16, 6)).astype(np.float32)}
    made = quantize_model(model, Recipe.parse("w8a8"), collect(model, Split(feeds), threads=1))
    assert "wave_out" in made.plan.tensors
    assert list(made.output_scales) == ["dense_out"]


def test_a_failure_leaves_no_file(one: Case) -> None:
    """Without statistics a static recipe raises, and nothing lies in the workspace."""
    before = sorted(workspace("quantized").iterdir())
    with pytest.raises(RecipeError, match="calibration data"):
        quantize_model(one.model, Recipe.parse("w7a7"), None)
    assert sorted(workspace("quantized").iterdir()) == before


def test_the_file_says_what_made_it(one: Case) -> None:
    """Producer and recipe are in the metadata, opset 21 and IR 10 are kept, and the recipe can be read back."""
    quantized = quantize_model(one.model, Recipe.parse("w4a8"), one.statistics)
    proto = onnx.load_from_string(quantized.onnx)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert proto.producer_name == "qexplorer"
    assert Recipe.parse(metadata["qexplorer.recipe"]) == Recipe.parse("w4a8")
    assert (proto.opset_import[0].version, proto.ir_version) == (21, 10)


def test_saving_copies_the_file(one: Case, tmp_path: Path) -> None:
    """``save`` writes the same bytes elsewhere."""
    quantized = quantize_model(one.model, Recipe.parse("w8"), None)
    assert quantized.save(tmp_path / "copy.onnx").read_bytes() == quantized.onnx


def test_output_scales_are_those_of_outputs_on_a_grid(one: Case) -> None:
    """A static recipe ends on a grid, a weight-only recipe does not."""
    static = quantize_model(one.model, Recipe.parse("w8a8"), one.statistics)
    name = one.model.outputs[0].name
    assert static.output_scales == {name: float(static.plan.tensors[name].grid.scale)}
    assert quantize_model(one.model, Recipe.parse("w8"), None).output_scales == {}


@pytest.mark.parametrize(("bits", "expected"), [(8, 64 * 32), (4, 32 * 32), (3, 64 * 32 * 3 // 8), (2, 16 * 32)])
@pytest.mark.parametrize("suffix", ["a8", ""])
def test_weight_bytes_count_packed_codes_whatever_carries_them(bits: int, expected: int, suffix: str) -> None:
    """A 64 x 32 weight with one scale takes its packed bytes, static or weight-only; scales come on top, and zero
    points where signs of scales do not say them."""
    b = Builder()
    b.output(b.node("MatMul", b.input("x", ("n", 64)), b.normal(64, 32), name="dense"), 2)
    model = model_of(b.model(), "dense")
    feeds = {"x": b.random.normal(size=(16, 64)).astype(np.float32)}
    statistics = collect(model, Split(feeds), threads=1)
    quantized = quantize_model(model, Recipe.parse(f"w{bits}{suffix}-tensor"), statistics)
    point = 1 if suffix or bits >= 8 else 0
    assert expected + 4 + point <= quantized.weight_bytes <= expected + 4 * 3 + 4
    assert quantized.plan.layer("dense").weight_bytes == expected + 4 + point


def test_int4_makes_the_file_smaller() -> None:
    """Weight-only int4 is stored in real 4-bit tensors: less than a fifth of the float file's weights."""
    b = Builder()
    h = b.node("MatMul", b.input("x", ("n", 128)), b.normal(128, 256))
    b.output(b.node("MatMul", h, b.normal(256, 128)), 2)
    model = model_of(b.model(), "wide")
    sizes = {r: quantize_model(model, Recipe.parse(r), None).path.stat().st_size for r in ("w8", "w4", "w4-b32")}
    assert sizes["w8"] < 0.3 * model.file_bytes
    assert sizes["w4"] < 0.16 * model.file_bytes
    assert sizes["w4"] < sizes["w4-b32"] < 0.2 * model.file_bytes


@pytest.mark.parametrize(("recipe", "largest"), [("w8a8", 0.30), ("w8", 0.30), ("w4a8", 0.2), ("fp16", 0.51)])
def test_a_quantized_model_takes_the_fraction_of_bytes_that_its_name_says(recipe: str, largest: float) -> None:
    """Bytes of weights, scales and biases together against float32, on a network large enough for scales to be few."""
    b = Builder()
    x = b.input("x", ("n", 32, 8, 8))
    b.output(b.conv(b.node("Relu", b.conv(x, 32, 64)), 64, 64), 4)
    model = model_of(b.model(), "large")
    feeds = {"x": b.random.normal(size=(8, 32, 8, 8)).astype(np.float32)}
    statistics = collect(model, Split(feeds), threads=1)
    quantized = quantize_model(model, Recipe.parse(recipe), statistics)
    assert quantized.weight_bytes < largest * model.weight_bytes
