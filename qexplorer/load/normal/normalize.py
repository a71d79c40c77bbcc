"""A checked model in the one form that everything after loading works on.

Opset 21 and IR 10 where conversion is possible, functions inlined, weights as initializers, operators of ONNX Runtime's
own in standard ones, shape arithmetic folded, batch normalization folded into the layer before it, every node named,
shapes inferred. Candidates are tried from the most to the least changed; ``verify`` decides which of them computes what
the original computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnx
import onnx.version_converter

from qexplorer.core.errors import ModelError
from qexplorer.graph.walk import all_graphs, default_opset
from qexplorer.load.normal.contrib import in_standard_operators
from qexplorer.load.normal.dimensions import free_dimensions
from qexplorer.load.normal.fold import folded
from qexplorer.load.normal.fuse import fused
from qexplorer.load.normal.known_shapes import with_known_shapes
from qexplorer.load.normal.tidy import name_everything, tidied
from qexplorer.load.normal.verify import Outcome, broken_rule, compare_models
from qexplorer.load.safety.bombs import check_inferred_sizes
from qexplorer.load.safety.limits import NEWEST_IR, NEWEST_OPSET, TARGET_OPSET
from qexplorer.load.shapes import add_shapes, inferred

__all__ = ["TARGET_IR", "normalized"]

TARGET_IR = 10


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A form of the model, and what to tell if it is the one that is kept."""

    proto: onnx.ModelProto
    notes: tuple[str, ...]


def normalized(proto: onnx.ModelProto, where: str) -> tuple[onnx.ModelProto, list[str]]:
    """The model in the form described above, with notes for a reader.

    Raises:
        ModelError: an operator would need more memory than there is, a node breaks the rules of its operator (an axis
            that its input does not have, an input of another type), or the opset is newer than can be run and cannot be
            lowered.
    """
    told = _unambiguous(proto)
    base = tidied(proto)
    check_inferred_sizes(inferred(base), where)
    converted, why = _converted(base, where)
    notes = (*told, *why)
    original = proto if default_opset(proto) <= NEWEST_OPSET else _finished(converted)
    original.ir_version = min(original.ir_version, NEWEST_IR)
    failed: dict[Outcome, str] = {}
    for candidate in _candidates(base, converted, notes):
        outcome, detail = compare_models(original, candidate.proto)
        failed.setdefault(outcome, detail)
        if outcome is Outcome.TOO_LARGE:
            raise ModelError(f"running it once needs too much memory ({detail})", where=where)
        if outcome is Outcome.SAME:
            return candidate.proto, list(candidate.notes)
        if outcome is Outcome.NOT_RUN:
            note = f"the loaded form could not be checked by running it ({detail})"
            return candidate.proto, [*candidate.notes, note]
        if outcome is Outcome.ORIGINAL_FAILS:
            if broken := broken_rule(detail):
                raise ModelError(broken, where=where, do="export it again")
            kept, why = (base, told) if default_opset(base) <= NEWEST_OPSET else (converted, notes)
            return _finished(kept), [*why, f"ONNX Runtime cannot load this model ({detail}), so it may not run here"]
    return _finished(base), [*told, f"it is kept as it was, because {_unlike(failed)}"]


def _unlike(failed: dict[Outcome, str]) -> str:
    """Why no simplified form was kept: what the checks of them came to, and no more."""
    said = {
        Outcome.DIFFERS: "computed something else",
        Outcome.NEW_FAILS: "could not be run where it can",
    }
    found = " or ".join(text for outcome, text in said.items() if outcome in failed)
    detail = next(iter(failed.values()))
    return f"every simplified form that was tried {found}" + (f" ({detail})" if detail else "")


def _unambiguous(proto: onnx.ModelProto) -> tuple[str, ...]:
    """Mends in place what runtimes take literally or refuse although it can only mean one thing; says what."""
    free, shared = free_dimensions(proto), name_everything(proto)
    notes = ["lengths of 0 or less in its shapes were taken for free ones"] if free else []
    if shared:
        first = f"'{shared[0]}'" + (f" and {len(shared) - 1} more" if len(shared) > 1 else "")
        notes.append(f"nodes that shared a name ({first}) were given distinct ones")
    return tuple(notes)


def _candidates(base: onnx.ModelProto, converted: onnx.ModelProto, notes: tuple[str, ...]) -> Iterator[_Candidate]:
    """Forms of the model, the most useful first."""
    for steps in ((folded, with_known_shapes, folded, fused, folded), (folded, fused, folded), (folded,), ()):
        fresh = _stepped(converted, (in_standard_operators, *steps) if steps else ())
        if fresh is not None:
            yield _Candidate(_finished(fresh), notes)
    if converted is not base and default_opset(base) <= NEWEST_OPSET:
        yield _Candidate(_finished(base), (*notes, f"it is kept at opset {default_opset(base)}"))


def _stepped(
    proto: onnx.ModelProto, steps: tuple[Callable[[onnx.ModelProto], onnx.ModelProto], ...]
) -> onnx.ModelProto | None:
    """The model after ``steps``; None if one of them gave up on it (a simpler form is tried then)."""
    folded_last = None
    try:
        for step in steps:
            if step is folded and proto is folded_last:  # nothing was found to change since
                continue
            proto = step(proto)
            folded_last = proto if step is folded else folded_last
    except (ModelError, MemoryError):
        raise
    except Exception:  # rewriting is optional: whatever a library cannot take, a simpler form can do without
        return None
    return proto


def _converted(base: onnx.ModelProto, where: str) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The model at opset 21, or as it is with a note where conversion fails."""
    opset = default_opset(base)
    if opset == TARGET_OPSET:
        return base, ()
    try:
        fresh: onnx.ModelProto = onnx.version_converter.convert_version(base, TARGET_OPSET)
    except Exception as error:  # C++ raises RuntimeError, ConvertError and others
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        if opset > NEWEST_OPSET:
            what = f"it uses opset {opset}, which cannot be converted to {TARGET_OPSET} ({reason})"
            raise ModelError(what, where=where, allowed=f"opset 7 to {NEWEST_OPSET}", do="export it again") from None
        return base, (f"it stays at opset {opset}, because converting to {TARGET_OPSET} failed ({reason})",)
    return fresh, (f"converted from opset {opset} to {TARGET_OPSET}",)


def _finished(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with names, the IR version that is written, and shapes."""
    fresh = onnx.ModelProto()
    fresh.CopyFrom(proto)
    wanted = max(TARGET_IR, onnx.helper.find_min_ir_version_for(list(fresh.opset_import), ignore_unknown=True))
    fresh.ir_version = min(wanted, NEWEST_IR)
    _strip_remarks(fresh)
    name_everything(fresh)
    add_shapes(fresh)
    return fresh


def _strip_remarks(proto: onnx.ModelProto) -> None:
    """Removes documentation and exporter's metadata, which hold stack traces with paths of somebody's machine."""
    proto.doc_string = ""
    for graph in all_graphs(proto):
        graph.doc_string = ""
        del graph.metadata_props[:]
        for item in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
            item.doc_string = ""
            del item.metadata_props[:]
