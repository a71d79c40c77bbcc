"""A torch module as an ONNX file, through PyTorch's own exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["OPSET", "export", "refuse_other_objects"]

OPSET = 21
_DO = "give the original torch.nn.Module with example inputs, or export it with torch.onnx.export(..., dynamo=True)"


def refuse_other_objects(module: object) -> None:
    """Raises ModelError for anything but a plain torch module, TorchScript included."""
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError("TorchScript modules are not taken", allowed="a torch.nn.Module, a .onnx file", do=_DO)
    if isinstance(module, dict):
        what = "this is a dictionary (a state_dict?), which holds weights without a model"
        raise ModelError(
            what, allowed="a torch.nn.Module", do="load it with module.load_state_dict() and give the module"
        )
    if not isinstance(module, torch.nn.Module):
        what = f"a {type(module).__name__} is not a model"
        raise ModelError(what, allowed="a sample's name, the path of a .onnx file, or a torch.nn.Module")


def export(module: torch.nn.Module, example_inputs: Any, path: Path) -> Path:
    """Writes the module, in evaluation mode, as ONNX to ``path``.

    The first axis of every input is left free where the module allows it; otherwise all sizes are as in the example.

    Args:
        module: the module; its training mode is restored afterwards.
        example_inputs: a tensor, or a tuple of tensors.
        path: where to write.

    Returns:
        ``path``.

    Raises:
        ModelError: the exporter gave up.
    """
    import torch

    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
    label = type(module).__name__
    if not inputs or not all(isinstance(x, torch.Tensor) for x in inputs):
        raise ModelError("example inputs must be tensors", where=label, allowed="a tensor or a tuple of tensors")
    training = module.training
    module.eval()
    try:
        program = _exported(module, inputs, label)
    finally:
        module.train(training)
    program.save(path, external_data=False)
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter's warnings, which are about packages that are not needed here."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _exported(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], label: str) -> Any:
    """The exporter's result with a free batch, or else with fixed sizes."""
    import torch

    free = tuple({0: torch.export.Dim.AUTO} if x.ndim else {} for x in inputs)
    wide = tuple(torch.cat([x, x]) if x.ndim and x.shape[0] == 1 else x for x in inputs)  # 1 would be taken as fixed
    reason = "it gave no reason"
    for example, shapes in ((wide, free), (inputs, None)):
        try:
            with _quiet():
                program = torch.onnx.export(
                    module, example, dynamo=True, opset_version=OPSET, dynamic_shapes=shapes, verbose=False
                )
        except Exception as error:  # the exporter's errors share no class
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            continue
        if program is not None:
            return program
    raise ModelError(
        f"PyTorch could not export it ({reason[:200]})", where=label, do="export it yourself, and load the file"
    )
