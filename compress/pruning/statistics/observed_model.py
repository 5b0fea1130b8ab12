"""Runs a model batch after batch and shows what its operations give, under the names of the layer graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from compress.graph.node import GraphBuilder
from compress.graph.trace import evaluation, trace
from compress.graph.walk import GraphWalker

__all__ = ["ObservedModel", "OutputObserver", "only_these_learn"]

OutputObserver = Callable[[str, Tensor], None]
"""Called with an operation's name in the layer graph and its first output.

The tensor's values hold during the call only: operations in place may overwrite them later.
"""


class _Walker(GraphWalker):
    """Runs on the tensors themselves and shows every operation's output."""

    def __init__(self, model: nn.Module, observe: OutputObserver, gradients: bool) -> None:
        super().__init__(model, GraphBuilder(type(model).__name__, {}))
        self._observe = observe
        self._gradients = gradients

    def hold(self, tensor: Tensor) -> Tensor:
        return tensor

    def running(self) -> contextlib.AbstractContextManager[Any]:
        return torch.enable_grad() if self._gradients else contextlib.nullcontext()

    def on_operation(self, node: str, outputs: Sequence[Tensor]) -> None:
        self._observe(node, outputs[0])


class ObservedModel:
    """A model that is traced once for every size of batch, and runs in evaluation mode.

    Args:
        model: with real parameters. It is not changed, and nothing is attached to it.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._traced: dict[torch.Size, tuple[fx.GraphModule, dict[str, str] | None]] = {}

    def run(self, images: Tensor, observe: OutputObserver, *, gradients: bool) -> Tensor:
        """The model's first output.

        Args:
            images: one batch, on the model's device.
            observe: called for each operation, in the order in which they run.
            gradients: whether the operations are recorded, so that the output can be differentiated.

        Raises:
            WorkloadError: the model cannot be traced, or the images do not fit it.
        """
        with evaluation(self._model):
            if images.shape not in self._traced:
                self._traced[images.shape] = trace(self._model, (images,), type(self._model).__name__)
            graph, bindings = self._traced[images.shape]
            # A copy: a first operation in place must not write into the caller's images.
            return _Walker(self._model, observe, gradients).run(graph, (images.clone(),), bindings)[0].value


@contextlib.contextmanager
def only_these_learn(model: nn.Module, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Gradients flow to ``parameters`` and to nothing else of the model; afterwards every flag is what it was."""
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    wanted = {id(parameter) for parameter in parameters}
    try:
        for parameter, _ in before:
            parameter.requires_grad_(id(parameter) in wanted)
        yield
    finally:
        for parameter, flag in before:
            parameter.requires_grad_(flag)
