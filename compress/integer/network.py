"""A quantised network as integer arithmetic from its first layer to its answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from accel_sim.errors import WorkloadError
from compress.compressed import CompressedModel
from compress.graph.leaves import LAYOUT_MODULES
from compress.graph.trace import evaluation
from compress.integer.operations import Call, run_operation, stream_grid
from compress.integer.products import ACC_BITS, IntegerProduct, ProductRun
from compress.integer.tensor import IntegerTensor
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, Grid

__all__ = ["IntegerNetwork", "IntegerRun", "integer_network"]

BATCH = 64


class IntegerRun(NamedTuple):
    """Answers ``(batch, classes)`` float32, and what every product read and summed up, by layer."""

    logits: Tensor
    products: dict[str, ProductRun]


class IntegerNetwork(nn.Module):
    """Runs on images like the network that it was made of; all of it but the answers' last scale is integers.

    Attributes:
        acc_bits: width of the accumulators.
    """

    def __init__(self, traced: fx.GraphModule, largest: dict[str, float], acc_bits: int, like: nn.Module) -> None:
        super().__init__()
        self._traced, self._largest, self.acc_bits = traced, largest, acc_bits
        for name in ("input_shape", "normalisation"):
            if hasattr(like, name):
                setattr(self, name, getattr(like, name))
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` -> ``(batch, classes)``."""
        return self.run(images).logits

    def run(self, images: Tensor) -> IntegerRun:
        """The same, with what the products did.

        Raises:
            WorkloadError: a sum does not fit the accumulators, or an operation has no integer arithmetic.
        """
        products: dict[str, ProductRun] = {}
        with torch.no_grad():
            found = _Integers(self._traced, self._largest, self.acc_bits, products).run(images)
        logits = found.values().float() if isinstance(found, IntegerTensor) else found
        return IntegerRun(logits, products)


def integer_network(compressed: CompressedModel, images: Tensor, *, acc_bits: int = ACC_BITS) -> IntegerNetwork:
    """The integer arithmetic of a compressed network.

    Args:
        compressed: quantised.
        images: ``(images, channels, height, width)`` that the ranges of 16-bit copies are taken from.
        acc_bits: width of the accumulators.

    Raises:
        WorkloadError: the network is not quantised, cannot be traced, or has an operation without integer arithmetic
            (names it and where it is).
    """
    model = compressed.model
    if not any(isinstance(module, FakeQuantConv2d | FakeQuantLinear) for module in model.modules()):
        raise WorkloadError("integer arithmetic: the policy does not quantise; quantization.enabled is false")
    with evaluation(model):
        try:
            traced = fx.GraphModule(model, _Tracer().trace(model))
        except Exception as error:  # a tracer runs the model's own code, so anything may come out of it
            reason = str(error).splitlines()[0] if str(error) else ""
            raise WorkloadError(f"integer arithmetic: the network cannot be traced: {reason}") from error
        largest: dict[str, float] = {}
        for batch in torch.split(images, BATCH):
            _Ranges(traced, largest).run(batch)
    network = IntegerNetwork(traced, largest, acc_bits, model)
    network.run(images[:1])
    return network


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        leaves = (FakeQuantConv2d, FakeQuantLinear, *LAYOUT_MODULES)
        return isinstance(m, leaves) or super().is_leaf_module(m, module_qualified_name)


class _Ranges(fx.Interpreter):
    """Runs the fake-quantised network and notes the largest magnitude of every tensor."""

    def __init__(self, traced: fx.GraphModule, largest: dict[str, float]) -> None:
        super().__init__(traced)
        self._largest = largest

    def run_node(self, n: fx.Node) -> Any:
        """As the base class does."""
        found = super().run_node(n)
        for tensor in found if isinstance(found, tuple | list) else (found,):
            if isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.numel():
                self._largest[n.name] = max(self._largest.get(n.name, 0.0), float(tensor.abs().max()))
        return found


class _Integers(fx.Interpreter):
    """Runs the network on :class:`IntegerTensor`; what comes before the first product is float."""

    def __init__(
        self, traced: fx.GraphModule, largest: dict[str, float], acc_bits: int, products: dict[str, ProductRun]
    ) -> None:
        super().__init__(traced)
        self.extra_traceback = False  # messages stay the one line that they are
        self._largest, self._acc_bits, self._products = largest, acc_bits, products

    def run_node(self, n: fx.Node) -> Any:
        """One operation on integers."""
        if n.op not in ("call_function", "call_method", "call_module"):
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        function, name, where = self._function_of(n)
        if isinstance(function, FakeQuantConv2d | FakeQuantLinear):
            return self._product(where, function, args[0])
        if not any(isinstance(value, IntegerTensor) for value in _flat((args, tuple(kwargs.values())))):
            return function(*args, **kwargs)
        grids = partial(self._grid, n), partial(self._argument_grid, n)
        return run_operation(Call(name, tuple(args), dict(kwargs), function, *grids, where))

    def _function_of(self, n: fx.Node) -> tuple[Callable[..., Any], str, str]:
        """What runs, what it is called, and where it stands."""
        if n.op == "call_module":
            module = self.fetch_attr(str(n.target))
            return module, type(module).__name__.lower(), str(n.target)
        where = f"node {n.name}"
        if n.op == "call_method":
            return partial(_method, str(n.target)), str(n.target), where
        assert callable(n.target)  # the only kind left
        return n.target, n.target.__name__, where

    def _product(self, name: str, layer: FakeQuantConv2d | FakeQuantLinear, value: Any) -> IntegerTensor:
        product = IntegerProduct(name, layer, self._acc_bits)
        integers = value.on(product.grid) if isinstance(value, IntegerTensor) else product.grid.quantize(value).long()
        found, self._products[name] = product.run(integers)
        return found

    def _grid(self, n: fx.Node) -> Grid:
        return stream_grid(self._largest.get(n.name, 0.0))

    def _argument_grid(self, n: fx.Node, position: int) -> Grid:
        argument = n.args[position]
        assert isinstance(argument, fx.Node)  # tensors are results of nodes
        return self._grid(argument)


def _method(name: str, tensor: Any, *args: Any, **kwargs: Any) -> Any:
    return getattr(tensor, name)(*args, **kwargs)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [item for part in value for item in _flat(part)]
    return [value]
