"""The layer graph that a smaller network will have, worked out from a plan in milliseconds, without that network.

A search tries thousands of policies, and making each smaller network and tracing it would take longer than classifying
images with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np

from compress.graph.node import GemmView, GraphBuilder, Shape, TensorRef
from compress.structure.plan import Change, Plan
from compress.structure.routes import Channels, Role

__all__ = ["smaller_graph"]


def smaller_graph(graph: nx.DiGraph, plan: Plan) -> nx.DiGraph:
    """Names, kinds, shapes, products and costs as in the graph of :func:`compress.structure.shrink.shrink`'s model.

    What it lowers to (:func:`compress.graph.lower.workload_from_graph`) is what the real smaller model lowers to. The
    nodes keep the original's parameters and their sizes.

    Args:
        graph: of the whole network.
        plan: what stays of it, from :func:`compress.structure.plan.make_plan`.
    """
    return _Rebuilder(graph, plan).run()


class _Rebuilder:
    """One pass over the original graph in its order."""

    def __init__(self, graph: nx.DiGraph, plan: Plan) -> None:
        self._graph, self._plan = graph, plan
        self._builder = GraphBuilder(graph.graph["name"], graph.graph["parameter_sizes"])
        self._refs: dict[tuple[str, int], TensorRef] = {}
        self._fitted: dict[tuple[str, bytes, bytes], TensorRef] = {}

    def run(self) -> nx.DiGraph:
        for node, data in self._graph.nodes(data=True):
            if data["kind"] == "input":
                self._refs[node, 0] = self._builder.add_input(node, data["output_shapes"][0])
            else:
                self._add(node, data)
        outputs = []
        for position, ref in enumerate(self._graph.graph["outputs"]):
            change = self._plan.outputs.get(position)
            outputs.append(self._fit(self._small(ref), change))
        return self._builder.finish(outputs)

    def _add(self, node: str, data: Mapping[str, Any]) -> None:
        operands = [
            self._fit(self._small(ref), self._plan.changes.get((node, position)))
            for position, ref in enumerate(data["operands"])
        ]
        info = self._plan.channels[node]
        shapes = tuple(self._shape(node, info, shape) for shape in data["output_shapes"])
        made = self._builder.add(
            node,
            kind=data["kind"],
            op=data["op"],
            module=data["module"],
            operands=operands,
            output_shapes=shapes,
            gemm=self._view(node, info, data["gemm"]),
            attributes=_attributes(data, shapes[0]),
        )
        for output, ref in enumerate(made):
            self._refs[node, output] = ref

    def _small(self, ref: TensorRef) -> TensorRef:
        return ref if ref.producer is None else self._refs[ref.producer, ref.output]

    def _shape(self, node: str, info: Channels, shape: Shape) -> Shape:
        if info.axis is None:
            return shape
        return _with_size(shape, info.axis, len(self._plan.stored[node]))

    def _view(self, node: str, info: Channels, view: GemmView | None) -> GemmView | None:
        """The product of the filters and input channels, or the groups, that stay."""
        if view is None or info.role not in (Role.MAKE, Role.GROUP):
            return view
        if info.role is Role.GROUP:
            return replace(view, groups=len(self._plan.groups[node]))
        inputs = len(self._plan.inputs[node])
        conv = None if view.conv is None else replace(view.conv, in_channels=inputs)
        k = inputs if conv is None else inputs * conv.kernel_h * conv.kernel_w
        return replace(view, n=len(self._plan.stored[node]), k=k, conv=conv)

    def _fit(self, ref: TensorRef, change: Change | None) -> TensorRef:
        """The tensor with the channels that a reader wants: some left out, zeros put in; nothing moves."""
        if change is None or ref.producer is None:
            return ref
        key = (ref.producer, change.have.tobytes(), change.want.tobytes())
        if key not in self._fitted:
            both = len(np.intersect1d(change.have, change.want))
            fitted = ref
            if both < len(change.have):
                fitted = self._layout(fitted, f"{ref.producer}_gather", both, change.axis)
            if both < len(change.want):
                fitted = self._layout(fitted, f"{ref.producer}_scatter", len(change.want), change.axis)
            self._fitted[key] = fitted
        return self._fitted[key]

    def _layout(self, ref: TensorRef, name: str, channels: int, axis: int) -> TensorRef:
        (made,) = self._builder.add(
            name,
            kind="layout",
            op=name.rpartition("_")[2] + "_channels",
            module=name,
            operands=(ref,),
            output_shapes=(_with_size(ref.shape, axis, channels),),
            attributes={"moves": False},
        )
        return made


def _with_size(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _attributes(data: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The node's own; windows of pooling are counted in elements, so in proportion to the channels."""
    attributes = dict(data["attributes"])
    if "window_elements" in attributes:
        before, after = TensorRef(data["output_shapes"][0]).elements, TensorRef(shape).elements
        attributes["window_elements"] = attributes["window_elements"] * after // before
    return attributes
