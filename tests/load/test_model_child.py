"""The whole way of a file: private copy, child with limits, normalized file and record in the workspace."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from qexplorer.core.errors import (
    BackendError,
    Cancelled,
    ChildError,
    ChildMemory,
    ChildTimeout,
    DataError,
    ModelError,
    QExplorerError,
    UnknownName,
)
from qexplorer.core.model import Model
from qexplorer.core.workspace import sha256_file, workspace
from qexplorer.load import model as loading
from qexplorer.load.model import load_model, load_upload
from qexplorer.process.limits import Limits
from tests.load.model_graphs import everything_in, model, run, saved, small_cnn, weight


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good file."""
    return saved(small_cnn(opset=9, ir=3, weights_as_inputs=True), tmp_path_factory.mktemp("shipped"), "net.onnx")


def no_child(*_: object, **__: object) -> None:
    """Stands in for starting a child where none may be needed."""
    raise AssertionError("a child was started")


def test_file_comes_to_a_model(shipped: Path) -> None:
    """A file becomes a model named by its stem, whose normalized file is named by its digest and answers the same."""
    loaded = load_model(shipped)
    assert loaded.name == "net"
    assert loaded.path == workspace("models") / f"{sha256_file(loaded.path)}.onnx"
    assert loaded.sha256 == sha256_file(loaded.path)
    assert loaded.source_sha256 == sha256_file(shipped)
    assert loaded.file_bytes == loaded.path.stat().st_size
    assert Model.from_json(loaded.to_json()) == loaded
    x = weight(2, 3, 8, 8)
    np.testing.assert_allclose(run(shipped, x=x)[0], run(loaded.path, x=x)[0], rtol=1e-4, atol=1e-5)


def test_second_time_needs_no_child(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was loaded before, by path, upload or normalized form, comes from the record."""
    first = load_model(shipped)
    monkeypatch.setattr(loading, "run_in_child", no_child)
    assert load_model(shipped) == first
    assert load_model(str(first.path)) == first
    assert load_upload("other name.onnx", shipped).name == "other name"
    assert load_model(shipped, name="mine").name == "mine"


def test_damaged_record_is_ignored(shipped: Path) -> None:
    """A record or file in the workspace that is no longer whole is made again."""
    first = load_model(shipped)
    for record in workspace("models").glob("*.json"):
        record.write_text("{")
    assert load_model(shipped) == first
    first.path.write_bytes(b"")
    assert load_model(shipped).path.stat().st_size == first.file_bytes


def test_refusal_leaves_nothing_behind(workspace_folder: Path, tmp_path: Path) -> None:
    """After a refusal the workspace holds no file at all."""
    given = tmp_path / "given"
    given.write_bytes(b"\x01\x02\x03\x04" * 99)
    with pytest.raises(ModelError, match=r"^evil\.onnx: this is not a whole ONNX file"):
        load_upload("evil.onnx", given)
    assert everything_in(workspace_folder) == set()


def test_upload_name_is_never_a_path(shipped: Path, workspace_folder: Path) -> None:
    """Whatever an upload is called, files appear only in the workspace's own folders, under digests."""
    loaded = load_upload("../../etc/\x00evil\n.onnx", shipped)
    assert loaded.name == "evil"
    assert {Path(name).parts[0] for name in everything_in(workspace_folder)} == {"models"}
    assert loaded.path.parent == workspace("models")


def test_hard_link_is_copied(shipped: Path, tmp_path: Path) -> None:
    """What is opened is a fresh copy: a change of the file behind a second name does not reach the model."""
    linked = tmp_path / "linked.onnx"
    linked.hardlink_to(shipped)
    loaded = load_model(linked)
    assert loaded.path.stat().st_nlink == 1
    assert loaded.path.stat().st_ino != shipped.stat().st_ino


def test_timeout_is_a_sentence(shipped: Path, monkeypatch: pytest.MonkeyPatch, workspace_folder: Path) -> None:
    """A child whose time runs out ends in one sentence about the model, and leaves nothing."""
    monkeypatch.setattr(loading, "loading_limits", lambda _: Limits(wall_s=0.0))
    with pytest.raises(ModelError, match=r"net\.onnx: loading it takes longer"):
        load_model(shipped)
    assert everything_in(workspace_folder) == set()


def test_memory_is_a_sentence(shipped: Path, monkeypatch: pytest.MonkeyPatch, workspace_folder: Path) -> None:
    """A child whose memory runs out ends in one sentence about the model, and leaves nothing."""
    monkeypatch.setattr(loading, "loading_limits", lambda _: Limits(memory_bytes=120 * 2**20))
    with pytest.raises(ModelError, match=r"net\.onnx: "):
        load_model(shipped)
    assert everything_in(workspace_folder) == set()


def test_size_that_only_shows_when_it_runs(workspace_folder: Path, tmp_path: Path) -> None:
    """A size that no inference can foresee runs into the child's memory limit, and the model is refused."""
    nodes = [
        helper.make_node("NonZero", ["x"], ["places"]),
        helper.make_node("Shape", ["places"], ["s"]),
        helper.make_node("Mul", ["s", "k"], ["big"]),
        helper.make_node("ConstantOfShape", ["big"], ["c"]),
        helper.make_node("ReduceMax", ["c"], ["m"], keepdims=0),
        helper.make_node("Add", ["x", "m"], ["y"]),
    ]
    proto = model(nodes, {"x": ["n", 4]}, ["y"], {"k": np.array([2**18, 2**16])})
    given = tmp_path / "given"
    given.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="memory"):
        load_upload("big.onnx", given)
    assert everything_in(workspace_folder) == set()


def test_cancel(shipped: Path, workspace_folder: Path) -> None:
    """A load that is cancelled ends with Cancelled, and leaves nothing."""
    with pytest.raises(Cancelled):
        load_model(shipped, cancelled=lambda: True)
    assert everything_in(workspace_folder) == set()


def test_progress(shipped: Path) -> None:
    """The child says what it is doing."""
    steps: list[str] = []
    load_model(shipped, on_event=lambda event: steps.append(event["step"]))
    assert steps == ["checking the file", "converting and simplifying", "mapping the layers"]


def test_missing_file_and_unknown_name(tmp_path: Path) -> None:
    """A path that is not there is told apart from a name that no sample has."""
    with pytest.raises(ModelError, match="no such file"):
        load_model(tmp_path / "nothing.onnx")
    with pytest.raises(ModelError, match="folder"):
        load_model(tmp_path)
    with pytest.raises(UnknownName, match="did you mean 'digits_cnn'"):
        load_model("digits_cn")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_refused(tmp_path: Path) -> None:
    """A named pipe is refused instead of waited for."""
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelError, match="not a regular file"):
        load_model(tmp_path / "pipe.onnx")


def test_external_weights_that_change_are_read_again(tmp_path: Path) -> None:
    """A record is not used when the weights beside the model are no longer those that were read."""
    import onnx

    onnx.save(small_cnn(), tmp_path / "net.onnx", save_as_external_data=True, location="net.bin", size_threshold=0)
    first = load_model(tmp_path / "net.onnx")
    assert load_model(tmp_path / "net.onnx") == first
    data = bytearray((tmp_path / "net.bin").read_bytes())
    data[0:4] = np.float32(0.75).tobytes()
    (tmp_path / "net.bin").write_bytes(data)
    assert load_model(tmp_path / "net.onnx").sha256 != first.sha256


def test_sample_needs_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trained sample loads by name, in this process, with every layer's input known."""
    monkeypatch.setattr(loading, "run_in_child", no_child)
    loaded = load_model("digits_cnn")
    assert (loaded.name, loaded.untrained) == ("digits_cnn", False)
    assert loaded.quantizable_layers


def test_names_of_classes_beside_the_file_are_kept(tmp_path: Path) -> None:
    """A list beside the file names the classes, also for whoever loads the normalized file later."""
    path = saved(small_cnn(), tmp_path, "net.onnx")
    assert load_model(path).classes == ()
    (tmp_path / "classes.txt").write_text("a\nb\nc\nd\ne\n")
    loaded = load_model(path)
    assert (loaded.classes, loaded.outputs[0].classes) == (tuple("abcde"), True)
    again = load_model(loaded.path)
    assert (again.classes, again.outputs) == (loaded.classes, loaded.outputs)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (ChildTimeout("slow"), "loading it takes longer than is allowed and was ended; check the file"),
        (ChildMemory("large"), "loading it needs more memory than is allowed and was ended; check the file"),
        (ChildError("the process ended"), "loading it failed: the process ended; check the file"),
        (QExplorerError("nobody foresaw it"), "loading it failed: nobody foresaw it; check the file"),
        (DataError("no good", where="here"), None),
        (BackendError("no good", where="here"), None),
        (Cancelled("stopped"), None),
    ],
)
def test_what_ended_the_child_is_said_of_the_file(
    ended: QExplorerError, said: str | None, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Limits, a crash and what nobody foresaw become one sentence about the file; what is said already stays."""

    def ends(*_: object, **__: object) -> None:
        raise ended

    monkeypatch.setattr(loading, "run_in_child", ends)
    with pytest.raises(QExplorerError) as caught:
        load_model(shipped)
    if said is None:
        assert caught.value is ended
    else:
        assert isinstance(caught.value, ModelError)
        assert caught.value.sentence.startswith(f"{shipped}: {said}")


@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError("nobody knows"), "nobody knows"), (PermissionError(13, "Permission denied"), "Permission denied")],
)
def test_a_file_that_cannot_be_read_is_said_with_the_reason(
    error: OSError, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the system's words, or in those of whoever refused it; a full disk is another matter."""

    def refuses(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Path, "open", refuses)
    with pytest.raises(ModelError, match=rf"^m: the file cannot be read \({said}\); check its permissions$"):
        loading.copy_private(tmp_path / "m.onnx", tmp_path / "copy", "m")
    error = OSError(errno.ENOSPC, "No space left")
    with pytest.raises(OSError, match="No space left"):
        loading.copy_private(tmp_path / "m.onnx", tmp_path / "copy", "m")
