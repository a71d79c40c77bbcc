"""First-line checks: bytes of a stranger in, a model that is safe to work on out, or one sentence."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from qexplorer.core.errors import ModelError
from qexplorer.graph.walk import DEFAULT_DOMAINS, all_nodes, default_opset, fed_inputs
from qexplorer.load.safety.bombs import ITEM_BITS, check_declared_sizes, check_expansion
from qexplorer.load.safety.external import embed_external
from qexplorer.load.safety.finite import check_finite
from qexplorer.load.safety.limits import LOWEST_OPSET, MAX_FILE_BYTES, MAX_PORTS, TARGET_OPSET
from qexplorer.load.safety.sniff import refuse_other_formats
from qexplorer.load.shapes import without_weights

__all__ = ["checked_proto", "custom_domains"]

_KNOWN_DOMAINS = (*DEFAULT_DOMAINS, "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")


def checked_proto(data: bytes, folder: Path | None, where: str) -> tuple[onnx.ModelProto, dict[str, str], list[str]]:
    """Parses and checks a model; nothing in it is expanded, executed or followed outside ``folder``.

    Args:
        data: the bytes of the file.
        folder: where files of external weights may lie; None: nowhere.
        where: what to call the model in messages.

    Returns:
        The model with all weights inside, the digests of files of external weights, and notes.

    Raises:
        ModelError: one sentence about the first thing that is wrong.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ModelError("the file is larger than 2 GB", where=where, allowed="at most 2 GB")
    refuse_other_formats(data, where)
    proto = _parsed(data, where)
    notes = _dropped(proto)
    try:
        external = _check_parts(proto, folder, where)
    except UnicodeDecodeError:
        raise ModelError("a name in it is not text: the file is damaged", where=where, do="get it again") from None
    return proto, external, notes


def _check_parts(proto: onnx.ModelProto, folder: Path | None, where: str) -> dict[str, str]:
    """All checks of a parsed model, the cheap and the protective ones first; takes external weights in."""
    _check_opset(proto, where)
    check_expansion(proto, where)
    external = embed_external(proto, folder, where)
    check_declared_sizes(proto, where)
    check_finite(proto, where)
    _check_ports(proto, where)
    _check_valid(proto, where)
    return external


def _parsed(data: bytes, where: str) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except (DecodeError, RecursionError):
        what = "this is not a whole ONNX file: it is truncated, damaged or of another kind"
        raise ModelError(what, where=where, allowed="a .onnx file", do="export or download it again") from None
    if not proto.HasField("graph") or not proto.ir_version:
        what = "there is no graph in this file: it is truncated or of another kind"
        raise ModelError(what, where=where, allowed="a .onnx file", do="export or download it again")
    if not proto.graph.node:
        raise ModelError("the graph has no operators", where=where, do="export the model again")
    return proto


def _dropped(proto: onnx.ModelProto) -> list[str]:
    """Removes what is not needed to run the model; returns a note for what somebody may miss."""
    if not proto.training_info:
        return []
    del proto.training_info[:]
    return ["training information in the file was dropped"]


def _check_opset(proto: onnx.ModelProto, where: str) -> None:
    """Refuses an opset that is too old; a file without any operator of the standard need not say which it uses, so it
    is given one."""
    opset = default_opset(proto)
    if not opset and all(node.domain not in DEFAULT_DOMAINS for node in all_nodes(proto)):
        proto.opset_import.append(onnx.helper.make_opsetid("", TARGET_OPSET))
        return
    if opset < LOWEST_OPSET:
        what = f"it uses opset {opset}" if opset else "it does not say which opset it uses"
        raise ModelError(what, where=where, allowed=f"opset {LOWEST_OPSET} or later", do="export it again")


def _check_ports(proto: onnx.ModelProto, where: str) -> None:
    """Inputs and outputs must be there, not too many, be tensors, and hold numbers."""
    inputs = fed_inputs(proto.graph)
    for count, kind in ((len(inputs), "inputs"), (len(proto.graph.output), "outputs")):
        if count > MAX_PORTS:
            raise ModelError(f"the model has {count:,} {kind}", where=where, allowed=f"at most {MAX_PORTS:,}")
    if not inputs:
        raise ModelError("the model has no inputs, so there is nothing to feed", where=where)
    if not proto.graph.output:
        raise ModelError("the model has no outputs", where=where)
    for value, kind in [(v, "input") for v in inputs] + [(v, "output") for v in proto.graph.output]:
        which = value.type.WhichOneof("value")
        if which is None and kind == "output":  # inferred later
            continue
        if which != "tensor_type":
            what = f"the {kind} '{value.name}' is a {str(which).removesuffix('_type')}, not a tensor"
            do = "for scikit-learn models, convert with options={'zipmap': False}" if kind == "output" else None
            raise ModelError(what, where=where, allowed="tensors of numbers", do=do)
        if kind == "input" and not value.type.tensor_type.HasField("shape"):
            raise ModelError(f"the input '{value.name}' has no shape", where=where, do="export it with shapes")
        _check_element_type(value, kind, where)


def _check_element_type(value: onnx.ValueInfoProto, kind: str, where: str) -> None:
    """Text and complex numbers are refused; an output may leave its type to be inferred."""
    element = value.type.tensor_type.elem_type
    if element == onnx.TensorProto.STRING:
        raise ModelError(f"the {kind} '{value.name}' holds text", where=where, allowed="tensors of numbers")
    if element in (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128):
        raise ModelError(f"the {kind} '{value.name}' holds complex numbers", where=where, allowed="real numbers")
    if element not in ITEM_BITS and (element or kind == "input"):
        what = f"the {kind} '{value.name}' has an element type that does not exist"
        raise ModelError(what, where=where, allowed="tensors of numbers", do="export it again")


def _check_valid(proto: onnx.ModelProto, where: str) -> None:
    """The checker of onnx itself: duplicate names, cycles, attributes."""
    bare = without_weights(proto)
    for value in bare.graph.output:  # the checker insists on what can be inferred
        if not value.type.tensor_type.elem_type:
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        if not value.type.tensor_type.HasField("shape"):
            value.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(bare, full_check=False)
    except Exception as error:  # ValidationError, and bare RuntimeErrors from C++
        if unknown := _unknown_operator(proto):
            raise ModelError(unknown, where=where, do="export it with operators of ONNX alone") from None
        raise ModelError(f"it is not a valid ONNX model: {_first_sentence(str(error))}", where=where) from None


def _unknown_operator(proto: onnx.ModelProto) -> str:
    """What is said of the first operator that neither ONNX nor the file defines; empty if there is none."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    own = {(function.domain, function.name) for function in proto.functions}
    for node in all_nodes(proto):
        kind: object = node.op_type
        if isinstance(kind, bytes):  # no text, of which the checker's own message tells
            continue
        who = f"'{node.name or next(iter(node.output), '')}' ({node.op_type})"
        if (node.domain, node.op_type) in own:
            continue
        if node.domain not in DEFAULT_DOMAINS and node.domain not in versions:
            return f"{who} is of the domain '{node.domain}', which the file does not import"
        if node.domain in DEFAULT_DOMAINS and not onnx.defs.has(node.op_type, ""):
            return f"{who} is no operator of ONNX, and the file names no other domain for it"
    return ""


def _first_sentence(text: str) -> str:
    """The first two lines of a message of the checker, without its context dump."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("==>")]
    return " ".join(lines[:2])[:300].rstrip(".") or "no reason given"


def custom_domains(proto: onnx.ModelProto) -> tuple[str, ...]:
    """Domains of operators that neither the standard nor ONNX Runtime has, sorted (after functions were inlined)."""
    return tuple(sorted({node.domain for node in all_nodes(proto)} - set(_KNOWN_DOMAINS)))
