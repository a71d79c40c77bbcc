"""Files that are uploaded together are one archive that the readers take."""

from __future__ import annotations

import gc
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from qexplorer.load.readers.zip import read_zip
from qexplorer.ui.uploads import _put, belonging, packed
from tests.load.given_files import idx


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


X, Y = np.arange(60, dtype=np.uint8).reshape(5, 4, 3), np.arange(5, dtype=np.uint8)


@pytest.mark.parametrize(
    "files",
    [
        [("t10k-labels-idx1-ubyte", idx(Y)), ("t10k-images-idx3-ubyte", idx(X))],
        [("y.npy", _npy(Y)), ("x.npy", _npy(X))],
        [("labels.npy", _npy(Y)), ("C:\\data\\images.npy", _npy(X))],
    ],
)
def test_images_with_their_labels(files: list[tuple[str, bytes]], tmp_path: Path) -> None:
    """IDX and .npy pairs are read as samples and labels, in whatever order they come."""
    given = _written(files, tmp_path)
    name, path = packed(given, tmp_path / "one.zip")
    _, other = packed(given[::-1], tmp_path / "other.zip")
    assert path.read_bytes() == other.read_bytes()
    assert name.endswith(".zip")
    raw = read_zip(path, None)
    np.testing.assert_array_equal(raw.evaluation.inputs[""], X)
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("names", "new", "meant"),
    [
        (["wrong.npz"], [True], [0]),
        (["wrong.npz", "right.npz"], [False, True], [1]),
        (["notes.txt", "right.zip"], [True, True], [1]),
        (["notes.txt", "x-idx3-ubyte.gz", "x-idx1-ubyte.gz"], [False, True, True], [1, 2]),
        (["x.npy", "y.npy"], [False, True], [0, 1]),
        (["x.npy", "y.npy", "all.csv"], [False, False, True], [2]),
        (["first.npz", "second.npz"], [False, False], [1]),
    ],
)
def test_what_lay_there_before_does_not_spoil_what_comes(names: list[str], new: list[bool], meant: list[int]) -> None:
    """After a wrong file the right one is read alone; images and labels that come one after the other go together."""
    assert belonging(names, new) == meant


def test_one_file_stays_as_it_is(tmp_path: Path) -> None:
    """A lone .npy is samples without labels; anything else is not touched."""
    (given,) = _written([("given.npz", b"bytes")], tmp_path)
    assert packed([given], tmp_path / "pack") == given
    assert packed(_written([("x.npy", _npy(X))], tmp_path), tmp_path / "pack")[0] == "x.zip"


def _written(files: list[tuple[str, bytes]], folder: Path) -> list[tuple[str, Path]]:
    """The files on disk, as uploads lie there."""
    found = [(name, folder / f"given{i}") for i, (name, _) in enumerate(files)]
    for (_, path), (_, data) in zip(found, files, strict=True):
        path.write_bytes(data)
    return found


def _page() -> None:
    """A page with one widget whose files are refused unless they say that they are good."""
    import pathlib

    import streamlit as st

    from qexplorer.core.errors import ModelError
    from qexplorer.ui.uploads import take_upload

    def work(name: str, path: pathlib.Path) -> None:
        whole = path.read_bytes()
        if not whole.startswith(b"good"):
            raise ModelError("this is no good", where=name)
        st.session_state.taken = (name, len(whole))

    given = st.file_uploader("File", key="upload_model", accept_multiple_files=True)
    st.session_state.was_taken = take_upload("model", given, work, "Looking at {name}")


def _upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    return app.get("file_uploader")[0].set_value([(name, data, "") for name, data in files]).run()


def test_a_refused_upload_is_let_go(workspace_folder: Path) -> None:
    """Once it was looked at, neither the server's store, nor the widget, nor the reason, nor the disk has its bytes."""
    data = bytes(range(256)) * 4000
    app = _upload(AppTest.from_function(_page, default_timeout=60).run(), ("bad.onnx", data))
    assert "no good" in app.error[0].value
    assert app.session_state["upload_model"][0].getvalue() == b""
    assert app.session_state["upload_model_seen"][1].__traceback__ is None
    assert list((workspace_folder / "incoming").iterdir()) == []
    app.run()
    assert "no good" in app.error[0].value
    assert not app.session_state.was_taken


def test_the_servers_store_lets_an_upload_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Streamlit keeps of an upload until its session ends is its name."""
    manager = MemoryUploadedFileManager("/upload")
    record = UploadedFileRec("id", "net.onnx", "", bytes(1000))
    manager.add_file("session", record)
    context = SimpleNamespace(session_id="session", uploaded_file_mgr=manager)
    monkeypatch.setattr("streamlit.runtime.scriptrunner.get_script_run_ctx", lambda: context)
    stored = _put(UploadedFile(record, FileURLs()))
    assert stored.path.read_bytes() == bytes(1000)
    assert [(kept.name, kept.data) for kept in manager.get_files("session", ["id"])] == [("net.onnx", b"")]


def test_an_upload_that_is_taken_lies_on_disk_alone(workspace_folder: Path) -> None:
    """Its bytes are handed over as a file, once; the file is there until the upload is taken out of the widget."""
    app = _upload(AppTest.from_function(_page, default_timeout=60).run(), ("good.onnx", b"good bytes"))
    assert app.session_state.was_taken
    assert app.session_state.taken == ("good.onnx", 10)
    assert app.session_state["upload_model"][0].getvalue() == b""
    (stored,) = app.session_state["upload_model_files"].values()
    assert stored.path.read_bytes() == b"good bytes"
    assert not app.run().session_state.was_taken
    del stored
    app.get("file_uploader")[0].set_value([]).run()
    gc.collect()
    assert list((workspace_folder / "incoming").iterdir()) == []


def test_parts_that_come_later_go_with_those_on_disk() -> None:
    """Images that came first are packed with the labels that follow, though memory has let them go."""
    app = _upload(AppTest.from_function(_page, default_timeout=60).run(), ("x.npy", b"x" * 99))
    assert "no good" in app.error[0].value
    app.get("file_uploader")[0].set_value([("x.npy", b"x" * 99, ""), ("y.npy", b"y", "")]).run()
    assert [each.path.read_bytes() for each in app.session_state["upload_model_files"].values()] == [b"x" * 99, b"y"]


def _weights_page() -> None:
    """A page whose widget takes weights, and the settings that belong to them."""
    import streamlit as st

    from qexplorer.core.errors import ModelError
    from qexplorer.ui.model.weights_panel import meant
    from qexplorer.ui.uploads import take_files

    def work(files: list) -> None:
        st.session_state.taken = [file.name for file in files]
        if len(files) < 2:
            raise ModelError("these need their settings", where=files[0].name)

    given = st.file_uploader("File", key="upload_model", accept_multiple_files=True)
    asked = {"choose": meant, "waits": lambda _: True}
    st.session_state.was_taken = take_files("model", given, work, "Looking at {name}", **asked)


def test_weights_come_with_their_settings() -> None:
    """Both at once in any order, or one after the other; settings alone do nothing, refused weights stay for them."""
    weights, settings = ("net.safetensors", b"w"), ("config.json", b"{}")
    both = _upload(AppTest.from_function(_weights_page, default_timeout=60).run(), settings, weights)
    assert both.session_state.was_taken
    assert both.session_state.taken == ["net.safetensors", "config.json"]
    alone = _upload(AppTest.from_function(_weights_page, default_timeout=60).run(), settings)
    assert not alone.session_state.was_taken
    assert "taken" not in alone.session_state
    later = _upload(AppTest.from_function(_weights_page, default_timeout=60).run(), weights)
    assert "need their settings" in later.error[0].value
    later.get("file_uploader")[0].set_value([(*weights, ""), (*settings, "")]).run()
    assert not later.error
    assert later.session_state.taken == ["net.safetensors", "config.json"]


def test_an_upload_that_has_no_room_is_refused_before_it_is_written(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a workspace that is full by its history an upload of 2 MB gets one sentence, and takes no room."""
    monkeypatch.setenv("QEXPLORER_WORKSPACE_LIMIT", "100 MB")
    workspace_folder.mkdir(exist_ok=True)
    (workspace_folder / "runs.sqlite").write_bytes(b"x" * 99_000_000)
    given = UploadedFile(UploadedFileRec("1", "a.npz", "", b"x" * 2_000_000), FileURLs())
    found = _put(given)
    assert found.refused is not None
    assert "the workspace is full: 99 MB of 100 MB are in use, and 2 MB more are needed" in found.refused.sentence
    assert not found.path.parent.exists()
    assert given.getvalue() == b""
