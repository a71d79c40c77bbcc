"""Every page with names that try to be more than text: no field that Streamlit draws as Markdown obeys them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import qexplorer as qx
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.usage import Usage, UsageSample
from qexplorer.core.workspace import workspace
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.sweep import SweepOrder, sweep_path
from qexplorer.jobs.live import NOTES, WINDOWS
from qexplorer.jobs.records import write_json
from qexplorer.jobs.references import refer_to_data, refer_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.measure.arithmetic.saturation import _path as saturation_path
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.kept import write_kept
from qexplorer.measure.ladder.ladder import _path as ladder_path
from qexplorer.measure.live.windows import LiveSide, LiveWindow
from qexplorer.ui.compare.results import _SECTIONS
from tests.hostile.hostile_names import EVIL, faults, hostile_data, hostile_model, poisoned
from tests.measure.timing.test_sweep import SWEPT
from tests.pages.app import ROOT, open_app
from tests.report.comparisons import BACKEND, comparison, float_run, quantized_run
from tests.report.ladders import ladder, report

SESSION = "hostile-names"
PAGES = sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py"))
RECIPE = f"name: {json.dumps(EVIL)}\nweights: {{format: int8}}\nactivations: {{format: uint8}}\n"
KEPT = frozenset(
    ("id", "created", "digest", "sha256", "backend", "recipe", "recipes", "quantized", "predictions", "form", "yaml")
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Model, Path]:
    """A comparison of a model, data and a recipe with such names, and with such texts in all that was found out."""
    folder = tmp_path_factory.mktemp("hostile")
    model, data = load_model(hostile_model(folder / "net.onnx")), load_data(hostile_data(folder / "data.npz"))
    made = qx.quantize(model, Recipe.parse(RECIPE), data)
    looks = Usage.of([UsageSample(0.25 * i, (10.0, 90.0), 50_000_000) for i in range(8)])
    runs = (float_run(usage=looks), replace(quantized_run(EVIL, usage=looks), digest=made.digest))
    facts = {"name": EVIL, "sha256": model.sha256}
    about = {"name": EVIL, "digest": data.digest, "n_judged": 10, "classes": [EVIL, f"{EVIL}2"], "notes": [EVIL]}
    whole = comparison(*runs, quantized={made.digest: str(made.path)}, recipes={made.digest: RECIPE})
    return poisoned(replace(whole, model=facts, data=about), KEPT), model, folder / "data.npz"


@pytest.fixture
def session(found: Any, shared_workspace: Path) -> dict[str, Any]:
    """A session about all that, as its file has it."""
    assert shared_workspace.is_dir()
    _, model, data = found
    choices = {"model_name": EVIL, "look_closer": "Before and after"}
    return {"model": str(model.path), "data": str(data), "recipe": RECIPE, "compare": [RECIPE], "choices": choices}


def opened(page: str, session: dict[str, Any], *errors: str) -> AppTest:
    """The page in that session, which shows no errors but these."""
    write_json(workspace("sessions") / f"{SESSION}.json", session)
    app = open_app(page, session=SESSION)
    assert not app.exception
    assert [error.value for error in app.error if not any(words in error.value for words in errors)] == []
    return app


@pytest.mark.parametrize("page", PAGES)
def test_pages_read_names(page: str, session: dict[str, Any]) -> None:
    """Model, data and recipe are shown on every page, and nothing of their names is a sign, a colour or a picture."""
    app = opened(page, session)
    assert "evil" in str(app.get("page_link")[0].proto)
    assert faults(app) == []


@pytest.mark.parametrize("section", _SECTIONS)
def test_sections_of_a_comparison_read_names(section: str, session: dict[str, Any], found: Any) -> None:
    """Reasons, notes, kernels, layers and classes of what was compared are read in every section."""
    whole, model, data = found
    digest = whole.runs[1].digest
    order = CompareOrder(model=refer_to_model(str(model.path)), data=refer_to_data(data), recipes=(RECIPE,), samples=40)
    History().add(whole, order=order)
    keys = (digest, str(whole.data["digest"]), 40)
    write_json(ladder_path(*keys, [BACKEND]), poisoned(ladder(), KEPT).to_json())
    write_json(saturation_path(*keys), poisoned(report(), KEPT).to_json())
    swept = SweepOrder(model=order.model, data=order.data, recipes=(RECIPE,), backend=BACKEND)
    write_kept(sweep_path(swept), poisoned(SWEPT, KEPT).to_json())
    choices = session["choices"] | {"comparison": [whole.id, session["model"]], "behind": section}
    app = opened("pages/compare.py", session | {"choices": choices})
    assert "evil" in "".join(str(each.value) for each in app.markdown)
    assert faults(app) == []


def test_a_stream_reads_names(session: dict[str, Any], found: Any) -> None:
    """Notes, reasons and classes of page Live."""
    _, model, data = found
    folder = workspace("jobs", "live-0123456789ab")
    order = {"model": refer_to_model(str(model.path)), "data": refer_to_data(data)}
    plain = {name: each.model_dump(mode="json") for name, each in order.items()} | {"sides": {}}
    write_json(folder / "order.json", {"kind": "live", "order": plain, "digest": "d", "started": 1.0})
    write_json(folder / "ended.json", {})
    (folder / "events.jsonl").write_text(
        json.dumps({"event": "error", "error": {"type": "ChildError", "what": EVIL}}) + "\n"
    )
    side = LiveSide(EVIL, 20, 2.0, 2.5, 500.0, 0.4, 3.0, "estimated", 100, 90, 0.9, (0.8, 0.95))
    window = LiveWindow(7.0, {"a": side}, (50.0, 10.0), 80_000_000, position=3, said={"a": 1}, metric="accuracy")
    (folder / WINDOWS).write_text(json.dumps(window.to_json()) + "\n")
    write_json(folder / NOTES, {"b": EVIL})
    app = opened("pages/live.py", session | {"jobs": {"live": "live-0123456789ab"}}, "evil")
    assert "evil" in str([each.proto for each in app.get("alert")]) + str([each.value for each in app.warning])
    assert faults(app) == []
