"""The ONNX graph as a torch module."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from qexplorer.core.errors import ModelError
from qexplorer.torchgraph.complaint import KERNEL_ERRORS, complaint
from qexplorer.torchgraph.dtypes import tensor_from, tensor_of
from qexplorer.torchgraph.graph import graph_of, missing_in, missing_operators, read_model
from qexplorer.torchgraph.kernels.quantization import dequantize_linear
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.plan import Step, steps_for
from qexplorer.torchgraph.registry import Host, as_host
from qexplorer.torchgraph.weights import CodeWeight, code_weights, float_weights, store

if TYPE_CHECKING:
    import onnx

__all__ = ["GraphModule", "missing_operators"]


class GraphModule(nn.Module):
    """An ONNX model that torch runs, on the CPU or on CUDA (``.to(device)``), with gradients.

    QuantizeLinear and DequantizeLinear are executed as ``core.grid`` defines them; a pair of both on one grid has the
    gradient that ``fake_quantize`` states. Values that depend on constants and shapes alone stay in the processor's
    memory, so that ``torch.export`` can trace the module for fixed input shapes.

    Args:
        model: the model, or the path of its file. It is not changed.
        trainable: make weights into parameters: float initializers that a layer reads, and codes that a
            DequantizeLinear reads, which become float values that are rounded to their grid in every run. Or the names
            of those float initializers that are to become parameters.
        modules: what computes in place of a node, by the name of the node's only output: it is called with the node's
            inputs. Its parameters are the module's.

    Raises:
        ModelError: operators that torchgraph does not have (all are named), or values that torch cannot hold.
    """

    def __init__(
        self,
        model: onnx.ModelProto | Path,
        *,
        trainable: bool | Collection[str] = False,
        modules: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self._model = read_model(model)
        self._graph = graph_of(self._model)
        missing = tuple(missing_in(self._graph))
        if missing:
            what = f"PyTorch has no kernel here for {', '.join(missing)}"
            raise ModelError(what, where=self._model.graph.name or None, do="run it in ONNX Runtime instead")
        self._slots: dict[str, str] = {}
        self._host: dict[str, Host] = {}
        self._plans: dict[tuple[str, ...], tuple[Step, ...]] = {}
        self._trained_floats: tuple[str, ...] = ()
        self._trained_codes: dict[str, CodeWeight] = {}
        self.register_buffer("_anchor", torch.empty(0), persistent=False)
        self._in_place = {name: self._added(name, module) for name, module in (modules or {}).items()}
        if trainable:
            self._make_parameters(None if isinstance(trainable, bool) else trainable)
        self._plan(self.output_names)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of ``forward``."""
        return self._graph.inputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in the order of ``forward``."""
        return self._graph.outputs

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs. Raises ModelError if the number of inputs is wrong."""
        if len(inputs) != len(self.input_names):
            what = f"{len(inputs)} inputs were given"
            raise ModelError(what, allowed=", ".join(self.input_names) or "none")
        found = self._run(dict(zip(self.input_names, inputs, strict=True)), self.output_names)
        return tuple(found[name] for name in self.output_names)

    def tensors(self, feeds: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
        """Any tensors of the graph, by name: codes, intermediate values, constants or outputs.

        Args:
            feeds: a tensor for each input.
            names: what to return.

        Raises:
            ModelError: an input is missing, or there is no tensor of that name.
        """
        wanted = tuple(dict.fromkeys(names))
        return self._run({name: feeds[name] for name in self.input_names if name in feeds}, wanted)

    def to_onnx(self) -> onnx.ModelProto:
        """The same model with the parameters' values in place of the initializers that they came from.

        Codes are rounded again by ``core.grid.quantize``, but only where a value was changed; whatever was not trained
        stays as it is, bit by bit.
        """
        import onnx

        found = onnx.ModelProto()
        found.CopyFrom(self._model)
        floats = {name: self._tensor(name) for name in self._trained_floats}
        codes = {name: (weight, self._tensor(weight.parameter)) for name, weight in self._trained_codes.items()}
        store(found, floats, codes)
        return found

    def parameter(self, name: str) -> nn.Parameter:
        """The parameter that stands for the float initializer ``name``. Raises KeyError if that is not trained."""
        found = self._tensor(name) if name in self._trained_floats else None
        if not isinstance(found, nn.Parameter):
            raise KeyError(name)
        return found

    def _added(self, output: str, module: nn.Module) -> Step:
        """The step of a module that stands for the node that makes ``output``."""
        self.add_module(self._slot(f"in_place_{output}"), module)
        node = self._graph.index.maker(output)
        if node is None:
            raise ModelError(f"no node of the graph makes '{output}'")
        settings = Node.of(node, self._graph.opset(node), [0] * len(node.input))
        return Step(settings, lambda _, *given: module(*given), tuple(node.input), (output,), ())

    def _make_parameters(self, names: Collection[str] | None) -> None:
        if names is None:
            self._trained_codes = code_weights(self._graph)
        for weight in self._trained_codes.values():
            self._keep(weight.parameter, nn.Parameter(weight.initial()))
        self._trained_floats = float_weights(self._graph) if names is None else tuple(names)
        for name in self._trained_floats:
            self._keep(name, nn.Parameter(tensor_from(self._graph.constants[name])))

    def _keep(self, name: str, value: Tensor) -> None:
        """Stores a constant as a buffer or parameter."""
        slot = self._slots[name] = self._slot(name)
        if isinstance(value, nn.Parameter):
            self.register_parameter(slot, value)
        else:
            self.register_buffer(slot, value)

    def _slot(self, name: str) -> str:
        """A free name of an attribute; torch allows neither dots nor taken names in those."""
        slot = "".join(letter if letter.isalnum() else "_" for letter in name)
        while hasattr(self, slot):
            slot += "_"
        return slot

    def _tensor(self, name: str) -> Tensor:
        found: Tensor = getattr(self, self._slots[name])
        return found

    def _plan(self, wanted: tuple[str, ...]) -> tuple[Step, ...]:
        """The steps for some tensors, compiled on first use, with the constants that they read put in place."""
        if wanted not in self._plans:
            replaced = {name: step for weight in self._trained_codes.values() for name, step in weight.steps()}
            replaced |= self._in_place
            steps = tuple(step for step in steps_for(self._graph, wanted, replaced) if not self._folded(step))
            made = {name for step in steps for name in step.outputs}
            for name in wanted:
                self._constant(name, host=False)
                if name not in made and name not in self._slots and name not in self.input_names:
                    raise ModelError(f"there is no tensor called '{name}' in the graph")
            for step in steps:
                for index, name in enumerate(step.inputs):
                    self._constant(name, host=step.node is None or index in step.host)
            self._plans[wanted] = steps
        return self._plans[wanted]

    def _folded(self, step: Step) -> bool:
        """Whether the step only gives codes in the file their values: that is done once, not in every run."""
        constant = all(name in self._graph.constants for name in step.inputs if name)
        if step.call is not dequantize_linear or not constant:
            return False
        if step.outputs[0] not in self._slots:
            given = [tensor_from(self._graph.constants[name]) if name else None for name in step.inputs]
            self._keep(step.outputs[0], step.call(step.node, *given).to(self._device))
        return True

    def _constant(self, name: str, *, host: bool) -> None:
        item = self._graph.constants.get(name)
        if item is None:
            return
        if host:
            self._host.setdefault(name, np.asarray(numpy_helper.to_array(item)))
        elif name not in self._slots:
            try:
                value = tensor_from(item)
            except ValueError as error:
                raise ModelError(str(error), where=name) from None
            self._keep(name, value.to(self._device))

    @property
    def _device(self) -> torch.device:
        anchor = self._anchor
        assert isinstance(anchor, Tensor)
        return anchor.device

    def _run(self, values: dict[str, Any], wanted: tuple[str, ...]) -> dict[str, Tensor]:
        missing = [name for name in self.input_names if name not in values]
        if missing:
            raise ModelError(f"no value was given for the input '{missing[0]}'", allowed=", ".join(self.input_names))
        kept = set(wanted)
        for step in self._plan(wanted):
            answers = self._answers(step, values)
            values.update((name, value) for name, value in zip(step.outputs, answers, strict=False) if name)
            for name in step.free:
                if name not in kept:
                    values.pop(name, None)
        return {name: self._argument(name, values, False) for name in wanted}

    def _answers(self, step: Step, values: dict[str, Any]) -> tuple[Any, ...]:
        """What one step makes of the values at hand."""
        if step.node is None:
            answers: tuple[Any, ...] = step.call(*(self._raw(name, values) for name in step.inputs))
            return answers
        arguments = [self._argument(name, values, index in step.host) for index, name in enumerate(step.inputs)]
        try:
            found = step.call(step.node, *arguments)
        except KERNEL_ERRORS as error:
            if torch.compiler.is_compiling():  # its own errors tell a tracer what to do
                raise
            raise complaint(step.node, error) from error
        answers = found if isinstance(found, tuple) else (found,)
        if not any(isinstance(argument, Tensor) for argument in arguments):
            answers = tuple(answer.to(self._device) for answer in answers)
        return answers

    def _raw(self, name: str, values: dict[str, Any]) -> Any:
        if not name:
            return None
        return values[name] if name in values else self._host[name]

    def _argument(self, name: str, values: dict[str, Any], host: bool) -> Any:
        """An input as its kernel wants it: None, NumPy, or a tensor on the module's device."""
        if not name:
            return None
        if host:
            return as_host(values[name] if name in values else self._host[name])
        if name not in values:
            return self._tensor(name)
        value = values[name]
        return tensor_of(value).to(self._device) if isinstance(value, np.ndarray) else value
