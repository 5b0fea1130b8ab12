"""Puts back together what PyTorch's exporter takes apart, so that a network costs the same by either front end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

__all__ = ["fuse_activations"]


def fuse_activations(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes with ``x·sigmoid(x)`` as ``Swish`` and ``x/2·(1 + erf(x/√2))`` as ``Gelu``, in order."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    makers = {name: node for node in graph.node for name in node.output}
    constants = _scalars(graph)
    replaced: dict[str, onnx.NodeProto | None] = {}  # by first output, which no other node has
    for node in graph.node:
        match = None
        if node.op_type == "Sigmoid":
            match = _swish(node, readers)
        elif node.op_type == "Erf":
            match = _gelu(node, readers, makers, constants)
        if match is not None:
            op, source, parts = match
            label = node.name or node.output[0]
            fused = onnx.helper.make_node(op, [source], list(parts[-1].output), name=label)
            replaced.update({part.output[0]: None for part in parts})
            replaced[parts[-1].output[0]] = fused
    nodes = (replaced.get(node.output[0], node) for node in graph.node)
    return [node for node in nodes if node is not None]


Match = tuple[str, str, Sequence[onnx.NodeProto]]


def _scalars(graph: onnx.GraphProto) -> Mapping[str, NDArray[Any]]:
    """Constants of one element, initializers and ``Constant`` nodes alike."""
    tensors = {tensor.name: tensor for tensor in graph.initializer if math.prod(tensor.dims) == 1}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    return {name: onnx.numpy_helper.to_array(t) for name, t in tensors.items() if math.prod(t.dims) == 1}


def _only_reader(name: str, readers: Mapping[str, list[onnx.NodeProto]], op: str) -> onnx.NodeProto | None:
    found = readers.get(name, [])
    return found[0] if len(found) == 1 and found[0].op_type == op else None


def _swish(sigmoid: onnx.NodeProto, readers: Mapping[str, list[onnx.NodeProto]]) -> Match | None:
    product = _only_reader(sigmoid.output[0], readers, "Mul")
    if product is None or set(product.input) != {sigmoid.input[0], sigmoid.output[0]}:
        return None
    return "Swish", sigmoid.input[0], (sigmoid, product)


def _gelu(
    erf: onnx.NodeProto,
    readers: Mapping[str, list[onnx.NodeProto]],
    makers: Mapping[str, onnx.NodeProto],
    constants: Mapping[str, NDArray[Any]],
) -> Match | None:
    scaled = makers.get(erf.input[0])
    plus_one = _only_reader(erf.output[0], readers, "Add")
    if scaled is None or plus_one is None or len(readers[erf.input[0]]) != 1:
        return None
    factor = {"Div": math.sqrt(2), "Mul": 1 / math.sqrt(2)}.get(scaled.op_type, 0.0)
    if not _has_constant(scaled, factor, constants) or not _has_constant(plus_one, 1.0, constants):
        return None
    source = scaled.input[0]
    product = _only_reader(plus_one.output[0], readers, "Mul")
    if product is None or set(product.input) != {source, plus_one.output[0]}:
        return None
    half = _only_reader(product.output[0], readers, "Mul")
    if half is None or not _has_constant(half, 0.5, constants):
        return None
    return "Gelu", source, (scaled, erf, plus_one, product, half)


def _has_constant(node: onnx.NodeProto, value: float, constants: Mapping[str, NDArray[Any]]) -> bool:
    found = [constants[name].reshape(-1)[0] for name in node.input if name in constants]
    return len(found) == 1 and bool(np.isclose(float(found[0]), value, rtol=1e-3))
