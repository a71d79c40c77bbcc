"""A backend that gets one thing wrong in one layer is refused by name; one that gets nothing wrong passes."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from benchmarks import graph_edit, graph_faults, injected_faults

QUICK = (
    "zero point of the output off by one",
    "one bit of one weight flipped",
    "rounding down",
    "padding with the largest code",
    "last sample of a batch answers as the first",
    "lowest bit of the result lost",
)
TAIL = ("behind the last layer: a factor rounded to float16", "behind the last layer: Exp as 1 + x")


@pytest.mark.parametrize(("model", "names"), [("digits_cnn", QUICK), ("detector", (QUICK[2], *TAIL))])
def test_each_fault_is_refused_by_name_and_the_right_backend_passes(
    model: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    """Faults of a kernel name the layer, faults of float arithmetic behind the last one name the output."""
    case = injected_faults.case_of(model, 32, tmp_path)
    faults = {name: graph_faults.FAULTS[name] for name in names}
    layer = graph_edit.layer_of(onnx.load(str(case.path)))
    right, *found = injected_faults.outcomes(case, faults.items(), tmp_path)
    assert right.refused is None
    assert [each.fault for each in found] == list(names)
    for each in found:
        assert each.caught, each
        inside = not each.fault.startswith(graph_faults.TAIL)
        assert (f"'{layer}' is the first that is wrong by itself" in (each.refused or "")) == inside


def test_a_fault_is_in_one_layer_only(tmp_path: Path) -> None:
    """Constants that layers share are copied before one is changed: every other node keeps what it reads."""
    case = injected_faults.case_of("digits_cnn", 8, tmp_path)
    model = onnx.load(str(case.path))
    before = {node.output[0]: list(node.input) for node in model.graph.node}
    edit = graph_edit.Edit(model, graph_edit.layer_of(model))
    assert graph_faults.FAULTS["zero point of the output off by one"](edit)
    changed = [name for node in model.graph.node if before[name := node.output[0]] != list(node.input)]
    assert changed == [edit.quantizer().output[0]]
