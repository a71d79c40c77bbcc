"""What a draft lets an algorithm change, what it refuses, and what becomes of it in plan and file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qexplorer.core.grid import quantize
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.changes import Changes, changed_plan
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.changes.kept import load_changes, save_changes
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from tests.made_up_algorithm import MadeUp
from tests.quantize.support import case, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def draft_of(graph: str, recipe: str, needs: Needs = Needs.NOTHING) -> PlanDraft:
    """A draft of the plan of one graph."""
    one, wanted = case(graph), Recipe.parse(recipe)
    plan = make_plan(one.model, wanted, one.statistics)
    return PlanDraft(one.model, wanted, plan, Materials(one.statistics), MadeUp("entry", needs=needs))  # type: ignore[arg-type]


def written(draft: PlanDraft) -> onnx.ModelProto:
    """The file of the plan with the draft's changes."""
    return emit(draft.model, draft.recipe, draft.plan)


def stored(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Constants by name."""
    return {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}


@pytest.mark.parametrize("recipe", ["w4a8-tensor", "w8a8", "w4", "w4-b8", "w8a8-dynamic"])
def test_codes_that_are_set_are_the_codes_of_the_file(recipe: str) -> None:
    """Whatever the granularity and the treatment, plan and file hold the chosen codes and the others stay."""
    draft = draft_of("cnn", recipe)
    key = draft.plan.constants["classifier"][1]
    tensor = draft.plan.tensors[key]
    values = draft.values("classifier", 1)
    assert values is not None
    codes = quantize(values, tensor.grid)
    chosen = np.where(codes > 0, codes - 1, codes).astype(np.int32)
    before = stored(written(draft))
    draft.set_codes("classifier", 1, chosen)
    after = stored(written(draft))
    assert draft.plan.tensors[key].codes is not None
    name = next(name for name in after if name.startswith(f"{key}/codes"))
    found = np.asarray(after[name], np.int32)
    if recipe in ("w4", "w4-b8"):  # scales of either sign
        chosen, _ = tensor.grid.with_signs(chosen)
    assert np.array_equal(found if found.shape == chosen.shape else found.T, chosen)
    assert {other for other in after if not np.array_equal(after[other], before[other])} == {name}


def test_a_grid_can_be_replaced_along_with_the_codes() -> None:
    """Twice the scale is in the file; a grid of another format, axis, block or shape is refused."""
    draft = draft_of("mlp", "w4")
    layer = next(iter(draft.plan.constants))
    key = draft.plan.constants[layer][1]
    grid, values = draft.plan.tensors[key].grid, draft.values(layer, 1)
    assert values is not None
    wider = replace(grid, scale=grid.scale * np.float32(2))
    draft.set_codes(layer, 1, quantize(values, wider), grid=wider)
    assert np.array_equal(np.abs(stored(written(draft))[f"{key}/scale"]), wider.scale)
    flat = replace(grid, axis=None, scale=np.float32(1), zero_point=np.int32(0))
    with pytest.raises(ValueError, match="must keep its format, axis, block and shape"):
        draft.set_codes(layer, 1, quantize(values, grid), grid=flat)


def test_codes_that_do_not_fit_are_refused() -> None:
    """Another shape or type, codes beyond the grid, and inputs without a grid."""
    draft = draft_of("cnn", "w4a8")
    values = draft.values("classifier", 1)
    assert values is not None
    zeros = np.zeros(values.shape, np.int32)
    for codes in (zeros.T, zeros.astype(np.int64)):
        with pytest.raises(ValueError, match="must be int32 of shape"):
            draft.set_codes("classifier", 1, codes)
    with pytest.raises(ValueError, match="must lie between -7 and 7"):
        draft.set_codes("classifier", 1, zeros + 8)
    with pytest.raises(ValueError, match="is on no grid"):
        draft.set_codes("classifier", 0, zeros)


def test_codes_of_small_floats_are_not_in_the_order_of_values() -> None:
    """All codes of fp8 can be set, those of negative values included; the code of a NaN cannot."""
    draft = draft_of("cnn", "weights: {format: fp8_e4m3, granularity: tensor}\n")
    values = draft.values("classifier", 1)
    assert values is not None
    codes = quantize(values, draft.plan.tensors[draft.plan.constants["classifier"][1]].grid)
    assert codes.max() > 128
    draft.set_codes("classifier", 1, codes)
    with pytest.raises(ValueError, match="must lie between"):
        draft.set_codes("classifier", 1, np.full_like(codes, 127))


@pytest.mark.parametrize("format", ["fp4_e2m1", "fp6_e3m2", "fp8_e4m3", "fp8_e5m2"])
def test_a_small_negative_value_may_be_rounded_to_the_second_zero(format: str) -> None:
    """What is so near to zero has the code of -0, and learned weights pass through there."""
    draft = draft_of("cnn", f"weights: {{format: {format}, granularity: tensor}}\n")
    values = draft.values("classifier", 1)
    assert values is not None
    codes = quantize(np.full_like(values, -1e-30), draft.plan.tensors[draft.plan.constants["classifier"][1]].grid)
    assert (codes > 0).all()
    draft.set_codes("classifier", 1, codes)


def test_codes_of_an_int32_bias_are_a_vector() -> None:
    """A bias of shape ``(1, n)`` has codes ``(n,)``, and they are written."""
    draft = draft_of("mlp", "w8a8")
    layer = next(la.name for la in draft.plan.layers if la.name == "gemm2")
    key = draft.plan.constants[layer][2]
    channels = draft.plan.tensors[key].grid.scale.shape
    codes = np.arange(channels[0], dtype=np.int32)
    draft.set_codes(layer, 2, codes)
    assert any(np.array_equal(each, codes) for each in stored(written(draft)).values() if each.dtype == np.int32)


def test_a_changed_constant_is_one_layers_own() -> None:
    """Other layers that share it keep the old one, a second change replaces the first, and so says the draft."""
    draft = draft_of("shared", "w8")
    old = draft.values("twice", 2)
    assert old is not None
    draft.set_constant("once", 2, old + 1)
    draft.set_constant("once", 2, old + 2)
    assert np.array_equal(draft.values("twice", 2), old)  # type: ignore[arg-type]
    assert len(draft.plan.changed) == 1
    proto = written(draft)
    nodes = {node.name: node for node in proto.graph.node}
    assert nodes["once"].input[2] != nodes["twice"].input[2]
    assert np.array_equal(stored(proto)[nodes["once"].input[2]], old + 2)


def test_a_changed_weight_is_rounded_on_its_grid() -> None:
    """A weight with other values keeps its grid, and its codes are those of the new values."""
    draft = draft_of("two", "w8")
    old = draft.values("head", 1)
    assert old is not None
    grid = draft.plan.tensors[draft.plan.constants["head"][1]].grid
    draft.set_constant("head", 1, old / 2)
    key = draft.plan.constants["head"][1]
    assert np.array_equal(stored(written(draft))[f"{key}/codes"], quantize(old / 2, grid))
    assert all(np.isfinite(answer).all() for answer in run(written(draft), case("two").feeds))


def test_what_is_not_declared_is_not_handed_out() -> None:
    """Reading data or statistics without declaring the need is an error of the algorithm, since no digest covers it."""
    with pytest.raises(ValueError, match="does not declare to need"):
        _ = draft_of("mlp", "w8").calibration
    with pytest.raises(ValueError, match="does not declare to need"):
        _ = draft_of("mlp", "w8").statistics
    assert draft_of("mlp", "w8", Needs.STATISTICS).statistics is case("mlp").statistics


def _changes() -> tuple[PlanDraft, Changes]:
    draft = draft_of("shared", "w4a8")
    bias = draft.values("once", 2)
    assert bias is not None
    draft.set_constant("once", 2, bias * 2)
    weight = draft.values("twice", 1)
    assert weight is not None
    grid = draft.plan.tensors[draft.plan.constants["twice"][1]].grid
    draft.set_codes("twice", 1, np.maximum(quantize(weight, grid), 0))
    draft.remark("twice", "only codes that are not negative")
    return draft, draft.changes


def test_changes_survive_their_file(tmp_path: Path) -> None:
    """What was kept gives the same plan and the same file, int32 grids included."""
    draft, changes = _changes()
    save_changes(changes, tmp_path / "kept.npz")
    kept = load_changes(tmp_path / "kept.npz")
    assert kept is not None
    base = make_plan(draft.model, draft.recipe, case("shared").statistics)
    again = changed_plan(base, kept)
    assert again.to_json() == draft.plan.to_json()
    assert again.layer("twice").reason.endswith("; only codes that are not negative")
    files = [emit(draft.model, draft.recipe, plan).SerializeToString() for plan in (draft.plan, again)]
    assert files[0] == files[1]


def test_learned_levels_survive_the_file_of_changes(tmp_path: Path) -> None:
    """Those that channels learned, and those that they share: the decoded weights are the same."""
    for recipe in ("codebook2", "codebook2-b8"):
        draft = draft_of("long_rows", recipe)
        for layer, keys in draft.plan.constants.items():
            grid, values = draft.plan.tensors[keys[1]].grid, draft.values(layer, 1)
            assert values is not None
            draft.set_codes(layer, 1, np.maximum(quantize(values, grid), 1), grid=grid)
        save_changes(draft.changes, tmp_path / "kept.npz")
        kept = load_changes(tmp_path / "kept.npz")
        assert kept is not None
        again = changed_plan(make_plan(draft.model, draft.recipe, case("long_rows").statistics), kept)
        files = [emit(draft.model, draft.recipe, plan).SerializeToString() for plan in (draft.plan, again)]
        assert files[0] == files[1]


def test_a_damaged_file_of_changes_counts_as_none(tmp_path: Path) -> None:
    """No file, half a file, and another version's are all made anew."""
    path = tmp_path / "kept.npz"
    assert load_changes(path) is None
    whole = save_changes(_changes()[1], path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert load_changes(path) is None
    np.savez(path, head=np.frombuffer(b'{"schema": 0}', np.uint8))
    assert load_changes(path) is None
