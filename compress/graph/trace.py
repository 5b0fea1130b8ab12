"""From a PyTorch model to its layer graph.

``torch.fx`` keeps leaf modules whole; where it cannot follow a model's control flow, ``torch.export`` does. Either
way the traced graph is walked once on fake tensors (shapes without data, so that neither time nor memory depends on
the network's size), and every operation becomes a node. What is not one operation, such as ``nn.MultiheadAttention``
or a function that ``torch.fx`` does not look into, is taken apart into the ATen operations that it runs.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import networkx as nx
import torch
from torch import Tensor, fx, nn

from accel_sim.errors import WorkloadError
from compress.graph.leaves import LAYOUT_MODULES
from compress.graph.node import GraphBuilder
from compress.graph.walk import GraphWalker

__all__ = ["evaluation", "layer_graph", "trace"]


def layer_graph(
    model: nn.Module,
    example_input: Tensor | Sequence[Tensor] | Sequence[int],
    batch: int = 1,
    name: str | None = None,
) -> nx.DiGraph:
    """The layer graph of a model in evaluation mode; :mod:`compress.graph.node` documents its attributes.

    Args:
        model: on any device; parameters on ``meta`` do. It is not changed.
        example_input: the shape of the input without the batch, ``(3, 224, 224)``, or an input tensor with its batch,
            or several.
        batch: images at a time where a shape is given.
        name: for messages; the class's name if left out.

    Raises:
        WorkloadError: the model cannot be traced (names the module), the input does not fit it, or it
            contains an operation that is not known (names both).

    >>> graph = layer_graph(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), (3, 8, 8))
    >>> [(node, kind) for node, kind in graph.nodes(data="kind")]
    [('input', 'input'), ('0', 'conv2d'), ('1', 'relu')]
    >>> graph.nodes["0"]["macs"]
    7776
    """
    name = name or type(model).__name__
    inputs = _example_inputs(model, example_input, batch)
    canonical = dict(model.named_parameters())
    builder = GraphBuilder(name, {parameter: tensor.numel() for parameter, tensor in canonical.items()})
    with evaluation(model):
        walker = GraphWalker(model, builder)
        graph, bindings = trace(model, inputs, name)
        outputs = walker.run(graph, inputs, bindings)
    return builder.finish([output.ref for output in outputs])


class _Tracer(fx.Tracer):
    """Remembers the innermost module in which tracing failed."""

    failed_in = ""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LAYOUT_MODULES) or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed_in = self.failed_in or self.path_of_module(m)
            raise


def trace(model: nn.Module, inputs: tuple[Tensor, ...], name: str) -> tuple[fx.GraphModule, dict[str, str] | None]:
    """A traced module and, from ``torch.export``, which placeholder is which parameter or buffer."""
    tracer = _Tracer()
    try:
        return fx.GraphModule(model, tracer.trace(model)), None
    except Exception as fx_error:  # a tracer runs the model's own code, so anything may come out of it
        try:
            with _quiet():
                program = torch.export.export(model, inputs)
        except Exception as export_error:
            where = f"module {tracer.failed_in!r}" if tracer.failed_in else "its own forward"
            kind = type(model.get_submodule(tracer.failed_in)).__name__
            raise WorkloadError(
                f"{name}: cannot be traced in {where} ({kind}): "
                f"torch.fx: {_first_line(fx_error)}; torch.export: {_first_line(export_error)}"
            ) from export_error
    signature = program.graph_signature
    bindings = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    constants = {lifted: program.constants[target] for lifted, target in _lifted(signature).items()}
    for lifted, tensor in constants.items():
        setattr(program.graph_module, lifted, tensor)
    return program.graph_module, bindings | dict.fromkeys(constants, "")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what ``torch.export`` prints and logs about a model that it cannot export off the user's screen."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)


def _lifted(signature: Any) -> dict[str, str]:
    return dict(signature.inputs_to_lifted_tensor_constants)


def _first_line(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}"[:200]


def _example_inputs(model: nn.Module, example: Any, batch: int) -> tuple[Tensor, ...]:
    """Input tensors without data on the device of the model's parameters."""
    if isinstance(example, Tensor):
        example = (example,)
    example = tuple(example)
    if example and all(isinstance(item, Tensor) for item in example):
        shapes = [(tuple(item.shape), item.dtype) for item in example]
    else:
        if batch < 1 or any(not isinstance(size, int) or size < 1 for size in example):
            raise WorkloadError(f"input shape {example} with batch {batch}: allowed: integers from 1")
        shapes = [((batch, *example), torch.float32)]
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    return tuple(torch.empty(shape, dtype=dtype, device=device) for shape, dtype in shapes)


@contextlib.contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, without gradients and without the fused attention that hides its matrix products."""
    training = [module for module in model.modules() if module.training]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for module in training:
            module.training = True
