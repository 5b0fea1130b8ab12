"""Runs a model for real while its layer graph is walked, and shows the operands of every matrix product.

The walk is the one that builds the layer graph, on real tensors in place of fake ones, so the products have the
graph's names, those inside attention modules and functions included, whatever way the model was traced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from compress.graph.node import GraphBuilder
from compress.graph.operations import Facts
from compress.graph.trace import evaluation, trace
from compress.graph.walk import GraphWalker

__all__ = ["ProductObserver", "run_model"]

ProductObserver = Callable[[str, Facts, Sequence[Tensor]], None]
"""Called with a product's name in the layer graph, what it is, and its operands' tensors in ``facts.operands`` order.

The tensors are valid during the call only: operations in place may overwrite them later.
"""


class _RealWalker(GraphWalker):
    """Holds the tensors themselves."""

    def __init__(self, model: nn.Module, builder: GraphBuilder, observer: ProductObserver) -> None:
        super().__init__(model, builder)
        self._observer = observer

    def hold(self, tensor: Tensor) -> Tensor:
        return tensor

    def running(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def on_product(self, node: str, facts: Facts, operands: Sequence[Tensor]) -> None:
        self._observer(node, facts, operands)


def run_model(model: nn.Module, images: Tensor, observer: ProductObserver, name: str | None = None) -> list[Tensor]:
    """Run the model in evaluation mode on real images and show every matrix product's operands as it happens.

    Args:
        model: with real parameters, on the images' device. It is not changed.
        images: ``(batch, channels, height, width)``, or whatever the model takes.
        observer: called for each product, in the order in which they run.
        name: for messages; the class's name if left out.

    Returns:
        The model's output tensors.

    Raises:
        WorkloadError: the model cannot be traced, or the images do not fit it (names the module).

    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> outputs = run_model(model, Tensor(2, 4), lambda name, facts, operands: print(name, facts.kind))
    0 linear
    """
    name = name or type(model).__name__
    inputs = (images.clone(),)
    builder = GraphBuilder(name, {})
    with evaluation(model):
        walker = _RealWalker(model, builder, observer)
        graph, bindings = trace(model, inputs, name)
        return [output.value for output in walker.run(graph, inputs, bindings)]
