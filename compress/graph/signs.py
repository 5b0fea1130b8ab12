"""Which tensors of a network can be negative; the others are quantised unsigned, with one bit more of resolution.

The rule: the network's input is signed (images are normalised around zero); what comes out of a matrix product or of a
normalisation is signed; relu, relu6, sigmoid, hardsigmoid, softmax, exp, sqrt, abs and norms are not; hardswish, silu,
gelu, tanh and constants are signed. Sums, products, pooling, concatenation and changes of layout are signed if one of
their operands is; a clamp is unsigned if its lower bound is not below zero or if its operand is.
"""

from __future__ import annotations

import networkx as nx

from compress.graph.node import TensorRef

__all__ = ["signed_nodes"]

UNSIGNED = frozenset(
    ["relu", "relu6", "sigmoid", "hardsigmoid", "softmax", "exp", "sqrt", "rsqrt", "abs", "norm", "softplus"]
)
INHERITED = frozenset(
    [
        "add",
        "mul",
        "div",
        "scale",
        "maximum",
        "minimum",
        "cat",
        "chunk",
        "slice",
        "layout",
        "roll",
        "pad",
        "identity",
        "dropout",
        "max_pool2d",
        "avg_pool2d",
        "adaptive_avg_pool",
        "adaptive_max_pool",
        "mean",
        "sum",
        "amax",
        "clamp",
        "upsample_nearest2d",
        "upsample_bilinear2d",
        "reciprocal",
    ]
)


def signed_nodes(graph: nx.DiGraph) -> dict[str, bool]:
    """For every node of a layer graph, whether its outputs can be negative.

    >>> import networkx as nx
    >>> graph = nx.DiGraph()
    >>> graph.add_node("input", kind="input", operands=(), attributes={})
    >>> graph.add_node("relu", kind="relu", operands=(TensorRef((1,), "input"),), attributes={})
    >>> signed_nodes(graph)
    {'input': True, 'relu': False}
    """
    signed: dict[str, bool] = {}
    for node, data in graph.nodes(data=True):
        signed[node] = _signed(data["kind"], data["operands"], data["attributes"], signed)
    return signed


def _signed(kind: str, operands: tuple[TensorRef, ...], attributes: dict[str, object], signed: dict[str, bool]) -> bool:
    if kind in UNSIGNED:
        return False
    if kind not in INHERITED:
        return True
    number = attributes.get("factor", attributes.get("constant", 0.0))
    low = attributes.get("low")
    if kind == "clamp" and isinstance(low, int | float) and low >= 0:
        return False
    negative = isinstance(number, float) and number < 0
    return negative or any(ref.producer is None or signed[ref.producer] for ref in operands)
