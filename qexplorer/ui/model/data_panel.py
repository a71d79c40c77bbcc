"""The data of page Model: the sample's own, an upload or a path; preprocessing, previewed on real samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from qexplorer.core.errors import DataError, QExplorerError
from qexplorer.core.files import given_path
from qexplorer.core.foreign.media import in_code, in_table
from qexplorer.core.model import Model
from qexplorer.core.workspace import sha256_file, workspace
from qexplorer.report.pictures import is_picture, pictures
from qexplorer.ui.model.class_names import draw_class_names
from qexplorer.ui.model.preprocessing_panel import draw_preprocessing
from qexplorer.ui.serving.people import is_shared
from qexplorer.ui.session import as_plain, choose_data, current_data, fitted_data, keep, show_error, state
from qexplorer.ui.sidebar import samples
from qexplorer.ui.uploads import take, take_upload

if TYPE_CHECKING:
    from qexplorer.core.dataset import DataSet

__all__ = ["draw_data", "keep_upload", "picture_size"]

_FEW = 6  # numbers of one label that are shown
_WAIT = "Reading {name}: shapes, labels, a split in two parts. Usually a second."
_SHOWN = 10
_ROWS = 6
_COLUMNS = 60


def draw_data(model: Model) -> None:
    """What the model is fed: where it comes from, how it is prepared, how the first samples look."""
    now = state()
    st.header("Data")
    if now.data is None:
        st.markdown(
            "No data. Without it weights can be quantized and latency measured; activations and accuracy need samples."
        )
    data = _draw_samples(model) if now.data is not None else None
    if now.data is not None and now.data not in {s.data for s in samples().values()}:
        draw_preprocessing(data)
        _draw_task(data)
        if data is not None:
            draw_class_names(model, data)
    _sources(model, expanded=now.data is None)


def _draw_samples(model: Model) -> DataSet | None:
    """The first samples as the model gets them, or why they do not fit; returns the data as it was read."""
    try:
        data = current_data()
    except QExplorerError as error:
        show_error(error)
        return None
    if data is None:
        return None
    try:
        fitted = fitted_data()
    except DataError as error:
        show_error(error)
        fitted = None
    shown = fitted or data
    st.caption(_facts(shown))
    name, array = next(iter(shown.calibration.inputs.items()))
    if is_picture(tuple(array.shape[1:])):
        _pictures(shown, array)
    elif array.ndim == 2:
        _table(shown, array)
    first = np.asarray(array[:256], np.float32)
    st.caption(
        f"Input {in_code(name or model.inputs[0].name)} as the model gets it: {array.dtype}, shape of one sample "
        f"{tuple(array.shape[1:])}, first samples from {first.min():.3g} to {first.max():.3g}, mean {first.mean():.3g}."
    )
    for note in shown.notes:
        st.caption(f":material/info: {as_plain(note)}")
    return data


def _facts(data: DataSet) -> str:
    n, m = data.calibration.n, data.evaluation.n
    labels = f"{len(data.classes)} classes" if data.classes else "labelled"
    text = f"**{as_plain(data.name)}**: {n:,} samples to calibrate, {m:,} to judge"
    labelled = data.evaluation.labels is not None
    text += f"; {as_plain(data.parts_text)}"
    text += ": what is measured on them is optimistic" if labelled and data.shared else ""
    return f"{text}; {labels if labelled else 'no labels: likeness to float stands in for accuracy'}; task {data.task}."


def _label(data: DataSet, index: int) -> str:
    """A class by its name, numbers as they are; nothing for masks and the like, which are no caption."""
    label = None if data.calibration.labels is None else data.calibration.labels[index]
    if label is None or np.size(label) > _FEW:
        return ""
    if np.ndim(label) > 0:
        return ", ".join(f"{float(value):.4g}" for value in np.ravel(label))
    if not np.issubdtype(np.asarray(label).dtype, np.integer):
        return f"{float(label):.4g}"
    return data.classes[int(label)] if int(label) < len(data.classes) else str(int(label))


def _draw_task(data: DataSet | None) -> None:
    """What the labels are for: what they mean by themselves, or a task that is chosen."""
    now = state()
    meant = "what the labels mean" + (f" ({data.task})" if data is not None and now.task is None else "")
    chosen = _pick_task("Task", now.task, meant, f"task_of_{now.data}")
    if chosen != now.task:
        now.task = chosen
        keep(now)
        st.rerun()


def _pick_task(label: str, now: str | None, meant: str, key: str) -> str | None:
    """A list of all tasks with the labels that each takes; None for what the labels mean."""
    from qexplorer.core.plugins import TASKS

    names = [None, *TASKS.names()]
    told = "  \n".join(f"**{task.name}** takes {task.takes}" for task in TASKS)
    index = names.index(now) if now in names else 0
    return st.selectbox(label, names, index, lambda name: name or meant, help=told, key=key)


def _pictures(data: DataSet, array: Any) -> None:
    shown = array[:_SHOWN]
    captions = [as_plain(_label(data, index)) for index in range(len(shown))]
    st.image(pictures(shown), caption=captions, width=84)


def _table(data: DataSet, array: Any) -> None:
    sample = next((s for s in samples().values() if s.data == data.name), None)
    names = sample.features if sample and len(sample.features) == array.shape[1] else ()
    columns = (names or tuple(f"x{i}" for i in range(min(array.shape[1], _COLUMNS))))[:_COLUMNS]
    st.dataframe(in_table(_rows(data, array, columns)), hide_index=True, placeholder="")
    if array.shape[1] > _COLUMNS:
        st.caption(f"The first {_COLUMNS} of {array.shape[1]:,} columns.")


def _rows(data: DataSet, array: Any, columns: Sequence[str]) -> list[dict[str, object]]:
    """The first samples, each behind its label; no label where none can be shown."""
    shown = array[:_ROWS]
    told = [_label(data, index) for index in range(len(shown))]
    rows: list[dict[str, object]] = []
    for label, values in zip(told, shown, strict=True):
        row: dict[str, object] = {"label": label} if any(told) else {}
        rows.append(row | {name: round(float(v), 4) for name, v in zip(columns, values[: len(columns)], strict=True)})
    return rows


def _sources(model: Model, *, expanded: bool) -> None:
    """Where other data can come from."""
    from qexplorer.load.readers.registry import READERS, readable

    with st.expander("Use other data" if not expanded else "Bring data", expanded=expanded, icon=":material/database:"):
        task = _pick_task("Task of its labels", None, "what the labels mean", "task_of_new_data")
        left, right = st.columns(2)
        with left:
            files = st.file_uploader(
                f"Upload {readable(uploads=True)}",
                key="upload_data",
                accept_multiple_files=True,
                help=" ".join(reader.help for reader in READERS if reader.endings),
            )
            if take_upload("data", files, lambda name, path: _choose_upload(name, path, model, task), _WAIT):
                st.rerun()
        with right:
            if not is_shared():  # where nobody looks at files of the host
                _draw_path(model, task)
            own = samples().get(model.name)
            if own is not None and state().data != own.data and st.button(f"Back to the sample's own data, {own.data}"):
                _use(own.data)
                st.rerun()


def _draw_path(model: Model, task: str | None) -> None:
    with st.form("path_data", border=False):
        path = st.text_input("Or a path on this machine", placeholder="/home/me/data/test.npz")
        if st.form_submit_button("Read it") and path.strip():
            source = path.strip()
            wait = _WAIT.format(name=as_plain(PurePath(source).name))
            error = take(lambda: _choose(given_path(source), model, task), wait)
            if error is None:
                st.rerun()
            show_error(error)


def keep_upload(name: str, given: Path) -> Path:
    """Puts an upload in the workspace under its digest, so that jobs and a restarted server find it again."""
    clean = "".join(c if c.isalnum() or c in "._-" else "_" for c in Path(name).name)[-80:] or "data"
    folder = workspace("uploads", sha256_file(given)[:16])
    path = folder / clean
    if not path.exists():
        from qexplorer.core.disk.limit import make_room
        from qexplorer.core.files import copy_atomically

        make_room(given.stat().st_size)
        copy_atomically(given, path)
    return path


def _choose_upload(name: str, given: Path, model: Model, task: str | None = None) -> None:
    path = keep_upload(name, given)
    try:
        _choose(path, model, task)
    except QExplorerError:
        path.unlink(missing_ok=True)
        raise


def _choose(source: Path, model: Model, task: str | None = None) -> None:
    """Reads the file, so that one that cannot be read changes nothing, and makes it the session's data.

    Pictures of different sizes cannot be read without a size: the model's own is then tried.
    """
    from qexplorer.load.datasets.load import load_data
    from qexplorer.load.datasets.preprocess import Preprocessing

    chosen = None
    try:
        load_data(source, task=task)
    except DataError:
        size = picture_size(model)
        if size is None or source.suffix != ".zip":
            raise
        chosen = Preprocessing(size=size)
        load_data(source, preprocessing=chosen, task=task)
    _use(str(source), None if chosen is None else chosen.model_dump(mode="json"), task)


def picture_size(model: Model) -> tuple[int, int] | None:
    """Height and width of the pictures that the model takes, if its only input says so."""
    shape = model.inputs[0].shape if len(model.inputs) == 1 else ()
    if len(shape) != 4:
        return None
    height, width = shape[1:3] if shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4) else shape[2:4]
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _use(source: str, preprocessing: dict[str, Any] | None = None, task: str | None = None) -> None:
    choose_data(source, preprocessing, task)
    keep(state())
