"""The layer graph's vocabulary, free of any framework: tensors, GEMM views and the builder of the graph.

The layer graph is a ``networkx.DiGraph``. A node is one operation; its key is its unique name. Node attributes:

========================  ==========================================================================================
``kind``                  what it is: ``conv2d``, ``linear``, ``matmul``, ``batch_norm``, ``relu``, ``add``, ``cat``,
                          ``layout``, ``input``, ...
``op``                    the framework's name of the operation (``view`` and ``permute`` are both ``layout``)
``module``                path of the module that it belongs to, ``""`` for the model itself
``operands``              the :class:`TensorRef` that it reads, in order, constants included
``parameters``            role -> name of the parameter in the state dict, e.g. ``{"weight": "conv1.weight"}``
``params``                elements of those parameters (buffers are not counted)
``input_shapes``          shape of each operand
``output_shapes``         shape of each output (``chunk`` has several)
``gemm``                  :class:`GemmView`, or ``None`` where it is no matrix product
``macs``                  multiply-accumulates of the GEMM view, else 0
``attributes``            what else the kind needs (kernel, axis, ...); of PyTorch models also ``traced``, the name of
                          the traced graph's node, ``part``, whether it is one of several operations that this node
                          was taken apart into, and, where elements move, ``arguments``: those behind the first
========================  ==========================================================================================

An edge is what one operation reads of another: attribute ``uses`` holds a :class:`TensorUse` per operand.
``graph.graph`` holds ``name``, ``inputs`` (names of the input nodes), ``outputs`` (:class:`TensorRef`) and
``parameter_sizes`` (name -> elements, all parameters that the graph reads).

What depends on parameters alone (a table of position biases that is gathered, a class token that is expanded) is no
operation at inference: it is folded into the operand of the operation that reads it, which lists the parameters.
Operations that no output depends on are left out for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import networkx as nx

from accel_sim.workload.layers import ConvGeometry

__all__ = ["GemmView", "GraphBuilder", "Shape", "TensorRef", "TensorUse", "total_macs", "total_params"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class GemmView:
    """An operation as ``groups`` products ``O[m,n] = A[m,k] · W[k,n]``.

    ``conv`` says where A's rows come from when it is a convolution. ``activation`` and ``weight`` are the positions of
    A and W among the node's operands (W is the first operand where a constant is multiplied from the left).
    """

    groups: int
    m: int
    n: int
    k: int
    conv: ConvGeometry | None = None
    activation: int = 0
    weight: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates, ``groups·m·n·k``; products with padding zeros are included."""
        return self.groups * self.m * self.n * self.k


@dataclass(frozen=True)
class TensorRef:
    """A tensor as an operation sees it.

    Attributes:
        shape: its sizes.
        producer: the node that makes it; ``None`` for a constant.
        output: which of the producer's outputs it is.
        parameters: for a constant, the parameters and buffers that it is computed from.
    """

    shape: Shape
    producer: str | None = None
    output: int = 0
    parameters: tuple[str, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether it is known before the network runs."""
        return self.producer is None

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class TensorUse:
    """One operand that an edge stands for: its position in the consumer, the producer's output, its shape."""

    position: int
    output: int
    shape: Shape


class GraphBuilder:
    """Collects operations in the order in which they run and makes the layer graph of them.

    Args:
        name: the network's name, used in messages.
        parameter_sizes: elements of every parameter by name; names that are not in it are buffers and constants.
    """

    def __init__(self, name: str, parameter_sizes: Mapping[str, int]) -> None:
        self._sizes = parameter_sizes
        self._graph = nx.DiGraph(name=name, inputs=[], outputs=(), parameter_sizes={})

    def add_input(self, name: str, shape: Shape) -> TensorRef:
        """Add an input of the network."""
        (ref,) = self.add(name, kind="input", op="input", module="", operands=(), output_shapes=(shape,))
        self._graph.graph["inputs"].append(ref.producer)
        return ref

    def add(
        self,
        name: str,
        *,
        kind: str,
        op: str,
        module: str,
        operands: Sequence[TensorRef],
        output_shapes: Sequence[Shape],
        roles: Mapping[str, TensorRef] | None = None,
        gemm: GemmView | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> tuple[TensorRef, ...]:
        """Add one operation and return its outputs.

        Args:
            name: the wished name; a suffix makes it unique.
            roles: constants that have a role of their own (``weight``, ``bias``); other constant operands are
                listed under the last part of their names.
        """
        unique = self._unique(name)
        parameters = self._parameters(operands, roles or {})
        sizes = {p: self._sizes[p] for p in parameters.values() if p in self._sizes}
        self._graph.graph["parameter_sizes"].update(sizes)
        self._graph.add_node(
            unique,
            kind=kind,
            op=op,
            module=module,
            operands=tuple(operands),
            parameters=parameters,
            params=sum(sizes.values()),
            input_shapes=tuple(operand.shape for operand in operands),
            output_shapes=tuple(output_shapes),
            gemm=gemm,
            macs=0 if gemm is None else gemm.macs,
            attributes=dict(attributes or {}),
        )
        self._connect(unique, operands)
        return tuple(TensorRef(tuple(shape), unique, index) for index, shape in enumerate(output_shapes))

    def finish(self, outputs: Sequence[TensorRef]) -> nx.DiGraph:
        """The graph of what the outputs depend on."""
        graph = self._graph
        live = set(graph.graph["inputs"])
        for output in outputs:
            if output.producer is not None:
                live |= {output.producer} | nx.ancestors(graph, output.producer)
        graph.remove_nodes_from([node for node in graph if node not in live])
        graph.graph["outputs"] = tuple(outputs)
        read = {p for _, names in graph.nodes(data="parameters") for p in names.values()}
        graph.graph["parameter_sizes"] = {p: n for p, n in graph.graph["parameter_sizes"].items() if p in read}
        return graph

    def _unique(self, name: str) -> str:
        if name not in self._graph:
            return name
        suffix = 1
        while f"{name}_{suffix}" in self._graph:
            suffix += 1
        return f"{name}_{suffix}"

    def _parameters(self, operands: Sequence[TensorRef], roles: Mapping[str, TensorRef]) -> dict[str, str]:
        named = {role: ref.parameters[0] for role, ref in roles.items() if ref.parameters}
        for operand in (*operands, *roles.values()):
            for parameter in operand.parameters:
                if parameter not in named.values():
                    role = parameter.rpartition(".")[2]
                    named[parameter if role in named else role] = parameter
        return named

    def _connect(self, name: str, operands: Sequence[TensorRef]) -> None:
        for position, operand in enumerate(operands):
            if operand.producer is None:
                continue
            use = TensorUse(position, operand.output, operand.shape)
            if self._graph.has_edge(operand.producer, name):
                self._graph.edges[operand.producer, name]["uses"] += (use,)
            else:
                self._graph.add_edge(operand.producer, name, uses=(use,))


def total_macs(graph: nx.DiGraph) -> int:
    """Multiply-accumulates of all operations of a layer graph."""
    return sum(macs for _, macs in graph.nodes(data="macs"))


def total_params(graph: nx.DiGraph) -> int:
    """Parameters that a layer graph reads, shared ones counted once."""
    return sum(graph.graph["parameter_sizes"].values())
