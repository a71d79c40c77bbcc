from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Accuracy, Latency, Run, Size, Status
from qexplorer.jobs.history import History
from qexplorer.load.model import load_model
from qexplorer.measure.comparison import Comparison
from tests.pages.app import open_app


def _run(recipe: str, *, speedup: float | None, valid: bool = True, sure: float = 0.01, weight_bytes: int = 400) -> Run:
    ends = None if speedup is None else (speedup / (1 + sure), speedup * (1 + sure))
    return Run(
        recipe,
        recipe,
        "onnxruntime",
        Status.OK,
        accuracy=Accuracy("accuracy", 0.9875, (0.97, 0.99), n=597),
        size=Size(weight_bytes, weight_bytes),
        latency_ms=Latency(1.0, 1.1, 1.2, (0.9, 1.1), 50, 1, 1, valid, speedup, ends),
    )


def _line(folder: Path, recipe: str, **choices: Any) -> list[str]:
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "recipe": recipe, "choices": choices}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    app = open_app(session="the-session")
    assert not app.exception
    return [link.proto.label for link in app.get("page_link")][:3]


def _keep(*runs: Run, id: str = "one", model: str = "tumour_mlp", **recipes: Recipe) -> None:
    about = {"name": "a name", "sha256": load_model(model).sha256}
    asked = {digest: recipe.to_yaml() for digest, recipe in ({"w8a8": Recipe.parse("w8a8")} | recipes).items()}
    found = Comparison(id, f"2026-01-0{len(id)}T00:00:00", about, {"name": "tumour"}, {}, runs, recipes=asked)
    History().add(found)


def test_not_compared_yet(workspace_folder: Path) -> None:
    """Before any comparison the line names model and recipe and says that nothing was compared."""
    assert _line(workspace_folder, "w8a8") == ["tumour\\_mlp", "w8a8", "not compared yet"]


def test_result(workspace_folder: Path) -> None:
    """The result is that of this model, this recipe and this backend: accuracy with its n, size and speed."""
    _keep(_run("float", speedup=None), _run("w8a8", speedup=1.93, weight_bytes=108), id="first")
    said = _line(workspace_folder, "w8a8")[2]
    judged = "ONNX Runtime\\: 98.8 % of 597 samples right, 0.27 of the weight bytes"
    assert said == f"{judged}, 1.93 times faster (1.91 to 1.95)"
    assert _line(workspace_folder, "w4a8")[2] == "not compared yet"


def test_slower(workspace_folder: Path) -> None:
    """A recipe that is slower is said to be slower."""
    _keep(_run("float", speedup=None), _run("w8a8", speedup=0.5), id="second")
    assert "2.00 times slower" in _line(workspace_folder, "w8a8")[2]


def test_noise_shows_in_the_interval(workspace_folder: Path) -> None:
    """On a noisy machine the speed-up is told by its interval; one whose interval says nothing is no speed-up."""
    _keep(_run("float", speedup=None), _run("w8a8", speedup=3.0, valid=False, sure=0.2), id="noisy")
    assert "2.5 to 3.6 times faster, on an unsteady machine" in _line(workspace_folder, "w8a8")[2]
    _keep(_run("float", speedup=None), _run("w8a8", speedup=1.2, valid=False, sure=1.0), id="noisier")
    assert "no difference in speed that could be seen" in _line(workspace_folder, "w8a8")[2]


def test_another_models_result(workspace_folder: Path) -> None:
    """The result of another model is not shown."""
    _keep(_run("float", speedup=None), _run("w8a8", speedup=3.0), model="digits_cnn")
    assert _line(workspace_folder, "w8a8")[2] == "not compared yet"


def test_a_name_is_not_a_recipe(workspace_folder: Path) -> None:
    """What another recipe of the same name came to is not credited to the one being edited; its own is, renamed too."""
    tight, wide = (Recipe.parse(f"name: mine\nweights: {{format: int{bits}}}\n") for bits in (4, 6))
    run = replace(_run("mine", speedup=1.5, weight_bytes=100), digest="tight")
    _keep(_run("float", speedup=None), run, id="own", tight=tight)
    assert _line(workspace_folder, wide.to_yaml())[1:] == ["mine", "not compared yet"]
    renamed = tight.model_copy(update={"name": "slim"})
    name, said = _line(workspace_folder, renamed.to_yaml())[1:]
    assert name == "slim"
    assert said.startswith("ONNX Runtime\\: 98.8 %")
