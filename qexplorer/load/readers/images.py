"""Reads pictures in class folders: ``cat/1.png``, ``dog/2.jpg``, ...; the folders' names are the classes.

``train/`` (or ``calibration/``) beside ``test/`` (``val/``, ``evaluation/``) at the top are two parts of the data.
Without class folders there are no labels. A ``classes.txt`` at the top (a name a line) lists the classes in the model's
order. Gray pictures give (n, h, w), others (n, h, w, 3), both bytes. Pictures of
different size need one to be brought to.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.errors import DataError
from qexplorer.load.class_names import LIST_FILES, names_in_text
from qexplorer.load.datasets.raw import MAX_BYTES, RawData, checked_split, numbered, too_large
from qexplorer.load.readers.idx import Opener, is_idx, read_idx_files
from qexplorer.load.readers.protocol import ByEnding, Size

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ENTRIES", "PICTURES", "FolderReader", "read_image_folder", "read_images"]

PICTURES = (".png", ".jpg", ".jpeg")
MAX_FILES = 200_000
MAX_PIXELS = 50_000_000
_MAX_LIST_BYTES = 2**20
_TURNED = {"exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp"}  # in which a camera says how it was held
_MAX_PICTURE_BYTES = 64 * 2**20
_PARTS = {"train": "calibration", "training": "calibration", "calibration": "calibration"}
_PARTS |= dict.fromkeys(("test", "testing", "val", "valid", "validation", "evaluation"), "evaluation")


def read_image_folder(folder: Path, size: tuple[int, int] | None) -> RawData:
    """The pictures in the class folders of ``folder``; or its IDX files, if it has those instead.

    Raises:
        DataError: no pictures, a file that is not the picture its name says, sizes that differ, too large.
    """
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())[: MAX_FILES + 1]
    idx = [p for p in paths if is_idx(p)]
    if idx:
        return read_idx_files(folder.name, {p.name: _opener(p) for p in idx})
    files: dict[str, Opener] = {p.relative_to(folder).as_posix(): _opener(p) for p in paths}
    return read_images(folder.name, files, size)


def read_images(name: str, files: Mapping[str, Opener], size: tuple[int, int] | None) -> RawData:
    """Pictures among ``files`` (by path with forward slashes), height and width brought to ``size`` if given.

    Raises:
        DataError: as :func:`read_image_folder`.
    """
    wanted = {p: f for p, f in files.items() if PurePosixPath(p).suffix.lower() in PICTURES and not _hidden(p)}
    if len(wanted) > MAX_FILES:
        raise DataError(f"there are more than {MAX_FILES} pictures", where=name, do="give fewer samples")
    if not wanted:
        found = f"{len(files)} other files" if files else "nothing at all"
        raise DataError(
            f"there are no pictures in it (but {found})", where=name, allowed=".png and .jpg in class folders"
        )
    listed = _listed_classes(files)
    skipped = len(files) - len(wanted) - (1 if listed else 0)
    notes = [f"{skipped} files that are not pictures were skipped."] if skipped else []
    paths = _without_common_root(sorted(wanted))
    flat = any(kind == "" for _, kind, _ in paths)
    if flat and any(kind for _, kind, _ in paths):
        stray = next(path for _, kind, path in paths if kind == "")
        raise DataError(f"'{stray}' lies outside the class folders", where=name, do="move it into one, or remove it")
    pictures = _Pictures(name, size)
    images = pictures.read([(path, wanted[path]) for _, _, path in paths])
    labels, classes, made_up = (None, (), False) if flat else numbered([k for _, k, _ in paths], listed, name)
    if flat:
        notes.append("There are no class folders, so there are no labels.")
    parts = {part for part, _, _ in paths}
    if len(parts) == 1:
        split = checked_split({"": images}, labels, None, name)
        return RawData(Path(name).stem, split, None, classes, (), tuple(notes), None, made_up)
    both: dict[str, Split] = {}
    for part in parts:
        at = np.array([p == part for p, _, _ in paths])
        both[part] = checked_split({"": images[at]}, None if labels is None else labels[at], None, name)
    return RawData(Path(name).stem, both["evaluation"], both["calibration"], classes, (), tuple(notes), None, made_up)


def _listed_classes(files: Mapping[str, Opener]) -> tuple[str, ...]:
    """The names in a list that lies among the folders, the one nearest to the top."""
    lists = [path for path in files if PurePosixPath(path).name.lower() in LIST_FILES and not _hidden(path)]
    for path in sorted(lists, key=lambda path: len(PurePosixPath(path).parts)):
        with files[path]() as file:
            names = names_in_text(file.read(_MAX_LIST_BYTES).decode("utf-8", "replace"))
        if names:
            return names
    return ()


def _opener(path: Path) -> Opener:
    return lambda: path.open("rb")


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(path).parts)


def _without_common_root(paths: Sequence[str]) -> list[tuple[str, str, str]]:
    """(part, class, path) of each; the class is '' where a picture lies in no class folder."""
    split = [PurePosixPath(path).parts for path in paths]
    while all(len(p) > 2 for p in split) and len({p[0] for p in split}) == 1:
        split = [p[1:] for p in split]
    tops = {p[0].lower() for p in split if len(p) > 1}
    told = {_PARTS.get(top) for top in tops} == {"calibration", "evaluation"} and all(len(p) > 1 for p in split)
    found = []
    for parts, path in zip(split, paths, strict=True):
        part, rest = (_PARTS[parts[0].lower()], parts[1:]) if told else ("evaluation", parts)
        found.append((part, rest[0] if len(rest) > 1 else "", path))
    return found


class _Pictures:
    """Decodes pictures into one array of bytes, gray as long as all of them are."""

    def __init__(self, where: str, size: tuple[int, int] | None) -> None:
        self._where, self._size = where, size

    def read(self, files: Sequence[tuple[str, Opener]]) -> NDArray[np.uint8]:
        """(n, h, w) or (n, h, w, 3)."""
        images: list[NDArray[np.uint8]] = []
        total = 0
        for path, opener in files:
            image = self._decode(path, opener)
            if images and image.shape[:2] != images[0].shape[:2]:
                one, two = images[0].shape, image.shape
                raise DataError(
                    f"'{path}' has {two[1]} x {two[0]} pixels, '{files[0][0]}' has {one[1]} x {one[0]}",
                    where=self._where,
                    allowed="pictures of one size",
                    do="choose a size (height and width) in the preprocessing",
                )
            total += image.shape[0] * image.shape[1] * 3
            if total > MAX_BYTES:
                raise too_large(self._where, total)
            images.append(image)
        if any(image.ndim == 3 for image in images):
            images = [i if i.ndim == 3 else np.repeat(i[..., None], 3, axis=2) for i in images]
        return np.stack(images)

    def _decode(self, path: str, opener: Opener) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps, UnidentifiedImageError

        with opener() as file:
            data = file.read(_MAX_PICTURE_BYTES + 1)
        if len(data) > _MAX_PICTURE_BYTES:
            raise DataError(f"'{path}' is larger than {_MAX_PICTURE_BYTES // 2**20} MB", where=self._where)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
                    self._check_pixels(path, image)
                    image.load()  # what stands behind the pixels too
                    upright = ImageOps.exif_transpose(image) if _TURNED & image.info.keys() else image
                    plain = upright.convert("L" if upright.mode in ("1", "L", "LA", "I;16", "I") else "RGB")
                    return np.asarray(self._resized(plain), np.uint8)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise DataError(
                f"'{path}' is not a whole picture", where=self._where, allowed="PNG and JPEG", do="remove or replace it"
            ) from None

    def _check_pixels(self, path: str, image: Image.Image) -> None:
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            raise DataError(
                f"'{path}' has {pixels / 1e6:.0f} million pixels",
                where=self._where,
                allowed=f"at most {MAX_PIXELS // 1_000_000} million",
            )

    def _resized(self, image: Image.Image) -> Image.Image:
        from PIL import Image as Pictures

        if self._size is None or (image.height, image.width) == self._size:
            return image
        return image.resize((self._size[1], self._size[0]), Pictures.Resampling.BILINEAR)


class FolderReader(ByEnding):
    """Folders of pictures, or of IDX files."""

    name = "folder"
    endings = ()
    told = "a folder of class folders"
    help = "A folder holds a folder of pictures for each class, or IDX files."
    rank = 40

    def takes(self, path: Path) -> bool:
        """Any folder."""
        return path.is_dir()

    def read(self, path: Path, size: Size | None) -> RawData:
        """What :func:`read_image_folder` reads."""
        return read_image_folder(path, size)


ENTRIES = (FolderReader(),)
