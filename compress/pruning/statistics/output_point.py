"""Where the output of a layer is looked at: after the batch normalisation and the activation function that follow it.

The walk starts at the layer and goes on while the value has one reader that treats each element by itself: batch
normalisation, an activation function, dropout (which does nothing in evaluation). It stops before everything else. So
a layer whose output enters a residual sum is looked at before the sum, after its batch normalisation; one whose output
is concatenated or pooled is looked at before that; and of an activation function that has been written as several
operations (``x · sigmoid(x)``) the value before it is taken, because it has two readers.
"""

from __future__ import annotations

import difflib

import networkx as nx
from torch import Tensor

from accel_sim.errors import PolicyError, WorkloadError

__all__ = ["output_point", "per_image"]

PASSED = frozenset(
    [
        *("batch_norm", "dropout", "identity", "relu", "relu6", "clamp", "leaky_relu", "elu", "softplus", "mish"),
        *("hardswish", "hardsigmoid", "sigmoid", "silu", "gelu", "tanh"),
    ]
)
"""Kinds of operations that the output is followed through."""


def output_point(graph: nx.DiGraph, layer: str) -> str:
    """The node whose output counts as the layer's.

    Args:
        graph: of :func:`compress.graph.trace.layer_graph`.
        layer: a convolution or linear layer.

    Raises:
        PolicyError: no such layer (names the nearest), or it is neither a convolution nor linear.
    """
    if layer not in graph:
        close = difflib.get_close_matches(layer, list(graph), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise PolicyError(f"layer {layer!r}: is not in the layer graph of {graph.graph['name']}{hint}")
    if graph.nodes[layer]["kind"] not in ("conv2d", "linear"):
        raise PolicyError(f"layer {layer!r}: is a {graph.nodes[layer]['kind']}; allowed: conv2d, linear")
    outputs = {ref.producer for ref in graph.graph["outputs"]}
    node = layer
    while node not in outputs:
        readers = list(graph.successors(node))
        if len(readers) != 1 or graph.nodes[readers[0]]["kind"] not in PASSED:
            break
        node = readers[0]
    return node


def per_image(values: Tensor, kind: str, images: int) -> Tensor:
    """An output as ``(images, channels, height, width)``; of a linear layer, height is positions and width 1.

    Windows of one image that a model moved into the batch (Swin) become positions of that image again.

    Args:
        values: ``(rows, channels, height, width)`` of a ``conv2d``, ``(rows, ..., features)`` of a ``linear``.
        kind: of the layer.
        images: that the model runs; ``rows`` is a multiple of it.

    Raises:
        WorkloadError: the rows are not.
    """
    if values.shape[0] % images:
        raise WorkloadError(
            f"an output of shape {tuple(values.shape)} cannot be told apart into {images} images; "
            "allowed: the batch is the first axis"
        )
    if kind == "linear":
        return values.reshape(images, -1, values.shape[-1]).transpose(1, 2).unsqueeze(-1)
    channels, height, width = values.shape[1:]
    windows = values.reshape(images, -1, channels, height, width).transpose(1, 2)
    return windows.reshape(images, channels, -1, width)
