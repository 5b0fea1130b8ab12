"""Carries a plan out on a traced model: smaller modules under their old names, gathers and scatters between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from accel_sim.errors import WorkloadError
from compress.graph.node import TensorRef
from compress.graph.trace import evaluation, trace
from compress.graph.walk import in_place
from compress.structure.modules import GatherChannels, ScatterChannels
from compress.structure.plan import Change, Plan
from compress.structure.rebuild import smaller_batch_norm, smaller_layer
from compress.structure.routes import Channels, Role

__all__ = ["carry_out"]

SIZE_METHODS = ("size", "dim")


def carry_out(model: nn.Module, graph: nx.DiGraph, plan: Plan) -> fx.GraphModule:
    """The smaller model, in evaluation mode.

    Args:
        model: masked; its modules are taken over, so it is not to be used any more.
        graph: the layer graph of the model.
        plan: what stays.

    Raises:
        WorkloadError: ``torch.fx`` cannot trace the model, or a layer that has to shrink is of a class of its own.
    """
    traced = _trace(model, graph)
    _follow_in_place(traced)
    surgery = _Surgery(traced, graph, plan)
    surgery.replace_modules()
    surgery.adapt_sizes()
    surgery.fit_tensors()
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return traced.eval()


def _trace(model: nn.Module, graph: nx.DiGraph) -> fx.GraphModule:
    like = next(model.parameters(), torch.empty(0))
    inputs = tuple(like.new_empty(graph.nodes[name]["output_shapes"][0]) for name in graph.graph["inputs"])
    with evaluation(model):
        traced, bindings = trace(model, inputs, graph.graph["name"])
    if bindings is not None:
        raise WorkloadError(f"{graph.graph['name']}: torch.fx cannot trace it, so no smaller model can be made of it")
    for name in ("input_shape", "normalisation"):  # what the networks of compress.models say about their images
        if hasattr(model, name):
            setattr(traced, name, getattr(model, name))
    return traced


def _follow_in_place(traced: fx.GraphModule) -> None:
    """Whoever reads a tensor after it was overwritten reads the operation that did it."""
    order = {node: position for position, node in enumerate(traced.graph.nodes)}
    for node in list(traced.graph.nodes):
        if in_place(node, traced) and node.args and isinstance(node.args[0], fx.Node):
            for user in [user for user in node.args[0].users if order[user] > order[node]]:
                user.replace_input_with(node.args[0], node)


class _Surgery:
    def __init__(self, traced: fx.GraphModule, graph: nx.DiGraph, plan: Plan) -> None:
        self._module = traced
        self._graph = graph
        self._plan = plan
        names = {node.name: node for node in traced.graph.nodes}
        placeholders = traced.graph.find_nodes(op="placeholder")
        self._nodes: dict[str, fx.Node] = dict(zip(graph.graph["inputs"], placeholders, strict=False))
        for name, data in graph.nodes(data=True):
            if name not in self._nodes:
                self._nodes[name] = names[data["attributes"]["traced"]]
        self._fitted: dict[tuple[fx.Node, bytes, bytes], fx.Node] = {}

    def replace_modules(self) -> None:
        """Layers and batch normalisations of the sizes of the plan."""
        for node, info in self._plan.channels.items():
            if info.role not in (Role.MAKE, Role.GROUP, Role.NORM):
                continue
            stored = self._plan.stored[node]
            inputs = self._plan.inputs.get(node, stored)
            read = self._read_channels(node, info)
            if len(stored) == info.count and len(inputs) == read:
                continue
            target = self._nodes[node]
            if target.op != "call_module":
                raise WorkloadError(f"layer {node!r} is no module of its own, so it cannot be made smaller")
            path = str(target.target)
            old = self._module.get_submodule(path)
            new = (
                smaller_batch_norm(old, stored)
                if info.role is Role.NORM
                else smaller_layer(old, stored, inputs, self._plan.groups.get(node))
            )
            self._module.set_submodule(path, new)

    def _read_channels(self, node: str, info: Channels) -> int:
        shape = self._graph.nodes[node]["operands"][0].shape
        assert info.axis is not None
        return int(shape[info.axis])

    def adapt_sizes(self) -> None:
        """Numbers of channels that stand in the code as numbers: of views, and of padding with zero channels."""
        for node, info in self._plan.channels.items():
            kind = self._graph.nodes[node]["kind"]
            if info.role is not Role.PASS or len(self._plan.stored[node]) == info.count:
                continue
            if kind == "layout":
                self._adapt_view(node, info)
            elif kind == "pad":
                self._adapt_pad(node, info)

    def _adapt_view(self, node: str, info: Channels) -> None:
        data = self._graph.nodes[node]
        target, count, left = self._nodes[node], info.count, len(self._plan.stored[node])
        if data["op"] in ("view", "reshape", "expand", "unflatten"):
            sizes = fx.node.map_aggregate(target.args[1:], lambda size: left if size == count else size)
            assert isinstance(sizes, tuple)
            target.args = (target.args[0], *sizes)

    def _adapt_pad(self, node: str, info: Channels) -> None:
        target, (route,) = self._nodes[node], info.routes
        if np.array_equal(route.source, np.arange(info.count)):
            return
        if target.op != "call_function":
            raise WorkloadError(f"{node!r}: padding of channels by a module is not known; allowed: a function")
        amounts = list(target.args[1] if len(target.args) > 1 else target.kwargs["pad"])  # type: ignore[arg-type]
        axes = len(self._graph.nodes[node]["output_shapes"][0])
        at = 2 * (axes - 1 - route.axis)
        # Padding is dead: what stays of it is put back by whoever wants it.
        amounts[at : at + 2] = [0, 0]
        target.args = (target.args[0], tuple(amounts), *target.args[2:])
        target.kwargs = {name: value for name, value in target.kwargs.items() if name != "pad"}

    def fit_tensors(self) -> None:
        """Insert what stands between tensors and readers that want other channels than are stored."""
        for (reader, position), change in self._plan.changes.items():
            ref = self._graph.nodes[reader]["operands"][position]
            self._fit(self._nodes[reader], ref, change)
        (output,) = self._module.graph.find_nodes(op="output")
        for position, change in self._plan.outputs.items():
            self._fit(output, self._graph.graph["outputs"][position], change)

    def _fit(self, reader: fx.Node, ref: TensorRef, change: Change) -> None:
        assert ref.producer is not None
        source = self._source(reader, ref)
        if source is None:  # another operand of the same reader was this tensor
            return
        while source is not self._nodes[ref.producer] and self._only_pads(source, reader):
            # in front of the padding, which the convolution can then still do itself
            reader, source = source, source.all_input_nodes[0]
        key = (source, change.have.tobytes(), change.want.tobytes())
        if key not in self._fitted:
            self._fitted[key] = self._insert(source, ref.producer, change)
        fitted = self._fitted[key]
        reader.replace_input_with(source, fitted)
        if len(change.want) > len(change.have):
            for asking in [user for user in source.users if _asks_for_size(user)]:
                asking.replace_input_with(source, fitted)

    def _source(self, reader: fx.Node, ref: TensorRef) -> fx.Node | None:
        """The traced value that the reader takes for a tensor of the layer graph.

        Between them there may be what the layer graph does not show: an item of a tuple, padding that a convolution
        does itself there.
        """
        made = self._nodes[ref.producer or ""]
        shown = set(self._nodes.values())
        for value in reader.all_input_nodes:
            behind = value
            while behind not in shown and len(behind.all_input_nodes) == 1:
                behind = behind.all_input_nodes[0]
            if behind is made:
                return value
        return None

    def _only_pads(self, value: fx.Node, reader: fx.Node) -> bool:
        """Whether a value is a padded tensor that nobody else reads."""
        if len(value.all_input_nodes) != 1 or set(value.users) != {reader}:
            return False
        if value.op == "call_module":
            return isinstance(self._module.get_submodule(str(value.target)), nn.ZeroPad2d)
        return value.op == "call_function" and getattr(value.target, "__name__", "") == "pad"

    def _insert(self, source: fx.Node, producer: str, change: Change) -> fx.Node:
        last = source
        for suffix, module in _fitting(change):
            path = self._free_path(producer, suffix)
            self._module.add_submodule(path, module)
            with self._module.graph.inserting_after(last):
                last = self._module.graph.call_module(path, (last,))
        return last

    def _free_path(self, producer: str, suffix: str) -> str:
        taken = {name for name, _ in self._module.named_modules()}
        path, number = f"{producer}_{suffix}", 1
        while path in taken:
            number += 1
            path = f"{producer}_{suffix}_{number}"
        return path


def _fitting(change: Change) -> Iterator[tuple[str, nn.Module]]:
    """Leave out what is not wanted, then put zeros where wanted channels are missing."""
    both = np.intersect1d(change.have, change.want)
    if len(both) < len(change.have):
        yield "gather", GatherChannels(_positions(both, change.have), change.axis)
    if len(both) < len(change.want):
        yield "scatter", ScatterChannels(_positions(both, change.want), len(change.want), change.axis)


def _positions(some: NDArray[np.int64], ascending: NDArray[np.int64]) -> list[int]:
    found: list[int] = np.searchsorted(ascending, some).tolist()
    return found


def _asks_for_size(node: Any) -> bool:
    if node.op == "call_method":
        return node.target in SIZE_METHODS
    return node.op == "call_function" and getattr(node.target, "__name__", "") == "getattr"
