"""What a file is, from its first bytes, when it is not ONNX: so that the message can say what to do."""

from __future__ import annotations

import codecs
from io import BytesIO

from qexplorer.core.errors import ModelError
from qexplorer.load.weights.kinds import export_lines, refuse_program

__all__ = ["refuse_other_formats"]

_TORCH = "if it is a module that you trust, export it at home with two lines of Python: {lines}"
_ONNX = "a .onnx file"
_ARCHITECTURE = "name the architecture that they are of: on page Model, --architecture in a terminal, qexplorer.load("
_ARCHITECTURE += "path, architecture=...) in Python"
_WEIGHTS = f"if it holds weights, {_ARCHITECTURE}"

_HEAD = 512
_ZIP = b"PK\x03\x04"
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, _ZIP, "a zip archive, as PyTorch's .pt and .pth files are", f"{_WEIGHTS}; {_TORCH}"),
    (0, b"\x80\x02", "a Python pickle, which can run code when opened", _TORCH),
    (0, b"\x80\x03", "a Python pickle, which can run code when opened", _TORCH),
    (0, b"\x80\x04", "a Python pickle, which can run code when opened", _TORCH),
    (0, b"\x80\x05", "a Python pickle, which can run code when opened", _TORCH),
    (0, b"\x89HDF", "an HDF5 file, as Keras writes them", "convert it with tf2onnx first"),
    (4, b"TFL3", "a TensorFlow Lite file", "convert it with tf2onnx first"),
    (4, b"ORTM", "ONNX Runtime's own .ort format", "give the .onnx file it was made from"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (0, b"GGUF", "a GGUF file", "export the model to ONNX"),
    (0, b"version https://git-lfs", "a Git LFS pointer instead of the model", "run 'git lfs pull' to get the model"),
    (0, b"<", "a web page or XML", "download the model itself, not the page about it"),
)


def refuse_other_formats(data: bytes, where: str) -> None:
    """Raises ModelError if the first bytes of the file's ``data`` show a format other than ONNX."""
    head = data[:_HEAD]
    if not head:
        raise ModelError("the file is empty", where=where, allowed=_ONNX, do="export or download it again")
    for offset, magic, what, do in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            if magic == _ZIP:
                refuse_program(BytesIO(data), where)
            told = do.format(lines=export_lines(where))
            raise ModelError(f"this is {what}, not an ONNX model", where=where, allowed=_ONNX, do=told)
    if head[8:].startswith(b"{") and b'"dtype"' in head:
        what = "this is a safetensors file, which holds weights without a model"
        raise ModelError(what, where=where, allowed=_ONNX, do=_ARCHITECTURE)
    if _is_text(head):
        raise ModelError("this is a text file, not an ONNX model", where=where, allowed=_ONNX, do="check the file")


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 (cut anywhere) without bytes that text does not have; an ONNX file begins with some of those,
    tags and lengths of fields."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(byte in b"\t\n\r\f" or (byte >= 32 and byte != 127) for byte in head)
