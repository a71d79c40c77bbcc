"""Training by each task's own loss on labels, without a teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from qexplorer.core.dataset import Split
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.core.plugins import TASKS
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.engine import train
from qexplorer.quantize.training.lesson_checks import class_axis
from qexplorer.quantize.training.losses import task_loss
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import TrainingOptions
from qexplorer.quantize.training.rounding.quantizers import Learns
from tests.made_up_algorithm import MadeUp
from tests.quantize.support import model_of

SHAPES = {
    "classification": (("n", 6), (6, 5)),
    "regression": (("n", 6), (6, 1)),
    "sequences": (("n", "t", 6), (6, 5)),
    "segmentation": (("n", 6, 4, 4), (5, 6, 1, 1)),
}
"""Input, and the weight of the only layer."""


def _case(task: str) -> tuple[QuantizedNetwork, object, Split]:
    """A layer of 2-bit weights that has to be found from scratch, and 96 samples whose labels another one made."""
    random = np.random.default_rng(0)
    given, weight = SHAPES[task]
    kind = "Conv" if task == "segmentation" else "MatMul"
    first = numpy_helper.from_array(0.1 * random.normal(size=weight).astype(np.float32), "w")
    answer = ["n", *given[1:-1], weight[-1]] if kind == "MatMul" else ["n", weight[0], 4, 4]
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "w"], ["y"], "layer")],
        task,
        [helper.make_tensor_value_info("x", 1, given)],
        [helper.make_tensor_value_info("y", 1, answer)],
        [first],
    )
    model = model_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), task)
    wanted, algorithm = Recipe.parse("ternary"), MadeUp("entry", needs=Needs.DATA | Needs.GRADIENTS)
    draft = PlanDraft(model, wanted, make_plan(model, wanted, None), Materials(), algorithm)  # type: ignore[arg-type]
    x = random.normal(size=[96, *(3 if d == "t" else d for d in given[1:])]).astype(np.float32)
    true = random.choice([-1.0, 0.0, 1.0], size=weight).astype(np.float32)
    scores = np.einsum("nchw,kc->nkhw", x, true[:, :, 0, 0]) if kind == "Conv" else x @ true
    if task == "regression":
        labels = scores[:, 0]
    else:
        labels = scores.argmax(1 if kind == "Conv" else -1)
        if task != "classification":
            labels[0] = {"sequences": -100, "segmentation": 255}[task]
    return QuantizedNetwork(draft, learns=Learns()), model, Split({"x": x}, labels)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.usefixtures("shared_workspace")
def test_its_own_loss_alone_teaches(name: str, tmp_path: Path) -> None:
    """From a weight that knows nothing, the loss on samples held back falls to less than two thirds; labels that are
    none do not count."""
    network, model, split = _case(name)
    task = TASKS.get(name)
    trained = train(
        network,
        model,  # type: ignore[arg-type]
        split,
        task_loss(task.loss),
        TrainingOptions(epochs=40, batch=16, rate=5e-2, grid_rate=5e-2, distillation=0.0),
        axis=class_axis(task, model.outputs),  # type: ignore[attr-defined]
        kept=tmp_path / "state.pt",
        progress=lambda *_: None,
    )
    assert trained.stopped is None
    assert trained.epochs[trained.best].held_back < 0.67 * trained.epochs[0].held_back
