"""Page Compare: picking, the job and its endings, results, flipped samples, the record."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.results import Accuracy, Run, Size, Status
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.records import write_json
from qexplorer.jobs.references import refer_to_data, refer_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.load.samples.shelf import get_sample
from qexplorer.run.registry import backend_label
from tests.jobs.orders import DATA, MODEL
from tests.pages.app import check_cancel, open_app, texts, when_ended
from tests.report.comparisons import BACKEND, comparison, float_run, quantized_run

SESSION = "compare-tests"


def opened(model: str = "tumour_mlp", data: str | None = "tumour", **state: Any) -> AppTest:
    """The page in a session that has a model."""
    value = {"model": model, "data": data} | state
    write_json(workspace("sessions") / f"{SESSION}.json", value)
    return open_app("pages/compare.py", session=SESSION)


def ended_job(ending: str, **files: Any) -> str:
    """A compare job on disk that has ended with this event; returns its id."""
    job_id = "compare-0123456789ab"
    folder = workspace("jobs", job_id)
    order = CompareOrder(model=MODEL, data=DATA, recipes=("w8a8",)).model_dump(mode="json")
    write_json(folder / "order.json", {"kind": "compare", "order": order, "digest": "d", "started": 1.0})
    (folder / "events.jsonl").write_text(ending + "\n")
    for name in files:
        (folder / name).touch()
    return job_id


def group(app: AppTest, key: str) -> Any:
    """The pills or segments with this key."""
    return next(g for g in app.get("button_group") if g.key == key)


def test_empty_page_does_something() -> None:
    """Without a model the page says so, and its button loads one."""
    app = open_app("pages/compare.py")
    assert "No model yet" in texts(app)
    app.button[0].click().run()
    assert app.session_state["qexplorer_state"].model == "digits_cnn"
    assert not app.button("compare_start").disabled


def test_a_real_comparison_through_the_page() -> None:
    """One click runs float and two recipes, keeps the result, and shows it also after a reload."""
    app = opened(choices={"compare_samples": 60})
    app.button("compare_start").click().run()
    assert app.button("compare_start").disabled
    assert when_ended(app, "compare").error is None
    again = open_app("pages/compare.py", session=SESSION)
    assert not again.exception
    table = next(t.value for t in again.dataframe if "latency" in t.value.columns)
    assert list(table["run"]) == ["float", "w8a8", "w4a8"]
    assert all("n 60" in cell for cell in table["accuracy"])
    said = texts(again)
    assert "of the weight bytes" in said
    labels = {d.proto.label for d in again.get("download_button")}
    assert labels == {"ONNX", "Recipe", "Results as JSON", "Results as CSV", "SVG", "PNG", "CSV"}


def test_double_clicks_are_one_job() -> None:
    """Starting the same comparison from two sessions at once starts it once."""
    one, other = opened(), open_app("pages/compare.py", session=SESSION)
    one.button("compare_start").click().run()
    other.button("compare_start").click().run()
    jobs = [app.session_state["qexplorer_state"].jobs["compare"] for app in (one, other)]
    assert jobs[0] == jobs[1]
    manager.cancel(jobs[0])


def test_cancel_from_the_page() -> None:
    """While it runs there is a cancel, and after it the page says so and can start again."""
    check_cancel(opened(model="digits_cnn", data="digits"), "compare")


def test_a_failed_job_says_why() -> None:
    """The reason of a failed job stands on the page as one sentence, until it is dismissed."""
    error = '{"type": "DataError", "what": "the zip is empty", "where": "a.zip"}'
    job_id = ended_job(f'{{"event": "error", "error": {error}}}')
    app = opened(jobs={"compare": job_id})
    assert any("a.zip: the zip is empty" in e.value.replace("\\", "") for e in app.main.error)
    app.button(f"dismiss_page_compare_{job_id}").click().run()
    assert not app.main.error


def test_a_dead_job_says_why() -> None:
    """A job whose process is gone without a word is failed, and the page says at which step."""
    job_id = ended_job('{"event": "progress", "step": "timing on onnxruntime", "done": 0.6}')
    app = opened(jobs={"compare": job_id})
    assert any("timing on onnxruntime" in e.value for e in app.main.error)
    assert not app.button("compare_start").disabled


def test_a_job_of_another_model_is_not_this_models_result() -> None:
    """After another model is chosen, the page does not show the last model's result as its own."""
    History().add(comparison())
    job_id = ended_job('{"event": "result", "value": {"comparison": "c1"}}')
    assert "no difference in accuracy" in texts(opened(jobs={"compare": job_id}))
    assert "no difference in accuracy" not in texts(opened("digits_cnn", "digits", jobs={"compare": job_id}))


def test_without_data_it_says_what_is_missing() -> None:
    """Without data, or without recipes, the button is off and says what to do."""
    app = opened(data=None)
    assert app.button("compare_start").disabled
    assert "Choose data" in texts(app)
    app = opened(compare=[])
    assert app.button("compare_start").disabled
    assert "Pick at least one recipe" in texts(app)


def test_data_that_does_not_fit_is_said_before_anybody_waits() -> None:
    """With data of another model the button is off, and the sentence says what does not fit."""
    app = opened("tumour_mlp", "digits")
    assert app.button("compare_start").disabled
    assert "takes samples of shape (30,)" in texts(app)


def test_a_typed_name_that_is_no_recipe_is_refused() -> None:
    """A typed recipe is taken if it decodes; otherwise one sentence says what is allowed, and the rest stays."""
    app = opened()
    app.multiselect("compare_picked").set_value(["w8a8", "w6a8"]).run()
    assert app.session_state["qexplorer_state"].compare == ["w8a8", "w6a8"]
    app.session_state["compare_picked"] = ["w8a8", "w6a8", "w99"]
    app.multiselect("compare_picked").set_value(["w8a8", "w6a8"]).run()
    assert app.session_state["qexplorer_state"].compare == ["w8a8", "w6a8"]


def show(kept: Any, model: str = "tumour_mlp", data: str = "tumour", **choices: Any) -> AppTest:
    """The page with a kept comparison opened."""
    History().add(kept)
    return opened(model, data, choices={"comparison": [kept.id, model]} | choices)


def test_settings_that_a_file_needs_elsewhere_are_told() -> None:
    """How a run was loaded stands under what can be taken away, and among the remarks."""
    run = quantized_run(notes=("with session.disable_quant_qdq=1, which unpacks weights once",))
    said = texts(show(comparison(float_run(), run)))
    assert f"How this file ran on {backend_label(BACKEND)}: with session.disable" in said.replace("\\", "")
    assert "how it ran**, w8a8: with session.disable" in said.replace("\\", "")


def test_refused_and_failed_runs_stand_beside_the_others() -> None:
    """A refused and a failed run have dashes and their reasons; the other runs keep their numbers."""
    refused = Run("w4a8", "4" * 16, BACKEND, Status.REFUSED, "answers left the tolerance")
    failed = Run("w2a2", "2" * 16, BACKEND, Status.FAILED, "the process died")
    app = show(comparison(float_run(), quantized_run(), refused, failed))
    table = next(t.value for t in app.dataframe if "latency" in t.value.columns).set_index("run")
    assert table.loc["w4a8", "accuracy"] == "—"
    assert table.loc["w8a8", "accuracy"] == "98.0 % (93.0 to 99.4), n 100"
    said = texts(app).replace("\\", "")
    assert "— refused, w4a8: answers left the tolerance" in said
    assert "— failed, w2a2: the process died" in said
    assert "w8a8: no difference in accuracy that 100 samples could show" in said


def test_untrained_models_show_no_accuracy() -> None:
    """Where accuracy means nothing, no per cent stands on the page, and the reason does."""
    none = Accuracy("accuracy", None, reason="untrained: only size means anything")
    app = show(comparison(float_run(accuracy=none), quantized_run(accuracy=none)))
    table = next(t.value for t in app.dataframe if "latency" in t.value.columns)
    assert "accuracy" not in table.columns
    assert "untrained: only size means anything" in texts(app).replace("\\", "")
    assert " % " not in texts(app)


@pytest.mark.parametrize("part", ["Latency", "Throughput", "Kernels", "Changed answers"])
def test_what_is_behind_it(part: str) -> None:
    """Each view behind the result can be chosen and draws without an error."""
    app = show(comparison(), behind=part)
    assert not app.exception
    assert not app.error
    if part == "Kernels":
        assert any("QLinearConv 12" in str(t.value) for t in app.dataframe)


def real(name: str, classes: list[str], positions: tuple[int, ...]) -> Any:
    """A comparison on a sample's real data in which the answers at ``positions`` changed."""
    data = load_data(name)
    assert data.evaluation.labels is not None
    labels = tuple(int(v) for v in data.evaluation.labels)
    said = tuple((v + 1) % len(classes) if i in positions else v for i, v in enumerate(labels))
    accuracy = Accuracy("accuracy", 0.9, (0.8, 0.95), len(labels), -0.02, (-0.03, -0.01), 0.01, 0, 2, positions)
    base, run = float_run(), quantized_run(accuracy=accuracy)
    return replace(
        comparison(base, run),
        data={"name": name, "digest": data.digest, "n_judged": len(labels), "classes": classes},
        positions=tuple(range(len(labels))),
        labels=labels,
        predictions={f"{BACKEND}/{base.digest}": labels, f"{BACKEND}/{run.digest}": said},
    )


def test_flipped_samples_are_pictures_with_pages() -> None:
    """Changed answers to pictures are shown as pictures, a page at a time, with what both models said."""
    kept = real("digits", [str(i) for i in range(10)], tuple(range(3, 60, 3)))
    app = show(kept, "digits_cnn", "digits", behind="Changed answers")
    assert not app.exception
    assert "19 answers changed: 19 broken" in texts(app)
    assert len(app.get("image")) == 12
    key = f"flips_{kept.id}_w8a8"
    assert app.button(f"{key}_back").disabled
    app.button(f"{key}_on").click().run()
    assert len(app.get("image")) == 7
    assert "13 to 19 of 19" in texts(app)


def test_flipped_rows_of_a_table() -> None:
    """Changed answers to a table's rows are shown as rows with label and both answers."""
    app = show(real("tumour", ["no", "yes"], (0, 2)), behind="Changed answers")
    rows = next(t.value for t in app.dataframe if "float said" in t.value.columns)
    assert list(rows["sample"]) == [0, 2]
    assert all(rows["float said"] != rows["quantized said"])
    assert np.isfinite(rows["mean radius"]).all()


def test_flips_of_other_data_are_listed_without_samples() -> None:
    """Samples that the session's data does not hold are listed, and the page says which data has them."""
    app = show(comparison(), behind="Changed answers")
    assert "The samples themselves are in points" in texts(app)
    assert any("float said" in t.value.columns for t in app.dataframe)


def test_a_vanished_comparison_is_one_sentence() -> None:
    """An opened comparison that is gone says so and the page stays usable."""
    app = opened(choices={"comparison": ["gone", "tumour_mlp"]})
    assert any("no kept comparison 'gone'" in e.value.replace("\\", "") for e in app.error)
    assert not app.button("compare_start").disabled


def test_the_record_lists_this_model_first() -> None:
    """The list has this model's comparisons, known by its digest; all others on request."""
    model = load_model("tumour_mlp")
    History().add(comparison(comparison_id="mine", model={"name": "as it was called then", "sha256": model.sha256}))
    History().add(comparison(comparison_id="other"))
    app = opened()
    assert len(next(t.value for t in app.dataframe if "recipes" in t.value.columns)) == 1
    group(app, "keep:history_of").set_value("All models").run()
    assert len(next(t.value for t in app.dataframe if "recipes" in t.value.columns)) == 2


def test_order_again_joins_recipes() -> None:
    """Comparing several again takes every recipe once, under names that tell them apart."""
    from qexplorer.ui.compare.history import order_again

    base = {"model": MODEL, "data": DATA, "backends": (BACKEND,), "effort": "quick"}
    mine, other = "name: mine\nweights: {format: int4}\n", "name: mine\nweights: {format: int5}\n"
    for i, recipes in enumerate((["w8a8", mine], ["w8a8", other])):
        History().add(comparison(comparison_id=str(i)), order=CompareOrder(**base, recipes=tuple(recipes)))
    order = order_again(History().list())
    assert sorted(recipe.name for recipe in order.recipes) == ["mine", "mine (2)", "w8a8"]
    assert {key: getattr(order, key) for key in base} == base


def test_a_damaged_record_is_one_sentence() -> None:
    """A record that cannot be read is named in one sentence; nothing is lost."""
    Path(History().path).write_bytes(b"this is not a database, it is text" * 50)
    app = opened()
    assert any("runs.sqlite" in e.value.replace("\\", "") for e in app.error)
    assert "Traceback" not in texts(app)


def made_again() -> None:
    """A page that makes the newest comparison of the record again, and says what the session then is about."""
    import streamlit as st

    from qexplorer.jobs.history import History
    from qexplorer.ui.compare.history import again
    from qexplorer.ui.session import current_data, current_model, state
    from qexplorer.ui.sidebar import data_label

    record = History().list()[0]
    again(record.order, record.model)
    model, data = current_model(), current_data()
    st.caption(f"{model.name}, {data.name}, {data_label(state().data)}, {data.digest}")


def test_comparing_again_works_where_only_the_workspace_is_left(tmp_path: Path) -> None:
    """The files that a person opened are gone; the record's order still has model and data, under their names."""
    sample = get_sample("tumour_mlp")
    net = shutil.copy(sample.folder / "model.onnx", tmp_path / "net.onnx")
    points = shutil.copy(sample.folder / "data.npz", tmp_path / "points.npz")
    preprocessing = sample.manifest.data.preprocessing
    model, data = refer_to_model(net), refer_to_data(points, preprocessing)
    wanted = load_data(points, preprocessing=preprocessing).digest
    History().add(comparison(), order=CompareOrder(model=model, data=data, recipes=("w8a8",), samples=20))
    net.unlink()
    points.unlink()
    app = AppTest.from_function(made_again, default_timeout=60)
    app.query_params["s"] = SESSION
    app.run()
    assert not app.exception
    assert f"net, points, points, {wanted}" in texts(app)
    job_id = app.session_state["qexplorer_state"].jobs["compare"]
    assert COMPARE.order_of(manager.state(job_id)).data == data
    manager.cancel(job_id)


def test_presenting_fills_the_window_until_somebody_leaves() -> None:
    """The cards replace the page, the slider chooses among what was measured, and leaving brings the page back."""
    loses = Accuracy("accuracy", 0.9, (0.8, 0.95), 100, -0.09, (-0.11, -0.07), 0.01, 0, 9)
    lossy = quantized_run("w4a8", accuracy=loses, size=Size(80_000, 70_000))
    kept = comparison(float_run(), quantized_run(), lossy)
    app = show(kept)
    next(b for b in app.button if b.label == "Present").click().run()
    assert not app.title
    assert not app.exception
    wall = "".join(str(html.proto.body) for html in app.get("html"))
    assert "<h2>float</h2>" in wall
    assert [s.label for s in app.select_slider] == ["How much accuracy may we lose?"]
    assert app.multiselect(f"present_runs_{kept.look}").value == ["w4a8", "w8a8"]
    app.select_slider[0].set_value(app.select_slider[0].options[0]).run()
    assert app.multiselect(f"present_runs_{kept.look}").value == ["w8a8"]
    app.button("present_leave").click().run()
    assert [title.value for title in app.title] == ["Compare"]
