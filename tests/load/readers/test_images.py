"""Pictures in folders and archives: read as documented, and each way to be wrong has its sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qexplorer.core.errors import DataError
from qexplorer.load.readers.images import read_image_folder
from qexplorer.load.readers.zip import read_zip
from tests.load.given_files import png, zip_of


def test_pictures_in_class_folders(tmp_path: Path) -> None:
    """Folders' names are the classes in alphabetical order; a common root and system files do not matter."""
    files = {"root/dog/1.png": png((5, 4)), "root/cat/1.PNG": png((5, 4), 7), "root/dog/2.png": png((5, 4))}
    raw = read_zip(
        zip_of(tmp_path / "pets.zip", {**files, "__MACOSX/root/dog/._1.png": b"?", "root/notes.txt": b"?"}), None
    )
    assert raw.classes == ("cat", "dog")
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == [0, 1, 1]
    assert raw.evaluation.inputs[""].shape == (3, 5, 4)
    assert raw.evaluation.inputs[""][0, 0, 0] == 7
    assert raw.notes == ("2 files that are not pictures were skipped.",)


def test_a_folder_is_read_like_a_zip(tmp_path: Path) -> None:
    """The same pictures give the same arrays, from a folder and from a .zip."""
    files = {"cat/1.png": png((5, 4), 9), "dog/1.png": png((5, 4), 8)}
    for name, data in files.items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True)
        (tmp_path / "pets" / name).write_bytes(data)
    one = read_image_folder(tmp_path / "pets", None)
    two = read_zip(zip_of(tmp_path / "pets.zip", files), None)
    np.testing.assert_array_equal(one.evaluation.inputs[""], two.evaluation.inputs[""])
    assert one.classes == two.classes == ("cat", "dog")


def test_train_and_test_folders_are_two_parts(tmp_path: Path) -> None:
    """train/ calibrates and test/ judges, with the same classes."""
    files = {f"{part}/{kind}/{i}.png": png((5, 4)) for part in ("train", "test") for kind in "ab" for i in range(2)}
    raw = read_zip(zip_of(tmp_path / "both.zip", {**files, "train/a/9.png": png((5, 4))}), None)
    assert raw.calibration is not None
    assert (raw.calibration.n, raw.evaluation.n, raw.classes) == (5, 4, ("a", "b"))


def test_gray_and_coloured_pictures_together_are_coloured(tmp_path: Path) -> None:
    """One coloured picture makes all of them (h, w, 3)."""
    raw = read_zip(zip_of(tmp_path / "mixed.zip", {"a/1.png": png((5, 4)), "b/1.png": png((5, 4, 3))}), None)
    assert raw.evaluation.inputs[""].shape == (2, 5, 4, 3)


def test_pictures_of_two_sizes_need_one(tmp_path: Path) -> None:
    """Without a size the sentence names both pictures; with one they are brought to it."""
    path = zip_of(tmp_path / "sizes.zip", {"a/1.png": png((5, 4)), "b/1.png": png((6, 9))})
    with pytest.raises(DataError, match=r"'b/1\.png' has 9 x 6 pixels, 'a/1\.png' has 4 x 5.*choose a size"):
        read_zip(path, None)
    assert read_zip(path, (8, 7)).evaluation.inputs[""].shape == (2, 8, 7)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, r"the \.zip is empty"),
        ({"a.txt": b"1"}, r"there are no pictures in it \(but 1 other files\)"),
        ({"a/1.png": b"not a picture"}, "'a/1.png' is not a whole picture"),
        ({"a/1.png": png((50, 40))[:60]}, "'a/1.png' is not a whole picture"),
        ({"a/1.png": png((5, 4)), "2.png": png((5, 4))}, "'2.png' lies outside the class folders"),
    ],
)
def test_zips_that_cannot_be_used(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    """Empty, without pictures, with a damaged one or a stray one: each is said."""
    with pytest.raises(DataError, match=words):
        read_zip(zip_of(tmp_path / "given.zip", files), None)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is judged by the size in its header."""
    monkeypatch.setattr("qexplorer.load.readers.images.MAX_PIXELS", 1000)
    with pytest.raises(DataError, match=r"'a/1\.png' has 0 million pixels"):
        read_zip(zip_of(tmp_path / "given.zip", {"a/1.png": png((50, 40))}), None)


@pytest.mark.parametrize("train", ["train", "Training", "calibration"])
@pytest.mark.parametrize("judge", ["test", "testing", "val", "valid", "VALIDATION", "evaluation"])
def test_the_usual_names_of_parts(tmp_path: Path, train: str, judge: str) -> None:
    """In any case, below a common folder too; a name that is none of these is a class."""
    files = {f"{train}/a/1.png": png((5, 4), 3), f"{judge}/a/1.png": png((5, 4), 9)}
    raw = read_zip(zip_of(tmp_path / "both.zip", {f"pets/{name}": data for name, data in files.items()}), None)
    assert raw.calibration is not None
    assert [part.inputs[""].max() for part in (raw.calibration, raw.evaluation)] == [3, 9]
    other = read_zip(zip_of(tmp_path / "classes.zip", {"train/1.png": png((5, 4)), "cats/1.png": png((5, 4))}), None)
    assert (other.calibration, other.classes) == (None, ("cats", "train"))


@pytest.mark.parametrize("turned", [1, 6])
def test_a_picture_that_a_camera_held_upright_is_turned(tmp_path: Path, turned: int) -> None:
    """Its height and width are those that a person sees, whether it is resized or not."""
    picture, stream = Image.fromarray(np.arange(20, dtype=np.uint8).reshape(4, 5)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = turned  # orientation: as it is, or a quarter turn clockwise
    picture.save(stream, "PNG", exif=exif)
    raw = read_zip(zip_of(tmp_path / "one.zip", {"a/1.png": stream.getvalue()}), None)
    expected = np.arange(20).reshape(4, 5) if turned == 1 else np.rot90(np.arange(20).reshape(4, 5), -1)
    np.testing.assert_array_equal(raw.evaluation.inputs[""][0], expected)


def test_height_and_width_are_asked_for_in_that_order(tmp_path: Path) -> None:
    """A picture that is so large already is not touched."""
    path = zip_of(tmp_path / "one.zip", {"a/1.png": png((6, 9))})
    assert read_zip(path, (12, 18)).evaluation.inputs[""].shape == (1, 12, 18)
    assert read_zip(path, (6, 9)).evaluation.inputs[""].shape == (1, 6, 9)


def test_a_list_of_classes_among_the_folders_gives_their_order(tmp_path: Path) -> None:
    """The one nearest to the top; it is no file that was skipped."""
    files = {"dog/1.png": png((5, 4), 3), "cat/1.png": png((5, 4), 9), "classes.txt": b"dog\ncat\n"}
    raw = read_zip(zip_of(tmp_path / "pets.zip", {**files, "dog/labels.txt": b"cat\ndog\n"}), None)
    assert (raw.classes, raw.alphabetical) == (("dog", "cat"), False)
    assert raw.evaluation.labels is not None
    assert dict(
        zip(raw.evaluation.inputs[""].max(axis=(1, 2)).tolist(), raw.evaluation.labels.tolist(), strict=True)
    ) == {
        3: 0,
        9: 1,
    }
    assert raw.notes == ("1 files that are not pictures were skipped.",)


@pytest.mark.parametrize(
    ("limit", "most", "words"),
    [
        ("MAX_PIXELS", 20, "'a/1.png' has 0 million pixels"),
        ("MAX_FILES", 2, "there are more than 1 pictures"),
        ("MAX_BYTES", 2 * 20 * 3, "the data takes"),
        ("_MAX_PICTURE_BYTES", max(len(png((5, 4))), len(png((5, 4, 3)))), "'a/2.png' is larger than"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_limits_are_kept_to_the_last_one(
    limit: str, most: int, words: str, zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many pixels, pictures and bytes (three for each pixel) are read, and one more is refused."""
    files = {"a/1.png": png((5, 4)), "a/2.png": png((5, 4, 3))}
    for name, data in files.items():
        (tmp_path / "pets" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(data)
    read, path = (read_zip, zip_of(tmp_path / "pets.zip", files)) if zipped else (read_image_folder, tmp_path / "pets")
    monkeypatch.setattr(f"qexplorer.load.readers.images.{limit}", most)
    assert read(path, None).evaluation.n == 2
    monkeypatch.setattr(f"qexplorer.load.readers.images.{limit}", most - 1)
    with pytest.raises(DataError, match=words):
        read(path, None)


def test_hidden_files_and_links_are_no_pictures(tmp_path: Path) -> None:
    """What a system hides at any depth, and what lies elsewhere."""
    for name in ("a/1.png", ".cache/a/2.png", "a/.3.png", "__MACOSX/a/4.png"):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(png((5, 4)))
    (tmp_path / "pets" / "a" / "5.png").symlink_to(tmp_path / "pets" / "a" / "1.png")
    raw = read_image_folder(tmp_path / "pets", None)
    assert (raw.evaluation.n, raw.classes) == (1, ("a",))
    assert raw.notes == ("3 files that are not pictures were skipped.",)
