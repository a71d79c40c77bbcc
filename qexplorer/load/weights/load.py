"""Weights and the name of an architecture in, a checked model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.errors import InputError, ModelError, QExplorerError, UnknownName
from qexplorer.core.foreign.texts import TooMuch, text_in
from qexplorer.load.weights.settings import CONFIG_BOUNDS

if TYPE_CHECKING:
    from qexplorer.core.model import Model
    from qexplorer.load.model import Cancelled
    from qexplorer.process.parent import OnEvent

__all__ = ["config_text", "load_weights"]

_CONFIG = "config.json"


def load_weights(
    path: Path,
    architecture: str,
    *,
    name: str | None = None,
    shown: str | None = None,
    config: Path | None = None,
    on_event: OnEvent | None = None,
    cancelled: Cancelled | None = None,
) -> Model:
    """A model of an architecture with the weights of a file.

    The file is copied, and read, exported and checked in a child process with limits; then it is loaded as any ONNX
    file is. Nothing in it is run.

    Args:
        path: a ``.safetensors`` file, or a state_dict saved by ``torch.save``.
        architecture: a name of this program's list, ``timm:NAME`` or ``transformers:MODEL_TYPE``.
        name: what to call the model; the file's stem by default.
        shown: what to call the file in messages; the path by default.
        config: a ``config.json`` for transformers; None: the one beside the file, if there is one.
        on_event: called with each progress event of the children.
        cancelled: asked now and then; True ends the child.

    Raises:
        ModelError, UnknownName: one sentence about what is wrong with the file or the name.
    """
    from qexplorer.load.model import as_model_error, copy_private, load_exported, refuse_missing
    from qexplorer.load.safety.limits import loading_limits
    from qexplorer.load.store import private_folder
    from qexplorer.process.parent import run_in_child
    from qexplorer.process.places.taking import opening

    where = shown or str(path)
    if not path.is_file():
        refuse_missing(path)
    with private_folder() as folder:
        copy, out = folder / "weights", folder / "exported.onnx"
        copy_private(path, copy, where)
        arguments = {"path": str(copy), "out": str(out), "architecture": architecture, "where": where}
        arguments["config"] = config_text(config or path.parent / _CONFIG, given=config is not None) or ""
        try:
            with opening():
                run_in_child(
                    "qexplorer.load.weights.child:export_weights",
                    arguments,
                    limits=loading_limits(4 * copy.stat().st_size),
                    on_event=on_event,
                    cancelled=cancelled,
                )
        except (InputError, UnknownName):
            raise
        except QExplorerError as error:
            raise as_model_error(error, where) from None
        return load_exported(out, name or path.stem, where, on_event, cancelled)


def config_text(path: Path, *, given: bool) -> str | None:
    """The text of a ``config.json``; None where there is none beside the file."""
    if not path.is_file():
        if given:
            raise ModelError("there is no such file", where=str(path), allowed="the config.json of the weights")
        return None
    try:
        return text_in(path, CONFIG_BOUNDS)
    except (OSError, UnicodeDecodeError, TooMuch) as error:
        what = f"it cannot be read ({error})"
        raise ModelError(what, where=_CONFIG, allowed="the config.json of the weights") from None
