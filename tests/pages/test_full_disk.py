"""Pages on a disk that refuses: what was measured is shown, and what is chosen works until the page is closed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.workspace import workspace
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import FILE
from qexplorer.jobs.records import write_json
from qexplorer.ui import session
from tests.jobs.orders import DATA, MODEL
from tests.pages.app import open_app, texts
from tests.report.comparisons import BACKEND, comparison, float_run, quantized_run

SESSION = "disk-tests"


def test_a_comparison_that_is_not_in_the_record_is_shown_and_can_be_taken_away() -> None:
    """The page has the results, says why they are not kept, and offers the downloads."""
    (workspace() / FILE).mkdir()
    made = comparison(float_run(BACKEND), quantized_run(BACKEND))
    job_id = "compare-0123456789ab"
    folder = workspace("jobs", job_id)
    order = CompareOrder(model=MODEL, data=DATA, recipes=("w8a8",)).model_dump(mode="json")
    write_json(folder / "order.json", {"kind": "compare", "order": order, "digest": "d", "started": 1.0})
    result = {"comparison": made.id, "unkept": "runs.sqlite: no", "body": made.to_json()}
    (folder / "events.jsonl").write_text(json.dumps({"event": "result", "value": result}, default=str) + "\n")
    value = {"model": "tumour_mlp", "data": "tumour", "jobs": {"compare": job_id}}
    write_json(workspace("sessions") / f"{SESSION}.json", value)
    app = open_app("pages/compare.py", session=SESSION)
    assert not app.exception
    (warning,) = app.warning
    assert "is not in the list of those compared before (runs.sqlite: no)" in warning.value.replace("\\", "")
    assert "Results as JSON" in [button.proto.label for button in app.get("download_button")]


def test_a_session_that_cannot_be_kept_works_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice takes effect although the disk can only be read; the page says that it will be forgotten."""

    def refused(path: Path, _data: bytes) -> Path:
        raise InputError("cannot be written: this disk can only be read", where=path.name)

    app = open_app(session=SESSION)
    monkeypatch.setattr(session, "write_atomically", refused)
    app.sidebar.selectbox("side_model").select("tumour_mlp").run()
    app.run()
    assert app.session_state["qexplorer_state"].model == "tumour_mlp"
    assert "forgotten when this page is closed" in app.warning[0].value
    assert not app.exception


def test_without_a_workspace_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the place of the workspace is told with its path, and nothing else is drawn."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "file"))
    app = open_app()
    (error,) = app.error
    assert f"{tmp_path}/file: a file stands where a folder must be" in error.value.replace("\\", "")
    assert not app.exception
    assert "No model yet" not in texts(app)
