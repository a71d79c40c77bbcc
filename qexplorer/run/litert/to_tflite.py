"""From a torch module to the bytes of a .tflite file, by litert-torch's own steps.

``litert_torch.convert`` is the same but for one switch that it does not offer: strict treatment of quantize and
dequantize operators. Without it the converter moves grids to where none were asked for and makes inputs and outputs
integers; with it, it does no more than fuse what lies between them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["SIGNATURE", "quiet", "to_tflite"]

SIGNATURE = "serving_default"
_LISTING = "_collect_all_valid_cia_ops"


def to_tflite(module: torch.nn.Module, inputs: Sequence[torch.Tensor], output_names: Sequence[str]) -> bytes:
    """Converts ``module`` for inputs of exactly these shapes.

    In the file's signature, inputs are called ``args_0``, ``args_1`` and so on, outputs as given.

    Raises:
        Exception: whatever torch or the converter raise.
    """
    with quiet(), _decompositions_listed_once():
        from litert_converter.mlir._mlir_libs import converter_api_ext as converter
        from litert_torch import backend
        from litert_torch._convert import core, litert_converter, signature
        from litert_torch.backend import inline_consts

        from qexplorer.run.litert.nodes import lower_weights

        lower_weights()
        sign = signature.Signature(SIGNATURE, module.eval(), tuple(inputs), {}, dynamic_shapes=None)
        program = core.export_torch_signature(sign)
        _own_dequantize(program)
        program = core._run_convert_passes(program)
        context = backend.export_utils.create_ir_context()
        constants = inline_consts.InlineConstsContext(enable_resource_constants=False)
        lowered = backend.export.exported_program_to_mlir(
            program, ir_context=context, lowering_context_plugins=[constants]
        )
        converter.set_signature(
            lowered.module.operation,
            signature_name=SIGNATURE,
            input_names=sign.flat_arg_names,
            output_names=list(output_names),
        )
        converted = converter.merge_modules([lowered.module])
        _passes(converter, converted, context)
        content: bytes = litert_converter.LazyModelExporter(module=converted).to_bytes()
        return content


@contextlib.contextmanager
def _decompositions_listed_once() -> Iterator[None]:
    """PyTorch lists the operators that it can decompose four times in a conversion, for a quarter of its time.

    The list lacks operators that are registered later; none of those decomposes.
    """
    from torch._export import utils
    from torch.export import decomp_utils, exported_program

    modules = [each for each in (utils, decomp_utils, exported_program) if hasattr(each, _LISTING)]
    before = [getattr(module, _LISTING) for module in modules]
    for module, listing in zip(modules, before, strict=True):
        setattr(module, _LISTING, _once(listing))
    try:
        yield
    finally:
        for module, listing in zip(modules, before, strict=True):
            setattr(module, _LISTING, listing)


@functools.cache
def _once(listing: Callable[[], set[Any]]) -> Callable[[], set[Any]]:
    return functools.cache(listing)


def _own_dequantize(program: torch.export.ExportedProgram) -> None:
    """Gives every reader of a dequantized tensor a dequantize operator of its own.

    Where litert-torch 0.10 puts a transpose between such a tensor and one of its readers, it forgets in which layout
    the tensor itself is, and gives the others a wrong one.
    """
    import torch

    pairs: Any = torch.ops.quantized_decomposed
    graph = program.graph_module.graph
    for node in list(graph.nodes):
        if node.target is not pairs.dequantize_per_tensor.default:
            continue
        for reader in list(node.users)[1:]:
            with graph.inserting_after(node):
                copy = graph.node_copy(node)
            reader.replace_input_with(node, copy)
    program.graph_module.recompile()


def _passes(converter: Any, module: Any, context: Any) -> None:
    from litert_converter.mlir import passmanager

    settings = converter.ConvertToTFLConfig()
    settings.model_origin_framework = "PYTORCH"
    settings.qdq_conversion_mode = "STATIC"
    settings.strict_qdq_mode = True
    settings.unsafe_fuse_dynamic_shaped_broadcast = True
    settings.canonicalizing_inf_as_min_max_float = False  # as litert_torch sets it
    settings.enable_x64 = False  # XNNPACK has no kernels on 64-bit numbers
    with context:
        converter.run_convert_to_tfl_passes(module, passmanager.PassManager(), settings)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without progress lines, warnings and network: importing litert_torch imports transformers and jax."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
