"""From a layer graph to the workload that ``accel_sim`` simulates.

What becomes of each operation:

* A matrix product is a :class:`GemmLayer`. Products of two computed tensors (attention) have no static weights.
* Batch normalisation right behind a convolution or linear layer that nothing else reads is folded into its weights and
  vanishes; elsewhere it is a vector operation.
* So does adding a constant per output channel there: that is a bias (ONNX writes linear layers as product and sum).
* Dropout, identities and multiplications by a number (part of the requantisation) vanish.
* Views, slices, chunks and concatenations move nothing: their readers read the tensors behind them, so that a reader
  of a concatenation has several inputs.
* Permutations, rolls and padding vanish where only matrix products read them, since the address generator that does
  im2col reads in any order, and right behind a matrix product that nothing else reads, whose results are stored in any
  order; elsewhere they move every element.
* Everything else is a :class:`VectorLayer` that costs what :mod:`compress.graph.vector_costs` says. Constants that a
  vector operation reads (a position embedding, a gain) are not counted as inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import GemmLayer, Layer, VectorLayer, Workload
from compress.graph.node import GemmView, TensorRef
from compress.graph.signs import signed_nodes
from compress.graph.vector_costs import vector_operations
from compress.integer_weights import integer_gemm_weights

__all__ = ["workload_from_graph"]

TRANSPARENT = frozenset(["dropout", "identity", "scale", "slice", "chunk", "cat"])
MOVES = frozenset(("layout", "roll", "pad"))


@dataclass(frozen=True)
class _Piece:
    """Part of a tensor: the layer that made it (``""``: the network's input) and how many elements."""

    layer: str
    elements: int


def workload_from_graph(
    graph: nx.DiGraph,
    name: str,
    a_bits: int = 8,
    w_bits: int = 8,
    weights: Mapping[str, NDArray[np.floating]] | None = None,
) -> Workload:
    """The layers of a layer graph in an order in which they can run.

    Args:
        a_bits, w_bits: widths of activations and weights in every layer; a product of two computed tensors has
            ``a_bits`` on both sides.
        weights: parameters by name; where given, static weights become integers (symmetric, per output channel).

    Raises:
        WorkloadError: bits out of range, an operation whose cost is not known, nothing to simulate.
    """
    lowering = _Lowering(graph, a_bits, w_bits, weights)
    for node in graph:
        lowering.lower(node)
    return Workload(name, tuple(lowering.layers))


def _merged(pieces: Iterable[_Piece]) -> tuple[_Piece, ...]:
    """One piece per layer, in order of first appearance: slices that are joined again are one tensor."""
    elements: dict[str, int] = {}
    for piece in pieces:
        elements[piece.layer] = elements.get(piece.layer, 0) + piece.elements
    return tuple(_Piece(layer, count) for layer, count in elements.items())


class _Lowering:
    """The state of one pass over the graph: the layers so far and, per node, the pieces that its outputs consist of."""

    def __init__(
        self, graph: nx.DiGraph, a_bits: int, w_bits: int, weights: Mapping[str, NDArray[np.floating]] | None
    ) -> None:
        self.layers: list[Layer] = []
        self._graph = graph
        self._a_bits, self._w_bits = a_bits, w_bits
        self._weights = weights or {}
        self._pieces: dict[str, tuple[_Piece, ...]] = {}
        self._signed = signed_nodes(graph)
        self._output_nodes = {ref.producer for ref in graph.graph["outputs"]}

    def lower(self, node: str) -> None:
        """Add the layer of one node, or let its readers read through it."""
        data = self._graph.nodes[node]
        if data["kind"] == "input":
            self._pieces[node] = (_Piece("", TensorRef(data["output_shapes"][0]).elements),)
            return
        if self._vanishes(node, data):
            self._pieces[node] = _merged(piece for ref in data["operands"] for piece in self._read(ref))
            return
        layer = self._vector(node, data) if data["gemm"] is None else self._gemm(node, data)
        self.layers.append(layer)
        elements = sum(TensorRef(shape).elements for shape in data["output_shapes"])
        self._pieces[node] = (_Piece(node, elements),)

    def _vanishes(self, node: str, data: Mapping[str, Any]) -> bool:
        kind = data["kind"]
        if kind == "batch_norm":
            return self._folds(data["operands"][0])
        if kind == "add":
            return self._is_bias(data["operands"])
        if kind in MOVES:
            still = not data["attributes"].get("moves", True)
            nothing_padded = kind == "pad" and data["input_shapes"][0] == data["output_shapes"][0]
            return still or nothing_padded or self._absorbed(node) or self._stored_in_order(data)
        return kind in TRANSPARENT

    def _folds(self, operand: TensorRef) -> bool:
        """Whether batch normalisation of this tensor can be part of the layer that makes it."""
        producer = operand.producer
        if producer is None or producer in self._output_nodes or self._graph.out_degree(producer) != 1:
            return False
        data = self._graph.nodes[producer]
        return data["kind"] in ("conv2d", "linear") and data["operands"][1].constant

    def _is_bias(self, operands: tuple[TensorRef, ...]) -> bool:
        """Whether a sum adds one constant per output channel to a linear layer's result."""
        constants = [ref for ref in operands if ref.constant]
        computed = [ref for ref in operands if not ref.constant]
        if len(constants) != 1 or len(computed) != 1 or not self._folds(computed[0]):
            return False
        producer = self._graph.nodes[computed[0].producer]
        channels: int = producer["gemm"].n
        per_channel = constants[0].elements == channels and constants[0].shape[-1:] == (channels,)
        return per_channel and str(producer["kind"]) == "linear"

    def _absorbed(self, node: str) -> bool:
        """Whether only matrix products read this, through whatever moves nothing."""
        if node in self._output_nodes:
            return False
        for reader in self._graph.successors(node):
            data = self._graph.nodes[reader]
            through = data["kind"] in TRANSPARENT or data["kind"] in MOVES
            if data["gemm"] is None and not (through and self._absorbed(reader)):
                return False
        return True

    def _stored_in_order(self, data: Mapping[str, Any]) -> bool:
        """Whether this rearranges the result of a matrix product that nothing else reads."""
        producers = [ref.producer for ref in data["operands"] if ref.producer is not None]
        if len(producers) != 1:
            return False
        (producer,) = producers
        if producer in self._output_nodes or self._graph.out_degree(producer) != 1:
            return False
        behind = self._graph.nodes[producer]
        through = behind["kind"] != "input" and self._vanishes(producer, behind)
        return behind["gemm"] is not None or (through and self._stored_in_order(behind))

    def _read(self, ref: TensorRef) -> tuple[_Piece, ...]:
        """The pieces of one operand; of a part of a tensor, each piece in proportion."""
        if ref.producer is None:
            return ()
        pieces = self._pieces[ref.producer]
        stored = sum(piece.elements for piece in pieces)
        if ref.elements >= stored:
            return pieces
        ends = np.cumsum([piece.elements for piece in pieces]) * ref.elements // stored
        return tuple(
            _Piece(piece.layer, int(size)) for piece, size in zip(pieces, np.diff(ends, prepend=0), strict=True) if size
        )

    def _names(self, ref: TensorRef) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(piece.layer for piece in self._read(ref)))
        return () if names == ("",) else names

    def _vector(self, node: str, data: Mapping[str, Any]) -> VectorLayer:
        pieces = [piece for ref in data["operands"] for piece in self._read(ref)]
        return VectorLayer(
            name=node,
            op=data["kind"],
            operations=vector_operations(node, data),
            input_elements=tuple(piece.elements for piece in pieces),
            inputs=tuple(piece.layer for piece in pieces),
            output_elements=sum(TensorRef(shape).elements for shape in data["output_shapes"]),
            bits=self._a_bits,
        )

    def _gemm(self, node: str, data: Mapping[str, Any]) -> GemmLayer:
        view: GemmView = data["gemm"]
        activation, weight = data["operands"][view.activation], data["operands"][view.weight]
        if activation.constant:
            raise WorkloadError(f"layer {node}: both operands are constants")
        return GemmLayer(
            name=node,
            op=data["kind"],
            groups=view.groups,
            m=view.m,
            n=view.n,
            k=view.k,
            a_bits=self._a_bits,
            w_bits=self._w_bits if weight.constant else self._a_bits,
            a_signed=self._signed[activation.producer or ""],
            w_signed=weight.constant or self._signed[weight.producer or ""],
            conv=view.conv,
            static_weights=weight.constant,
            inputs=self._names(activation),
            weight_inputs=() if weight.constant else self._names(weight),
            weights=self._integer_weights(node, data),
        )

    def _integer_weights(self, node: str, data: Mapping[str, Any]) -> NDArray[np.integer] | None:
        values = self._weights.get(data["parameters"].get("weight", ""))
        if values is None:
            return None
        signs = None
        for reader in self._graph.successors(node):
            if self._graph.nodes[reader]["kind"] == "batch_norm" and self._vanishes(reader, self._graph.nodes[reader]):
                gain = self._weights.get(self._graph.nodes[reader]["parameters"].get("weight", ""))
                signs = None if gain is None else np.sign(gain)
        layout = data["attributes"].get("weight_layout", "nk")
        return integer_gemm_weights(values, data["gemm"], self._w_bits, layout=layout, signs=signs)
