"""What one browser session is about: the model, data, recipe and backend chosen, its jobs, and its widgets' values.

The session's id lives in the URL (``?s=...``) and its state as JSON in ``workspace("sessions")``, so a reload of the
page or a restart of the server keeps everything, and two sessions never mix. Everything derived (models, data) is
cached by what it was read from, never by the session.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.disk.contents import used
from qexplorer.core.errors import InputError, QExplorerError, error_from_json
from qexplorer.core.files import write_atomically
from qexplorer.core.foreign.media import in_markdown
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import is_someones, workspace
from qexplorer.ui.serving.paths import without_paths

if TYPE_CHECKING:
    from qexplorer.core.dataset import DataSet
    from qexplorer.core.model import Model
    from qexplorer.jobs.references import DataRef, ModelRef

__all__ = [
    "WIDGET",
    "State",
    "as_plain",
    "choose_model",
    "current_data",
    "current_model",
    "current_recipe",
    "data_reference",
    "fitted_data",
    "keep",
    "kept_data_name",
    "model_reference",
    "not_kept",
    "own_source",
    "remembered",
    "session_id",
    "show_error",
    "state",
    "untraced",
]

_STATE, _ID, _WRITTEN = "qexplorer_state", "qexplorer_session", "qexplorer_written"
_UNKEPT = "qexplorer_unkept"
_ID_FORM = re.compile(r"[A-Za-z0-9_-]{8,32}")
WIDGET = "keep:"
"""What the key of a remembered control begins with."""
_KEPT_DAYS = 30


def _reference() -> str:
    from qexplorer.run.registry import reference

    return reference().name


@dataclass
class State:
    """What a session is about.

    Attributes:
        model: a sample's name, or the path of a normalized .onnx; None when nothing is loaded.
        data: a data set's name or path; None for none.
        preprocessing: fields of ``load.preprocess.Preprocessing``; None leaves the data as it is.
        task: name of the task that the data's labels are for; None: what they mean.
        classes: names of all classes in the model's order, for data of one's own; none: what data and model say.
        recipe: short name or YAML of the recipe being edited.
        compare: recipes picked for Compare.
        backend: name of the backend that answers are measured on.
        jobs: kind of job -> id of the latest one.
        started: digest of an order -> id of the job that does that.
        choices: values of page controls worth keeping (tensor, scale, ...).
    """

    model: str | None = None
    data: str | None = None
    preprocessing: dict[str, Any] | None = None
    task: str | None = None
    classes: list[str] = field(default_factory=list)
    recipe: str = "w8a8"
    compare: list[str] = field(default_factory=lambda: ["w8a8", "w4a8"])
    backend: str = field(default_factory=_reference)
    jobs: dict[str, str] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)


def session_id() -> str:
    """The id of this browser session, as it stands in the URL."""
    state()
    return str(st.session_state[_ID])


def state() -> State:
    """This session's state: from memory, from the URL's id, or a new one."""
    asked, known = st.query_params.get("s", ""), st.session_state.get(_ID)
    valid = bool(_ID_FORM.fullmatch(asked))
    if known is None or (valid and asked != known):
        known = asked if valid else secrets.token_urlsafe(9)
        for key in [k for k in st.session_state if str(k).startswith(WIDGET)]:
            del st.session_state[key]
        st.session_state[_ID], st.session_state[_STATE] = known, _read(known)
        _forget_old()
    if asked != known:
        st.query_params["s"] = known
    found: State = st.session_state[_STATE]
    return found


def keep(value: State) -> None:
    """Writes the state to disk, if anything changed since; where that is refused it stays in memory (not_kept)."""
    st.session_state[_STATE] = value
    text = json.dumps(asdict(value), sort_keys=True)
    if st.session_state.get(_WRITTEN) != text:
        try:
            write_atomically(_file(session_id()), text.encode())
        except InputError as error:
            st.session_state[_UNKEPT] = error.sentence
            return
        st.session_state[_WRITTEN], st.session_state[_UNKEPT] = text, None


def not_kept() -> str | None:
    """Why the session's state is in memory alone; None if it is kept."""
    found: str | None = st.session_state.get(_UNKEPT)
    return found


def remembered(name: str, default: Any, allowed: Sequence[Any] | None = None) -> dict[str, Any]:
    """Key and callback that make a widget keep its value between pages and across reloads.

    Use as ``st.selectbox("Bits", options, **remembered("bits", 8, options))``: do not also give a default to the
    widget. A kept value that is not in ``allowed`` any more gives way to ``default``.
    """
    key = WIDGET + name
    if key not in st.session_state:
        st.session_state[key] = state().choices.get(name, default)
    if allowed is not None and st.session_state[key] not in allowed:
        st.session_state[key] = default
    return {"key": key, "on_change": _remember, "args": (name,)}


def _remember(name: str) -> None:
    now = state()
    now.choices[name] = st.session_state[WIDGET + name]
    keep(now)


def choose_model(source: str | None, data: str | None, *, name: str | None = None) -> None:
    """Makes ``source`` the session's model, with the data that goes with it; forgets what was chosen in the last one.

    Args:
        source: as ``State.model``.
        data: as ``State.data``.
        name: what to call a model that came as a file; samples have their own names.
    """
    now = state()
    now.model = source
    choose_data(data)
    for choice in [n for n in now.choices if n.startswith("tensor")]:
        del now.choices[choice]
    now.choices["model_name"] = name
    now.choices.pop("data_name", None)
    for key in [k for k in st.session_state if str(k).startswith(WIDGET + "tensor")]:
        del st.session_state[key]
    keep(now)


def choose_data(source: str | None, preprocessing: dict[str, Any] | None = None, task: str | None = None) -> None:
    """Makes ``source`` the session's data, and forgets what the last one was taken for; does not write the state."""
    now = state()
    now.data, now.preprocessing, now.task, now.classes = source, preprocessing, task, []


def current_model() -> Model | None:
    """The session's model, or None. Raises QExplorerError if it cannot be loaded (any more)."""
    source = state().model
    if source is None:
        return None
    model = _model(source=own_source(source), stamp=_stamp(source), home=str(workspace()))
    name = state().choices.get("model_name")
    used(model.path)
    return model if name is None else replace(model, name=str(name))  # the file may be known by another one


def current_data() -> DataSet | None:
    """The session's data, preprocessed as chosen, or None. Raises QExplorerError if it cannot be read."""
    reference = data_reference()
    return None if reference is None else _data(reference=reference.model_dump_json())


def model_reference() -> ModelRef | None:
    """The session's model as orders of jobs name it, or None. Raises QExplorerError as :func:`current_model`."""
    from qexplorer.jobs.references import ModelRef
    from qexplorer.load.samples.shelf import list_samples

    model, source = current_model(), state().model
    if model is None:
        return None
    if source in {sample.name for sample in list_samples()}:
        return ModelRef(sample=source)
    return ModelRef(sha256=model.sha256, name=model.name)


def data_reference() -> DataRef | None:
    """The session's data as orders of jobs name it, read into the workspace; or None. Raises as ``current_data``."""
    now = state()
    if now.data is None:
        return None
    how = json.dumps([now.preprocessing, now.task, now.classes], sort_keys=True)
    known: dict[str, Any] = {"name": kept_data_name(now.data), "how": how}
    asked = {"source": own_source(now.data), "stamp": _stamp(now.data), **known}
    found = _referred(**asked)
    if found.kept is not None and not Path(found.source).is_dir():  # forgotten, for others that were read since
        _referred.clear(**asked)
        found = _referred(**asked)
    used(Path(found.source))
    return found


def kept_data_name(source: str) -> str | None:
    """What data of an earlier order is called, whose file is not known any more; None for other sources."""
    inside = Path(source).parent == workspace("data")
    return str(state().choices.get("data_name") or Path(source).stem[:12]) if inside else None


def fitted_data() -> DataSet | None:
    """The session's data with the names and types of the model's inputs. Raises DataError if it does not fit."""
    model, reference = current_model(), data_reference()
    if model is None or reference is None:
        return None
    asked = reference.model_dump_json()
    return _fitted(reference=asked, model_sha256=model.sha256, _data=_data(reference=asked), _model=model)


def own_source(source: str) -> str:
    """``source`` itself: a sample's name, or on a shared host a file in the workspace of whoever asks.

    Raises:
        InputError: it is a file that a person of a shared host has no business with.
    """
    if is_someones() and not _is_sample(source) and not Path(source).resolve().is_relative_to(workspace().resolve()):
        raise InputError("this is none of your files", do="upload it")
    return source


def _is_sample(source: str) -> bool:
    from qexplorer.load.samples.shelf import list_samples

    return any(source in (sample.name, sample.data) for sample in list_samples())


def current_recipe() -> Recipe:
    """The recipe being edited. Raises RecipeError if its text is not a recipe."""
    return Recipe.parse(state().recipe)


def untraced(error: QExplorerError) -> QExplorerError:
    """The same error to be kept in a session: a traceback holds everything that the work had in its hands."""
    return error_from_json(error.to_json())


def show_error(error: QExplorerError) -> None:
    """One sentence on the page: what happened, where, what is allowed, what to do."""
    sentence = error.sentence if error.where else error.sentence[:1].upper() + error.sentence[1:]
    stop = "" if sentence.endswith((".", "?")) else "."
    st.error(as_plain(sentence) + stop, icon=":material/error:")


def as_plain(text: str) -> str:
    """``text`` for Markdown: the names of files, layers and tensors are full of its signs. On a shared host without
    paths of the host."""
    return in_markdown(without_paths(text))


@st.cache_resource(max_entries=8, show_spinner="Loading the model: checked in a process of its own, a few seconds.")
def _model(source: str, stamp: str, home: str) -> Model:  # noqa: ARG001  # stamp and home are parts of the cache's key
    from qexplorer.load.model import load_model

    return load_model(source)


@st.cache_resource(max_entries=32, show_spinner="Reading the data: usually a second.")
def _referred(source: str, stamp: str, name: str | None, how: str) -> DataRef:  # noqa: ARG001  # the same
    from qexplorer.jobs.references import refer_to_data
    from qexplorer.load.datasets.preprocess import Preprocessing

    chosen, task, classes = json.loads(how)
    ready = None if chosen is None else Preprocessing(**chosen)
    return refer_to_data(source, ready, name=name, task=task, classes=classes)


@st.cache_resource(max_entries=4, show_spinner="Reading the data: usually a second.")
def _data(reference: str) -> DataSet:
    from qexplorer.jobs.references import DataRef, open_data

    return open_data(DataRef.model_validate_json(reference))


@st.cache_resource(max_entries=4, show_spinner=False)
def _fitted(reference: str, model_sha256: str, _data: DataSet, _model: Model) -> DataSet:  # noqa: ARG001
    from qexplorer.load.datasets.fit import fit_to_model

    return fit_to_model(_data, _model)


def _stamp(source: str) -> str:
    """Changes when a file does; empty for names."""
    path = Path(source)
    if path.suffix and path.is_file():
        info = path.stat()
        return f"{info.st_size}-{info.st_mtime_ns}"
    return ""


def _file(session: str) -> Path:
    return workspace("sessions") / f"{session}.json"


def _read(session: str) -> State:
    """The kept state; a new one if there is none, or if it cannot be read (a newer or damaged file)."""
    try:
        value = json.loads(_file(session).read_text(encoding="utf-8"))
        known = {f.name for f in fields(State)}
        return State(**{k: v for k, v in value.items() if k in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return State()


def _forget_old() -> None:
    """Sessions that nobody came back to for a month are removed."""
    oldest = time.time() - _KEPT_DAYS * 86400
    for path in workspace("sessions").glob("*.json"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
