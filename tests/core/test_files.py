"""Files that show whether they are what was written, and names of files that people take away."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.files import (
    copy_atomically,
    file_name,
    given_path,
    is_whole,
    one_at_a_time,
    read_sealed,
    write_sealed,
)
from qexplorer.core.workspace import sha256_bytes


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("digits_cnn", "w8a8", ".onnx"), "digits_cnn-w8a8.onnx"),
        (("net", "w8a8-percentile with percentile 99.5", ".yaml"), "net-w8a8-percentile-with-percentile-99.5.yaml"),
        (("net", "mine (2)", "ladder", ".csv"), "net-mine-2-ladder.csv"),
        (("../../etc", 'a/b\\c:d"e', ".json"), "etc-a-b-c-d-e.json"),
        (("net", "größer", ".csv"), "net-größer.csv"),
    ],
)
def test_a_name_is_one_that_any_system_takes(parts: tuple[str, ...], name: str) -> None:
    """Separators, quotes, spaces and brackets give way to a dash; letters and digits of any language stay."""
    assert file_name(*parts) == name


def test_a_long_name_keeps_its_ending() -> None:
    """What a person wrote at length is cut, and its kind is not."""
    found = file_name("net", "x" * 300, ".onnx")
    assert found.endswith("x.onnx")
    assert len(found) < 140


@pytest.mark.parametrize("data", [b"", b"text", bytes(range(256)) * 100])
def test_what_was_sealed_is_read_as_it_was(data: bytes, tmp_path: Path) -> None:
    """Any bytes, none too; a file that is cut, longer or changed anywhere counts as none."""
    path = write_sealed(tmp_path / "kept", data)
    assert read_sealed(path) == data
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole + b"x", bytes([whole[0] ^ 1]) + whole[1:], data):
        path.write_bytes(damaged)
        assert read_sealed(path) is None
    assert read_sealed(tmp_path / "missing") is None


def test_a_file_is_whole_while_its_digest_is_the_same(tmp_path: Path) -> None:
    """A change of the same length is seen, and the change back too."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert is_whole(path, sha256_bytes(b"one"))
    path.write_bytes(b"two")
    assert not is_whole(path, sha256_bytes(b"one"))
    path.write_bytes(b"one")
    assert is_whole(path, sha256_bytes(b"one"))
    assert not is_whole(tmp_path / "missing", sha256_bytes(b"one"))


def test_a_copy_is_whole_or_is_not_there(tmp_path: Path) -> None:
    """It takes the place of an older one, and nothing else stays in the folder; a folder that is not there is said."""
    source, target = tmp_path / "given", tmp_path / "there" / "copy"
    source.write_bytes(bytes(range(256)) * 5000)
    with pytest.raises(InputError, match=r"there/copy: cannot be written \(No such file"):
        copy_atomically(source, target)
    target.parent.mkdir()
    target.write_bytes(b"old")
    assert copy_atomically(source, target).read_bytes() == source.read_bytes()
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("source", ["a" * 5000, "/" + "a/" * 3000, "~no-such-user-of-this-machine/a"])
def test_what_can_be_no_path_is_said_in_one_sentence(source: str) -> None:
    """A system's own error for a name too long, or for a user that is not there, is no fault of this program."""
    with pytest.raises(InputError, match=r"there can be no file of this name \([^\[\]]+\)") as raised:
        given_path(source)
    assert "Errno" not in str(raised.value)
    assert given_path("~/a") == Path.home() / "a"


def test_two_that_make_the_same_do_it_one_after_the_other(tmp_path: Path) -> None:
    """Who comes second waits until the first has written, and finds it."""
    made, first_is_in = tmp_path / "made", threading.Event()

    def first() -> None:
        with one_at_a_time(tmp_path / "lock"):
            first_is_in.set()
            time.sleep(0.05)
            made.write_text("whole", encoding="utf-8")

    maker = threading.Thread(target=first)
    maker.start()
    assert first_is_in.wait(60)
    with one_at_a_time(tmp_path / "lock"):
        found = made.read_text(encoding="utf-8")
    maker.join()
    assert found == "whole"
